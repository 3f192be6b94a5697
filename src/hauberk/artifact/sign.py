"""Sign a model: hash its files, and sign the statement about them, as the OpenSSF `model_signing` does.

>>> import pathlib, tempfile
>>> from hauberk.crypto import bundle, keys
>>> model = pathlib.Path(tempfile.mkdtemp()) / "m.onnx"
>>> _ = model.write_bytes(b"weights")
>>> key = keys.generate("ecdsa-p256")
>>> signature = bundle.sign(write_statement(claim_of(model, recipe())), key)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..core.errors import InputError, UnsupportedError, need
from ..core.limits import Limits
from ..core.ports import Progress, silent
from .hashing import Hashed, Identity, Maker, Piece, hash_pieces
from .manifest import Entry, Found, Links, files_of
from .signature import GIT_PATHS, LARGEST_SHARD, SHARD_BYTES, Claim, Part, Recipe, in_order, write_statement

__all__ = ["STREAMED", "claim_of", "parts_of", "recipe", "seen_in", "write_statement"]

STREAMED = Limits(max_total_bytes=1 << 60, max_members=1_000_000)
"""Hashing holds nothing in memory but the names: weights of many terabytes are signed as well."""


@dataclass(frozen=True)
class Seen:
    """The files of a model that a recipe covers, and the empty ones that it cannot: shards have at least one byte."""

    files: tuple[Found, ...]
    empty: tuple[str, ...]


def recipe(
    *,
    shard_size: int | None = None,
    hash_type: str = "sha256",
    allow_symlinks: bool = False,
    ignore: Iterable[str] = (),
    git: bool = False,
) -> Recipe:
    """How to read a model. shard_size: 0 for the default, None for whole files. git: sign the files of git as well."""
    left_out = tuple(sorted({*ignore, *(() if git else GIT_PATHS)}))
    if shard_size is None:
        return Recipe("files", hash_type, 0, allow_symlinks, left_out)
    if not 0 <= shard_size <= LARGEST_SHARD:
        raise InputError(f"shards of {shard_size} bytes", hint="give a positive number of bytes")
    return Recipe("shards", hash_type, shard_size or SHARD_BYTES, allow_symlinks, left_out)


def claim_of(
    model: Path,
    how: Recipe,
    *,
    limits: Limits = STREAMED,
    progress: Progress = silent,
    known: Sequence[Entry] = (),
) -> Claim:
    """What can be stated about a model now. known: digests that were made already (by a scan, say), not made again.

    Raises InputError for a model with no file to sign, links where they are not allowed, and as `manifest` does;
    UnsupportedError for a name that the format cannot carry.
    """
    files = seen_in(model, how, limits).files
    if not files:
        raise InputError(f"{model}: there is no file to sign", hint="it is empty, or everything in it is left out")
    for item in files:
        if how.method == "shards" and ":" in item.path:
            raise UnsupportedError(f"{item.path}: a colon cannot be in a name with shards", hint="sign whole files")
    parts = parts_of(files, how, progress, {entry.path: entry for entry in known})
    return Claim(model.name or model.resolve().name, how, tuple(sorted(parts, key=lambda p: in_order(p.path, p.start))))


def seen_in(model: Path, how: Recipe, limits: Limits = STREAMED, ignore: Sequence[str] = ()) -> Seen:
    """The files that a recipe is about; ignore: paths to leave out besides. Raises as `manifest`."""
    links = Links.FOLLOW if how.allow_symlinks else Links.REFUSE
    found = tuple(files_of(model, limits, links, (*how.ignore, *ignore)))
    if how.method == "files":
        return Seen(found, ())
    return Seen(tuple(f for f in found if f.size), tuple(f.path for f in found if not f.size))


def parts_of(
    files: Sequence[Found], how: Recipe, progress: Progress = silent, known: Mapping[str, Entry] | None = None
) -> list[Part]:
    """Hash files as the recipe says. Raises InputError for a file that cannot be read or changes meanwhile."""
    ready = known if known and how.algorithm == "sha256" else {}
    missing = [item for item in files if item.path not in ready]
    pieces = [piece for item in missing for piece in _pieces(item, how)]
    hashed = hash_pieces([piece for _, piece in pieces], _maker(how.hash_type), progress=progress)
    _same(pieces, hashed)
    parts = [
        Part(path or ".", piece.start, piece.end, done.digest.hex())
        for (path, piece), done in zip(pieces, hashed, strict=True)
    ]
    given = [ready[item.path] for item in files if item.path in ready]
    return parts + [Part(e.path or ".", 0, None, e.digest.removeprefix("sha256:")) for e in given]


def _pieces(item: Found, how: Recipe) -> Iterator[tuple[str, Piece]]:
    if how.method == "files":
        yield item.path, Piece(item.place, item.size)
        return
    for start in range(0, item.size, how.shard_size):
        yield item.path, Piece(item.place, item.size, start, min(start + how.shard_size, item.size))


def _same(pieces: Sequence[tuple[str, Piece]], hashed: Sequence[Hashed]) -> None:
    """Raise InputError unless all shards of a file were read from the same file, unchanged between them."""
    first: dict[str, Identity] = {}
    for (path, piece), done in zip(pieces, hashed, strict=True):
        if first.setdefault(path, done.identity) != done.identity:
            message = f"{piece.location}: changed while it was read"
            raise InputError(message, hint="wait for the writer, then try again")


def _maker(hash_type: str) -> Maker:
    library = need("blake3", extra="sign") if hash_type == "blake3" else hashlib
    return cast(Maker, getattr(library, hash_type))


def left_out(model: Path, patterns: Iterable[str]) -> tuple[str, ...]:
    """Patterns as paths in the model, since a signature can hold no pattern.

    A pattern is a path in the model (what lies below a folder goes with it), a path on this machine that leads into it,
    or has wildcards and is held against every path and every name: `*.log`, `runs/*`. Raises InputError when one
    names nothing.
    """
    found: set[str] = set()
    for pattern in patterns:
        if not model.is_dir():
            raise InputError(f"--ignore {pattern}: {model} is not a folder")
        names = set(_matching(model, pattern.rstrip("/")))
        if not names:
            raise InputError(f"--ignore {pattern}: there is nothing of that name in {model}")
        found |= names
    return tuple(sorted(found))


def _matching(model: Path, pattern: str) -> Iterator[str]:
    for named in (model / pattern, Path(pattern)):
        if (inside := place_in(model, named)) and os.path.lexists(model / inside):
            yield inside
            return
    from fnmatch import fnmatchcase

    for place in model.rglob("*"):
        path = place.relative_to(model).as_posix()
        if fnmatchcase(path, pattern) or fnmatchcase(place.name, pattern):
            yield path


def place_in(model: Path, file: Path) -> str:
    """Where a file lies in a model's folder, as a POSIX path; '' when it is not inside."""
    try:
        inside = (file.parent.resolve() / file.name).relative_to(model.resolve())
    except (ValueError, OSError):
        return ""
    return "" if ".." in inside.parts or not inside.name else inside.as_posix()
