"""Weights out of a model file into safetensors, without ever running the file.

    done = convert(Path("model.pt"), Path("model.safetensors"))
    done.digest, done.calls            # what was written; what loading would have called, and was not

Whatever a program of the file does beside building tensors is not done. What cannot be understood on the way to a
tensor is refused, never guessed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..core.errors import HauberkError, InputError, LimitExceeded, UnsupportedError
from ..core.limits import Limits
from ..crypto.newfile import PUBLIC, new_file
from .manifest import Found
from .reading import Reading, forget
from .weights import source, tree, write
from .weights.told import Call, Converted, Left

__all__ = ["Call", "Converted", "Left", "convert"]


def convert(
    path: Path, target: Path, limits: Limits | None = None, *, partial: bool = False, replace: bool = False
) -> Converted:
    """Write the tensors of a file as safetensors, dense and named as `state_dict()` names them.

    Reads torch checkpoints (zip and legacy), pickles and joblib files of NumPy arrays, .npy, .npz, ONNX, Keras
    and other HDF5 files.
    partial: leave out tensors that safetensors has no form for, or that cannot be understood.
    Memory: what the program of the file needs, and a few MiB; weights are copied from where they lie.
    Raises InputError for a file that cannot be read or holds no tensor, UnsupportedError for one of another format or
    a tensor as above, LimitExceeded.
    """
    with new_file(target, mode=PUBLIC, replace=replace) as fd:
        return convert_into(fd, path, limits or Limits(), partial=partial)


def convert_into(fd: int, path: Path, limits: Limits, *, partial: bool) -> Converted:
    """`convert` into an open file. If it raises, what was written so far is nothing to keep."""
    before = _state(path)
    found, taken, digest, data = _read(path, limits, partial)
    written = write.write(fd, taken.tensors, _metadata(found, digest), forget=lambda: forget(data, 0, len(data)))
    if _state(path) != before:
        raise InputError(f"{path}: changed while it was read", hint="wait for the writer, then try again")
    shapes = {name: (t.dtype, t.shape) for name, t in taken.tensors.items()}
    return Converted(digest, written.digest, written.size, found.form, shapes, tuple(taken.left), dict(found.calls))


class _Found(NamedTuple):
    source: source.Source
    taken: tree.Taken
    digest: str
    data: memoryview


def _metadata(found: source.Source, digest: str) -> dict[str, str]:
    return {"format": found.framework, "hauberk.source": digest}


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
    return _Found(found, taken, reading.entry().digest, reading.data)


def _state(path: Path) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
