"""Weights out of a model file into safetensors, without ever running the file.

    done = convert(Path("model.pt"), Path("model.safetensors"))
    done.digest, done.calls            # what was written; what loading would have called, and was not

Whatever a program of the file does beside building tensors is not done. What cannot be understood on the way to a
tensor is refused, never guessed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..core.errors import HauberkError, InputError, LimitExceeded, UnsupportedError
from ..core.limits import Limits
from ..crypto.newfile import PUBLIC, new_file
from .manifest import Found
from .reading import Reading
from .weights import source, tree, write
from .weights.builder import Call
from .weights.tree import Left

__all__ = ["Call", "Converted", "Left", "convert"]


@dataclass(frozen=True)
class Converted:
    """What was done. source, digest: of the very bytes that were read, and of those that were written.

    form: what the source is. tensors: (type, shape) by name, in the order of the source. left: what was not taken
    along. calls: what loading would have called beside what makes tensors, by name.
    """

    source: str
    digest: str
    size: int
    form: str
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]
    left: tuple[Left, ...]
    calls: Mapping[str, Call]


def convert(
    path: Path, target: Path, limits: Limits | None = None, *, partial: bool = False, replace: bool = False
) -> Converted:
    """Write the tensors of a file as safetensors, dense and named as `state_dict()` names them.

    Reads torch checkpoints (zip and legacy), pickles and joblib files of NumPy arrays, .npy, .npz and ONNX.
    partial: leave out tensors that safetensors has no form for, or that cannot be understood.
    Memory: what the program of the file needs, and a few MiB; weights are copied from where they lie.
    Raises InputError for a file that cannot be read or holds no tensor, UnsupportedError for one of another format or
    a tensor as above, LimitExceeded.
    """
    limits = limits or Limits()
    before = _state(path)
    found, taken, digest = _read(path, limits, partial)
    with new_file(target, mode=PUBLIC, replace=replace) as fd:
        written = write.write(fd, taken.tensors, {"format": found.framework, "hauberk.source": digest})
        if _state(path) != before:
            raise InputError(f"{path}: changed while it was read", hint="wait for the writer, then try again")
    shapes = {name: (t.dtype, t.shape) for name, t in taken.tensors.items()}
    return Converted(digest, written.digest, written.size, found.form, shapes, tuple(taken.left), dict(found.calls))


class _Found(NamedTuple):
    source: source.Source
    taken: tree.Taken
    digest: str


def _read(path: Path, limits: Limits, partial: bool) -> _Found:
    """The tensors, still where they lie, and the file's digest, which a thread makes meanwhile."""
    reading = Reading(Found("", path), digests=True)
    try:
        found = source.read(reading.data, limits)
        taken = tree.take(found.result, partial=partial)
        if not taken.tensors:
            raise InputError("no tensor in it", hint="hauberk scan shows what is")
        write.fitting(taken.tensors, len(reading.data), limits.max_ratio, limits.max_total_bytes)
    except HauberkError as error:
        reading.close()
        kind = type(error) if type(error) in (UnsupportedError, LimitExceeded) else InputError
        raise kind(f"{path}: {error}", hint=error.hint) from error
    except BaseException:
        reading.close()
        raise
    return _Found(found, taken, reading.entry().digest)


def _state(path: Path) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
