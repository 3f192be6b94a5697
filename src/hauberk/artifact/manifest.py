"""The manifest of a file or folder: every file by digest and size, and one digest for the whole.

A single file's digest is that of its bytes. A folder's digest is that of the canonical JSON of its manifest,
so that it changes when any file is added, removed, renamed or altered; empty folders and times do not count.

>>> import tempfile, pathlib
>>> path = pathlib.Path(tempfile.mkdtemp()) / "empty.bin"
>>> _ = path.write_bytes(b"")
>>> subject(path).digest[:14]
'sha256:e3b0c44'
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.canon import digest
from ..core.codec import Frozen
from ..core.errors import InputError, LimitExceeded
from ..core.limits import Limits
from ..core.ports import Progress, silent
from .hashing import Piece, hash_pieces, identity, open_regular

if TYPE_CHECKING:
    from ..core.nouns import Subject

__all__ = [
    "Entry", "Found", "Links", "Manifest", "files_of", "hash_files", "identity", "manifest", "open_regular", "subject",
]  # fmt: skip


@dataclass(frozen=True)
class Entry(Frozen):
    """One file. path: POSIX, relative to the root; '' when the root is the file itself."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Manifest(Frozen):
    """Every file of a model, sorted by path. folder: whether the root is a folder."""

    folder: bool
    files: tuple[Entry, ...]

    @property
    def digest(self) -> str:
        """The digest of the whole."""
        if not self.folder:
            return self.files[0].digest
        files = [{"digest": entry.digest, "path": entry.path, "size": entry.size} for entry in self.files]
        plain = {"files": files, "format": "hauberk/manifest/1"}
        # The canonical form: of names in order, texts and whole numbers, json writes the same (the tests compare).
        return digest(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode())

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)


class Links(Enum):
    """What is done with symbolic links to files; links to folders, and those that lead nowhere, are always refused."""

    REFUSE = "refuse"
    INSIDE = "inside"  # followed while they stay inside the model, and hashed as files
    FOLLOW = "follow"  # followed wherever they lead: the layout of the Hugging Face cache


@dataclass(frozen=True)
class Found:
    """A file on disk that belongs to a model: its path in the model, where it lies, where it links to, its size."""

    path: str
    place: Path | str
    link: str = ""
    size: int = 0

    @cached_property
    def location(self) -> Path:
        """Where it lies; made when it is asked for, since it costs more than to hash a small file."""
        return Path(self.place)


def manifest(
    path: Path, limits: Limits | None = None, progress: Progress = silent, *, links: Links = Links.INSIDE
) -> Manifest:
    """Hash a file or folder. Every file is opened once, and what is hashed is what was read.

    Symbolic links that stay inside the folder are followed and hashed as files; those that leave it are refused, unless
    `links` says otherwise.
    Raises InputError for a missing path, a link out, a device, socket or pipe, or a file that changes meanwhile;
    LimitExceeded past max_members or max_total_bytes.
    """
    limits = limits or Limits()
    return Manifest(path.is_dir(), hash_files(tuple(files_of(path, limits, links)), limits, progress))


def hash_files(
    found: Sequence[Found], limits: Limits, progress: Progress = silent, workers: int | None = None
) -> tuple[Entry, ...]:
    """SHA-256 of every file, with all cores, in the order given. Raises InputError, and LimitExceeded by total size."""
    total = sum(item.size for item in found)
    if total > limits.max_total_bytes:
        message = f"the files are {total} bytes together, the limit is {limits.max_total_bytes}"
        raise LimitExceeded(message, hint="raise the limit")
    pieces = [Piece(item.place, item.size) for item in found]
    hashed = hash_pieces(pieces, progress=progress, workers=workers)
    return tuple(Entry(f.path, h.size, "sha256:" + h.digest.hex()) for f, h in zip(found, hashed, strict=True))


def subject(path: Path, limits: Limits | None = None, *, kind: str = "model", progress: Progress = silent) -> Subject:
    """The Subject of a file or folder: its name and the digest of its manifest. Errors as `manifest`."""
    from ..core.nouns import Subject  # only here: a signature is made without the nouns

    return Subject(kind, path.name or path.resolve().name, manifest(path, limits, progress).digest)


def files_of(
    path: Path, limits: Limits, links: Links = Links.INSIDE, ignore: Sequence[str] = ()
) -> Iterator[Found]:
    """The files under a path in the order of their manifest. Raises as `manifest`.

    ignore: paths inside the folder; what lies under one of them is not looked at.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if not path.is_dir():
        yield Found("", path, size=path.stat().st_size)
        return
    walk = _Walk(path, limits, links, frozenset(ignore))
    walk.folder(os.fspath(path), "")
    yield from sorted(walk.found, key=lambda found: found.path)


class _Walk:
    """One walk over a folder, on strings: a Path for every step costs more than the walk."""

    def __init__(self, root: Path, limits: Limits, links: Links, ignore: frozenset[str]) -> None:
        self._root, self._base, self._limits, self._links, self._ignore = root, root.resolve(), limits, links, ignore
        self._count = 0
        self.found: list[Found] = []

    def folder(self, place: str, prefix: str) -> None:
        """Look at a folder and those inside it."""
        waiting = [(place, prefix)]
        while waiting:
            place, prefix = waiting.pop()
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        if prefix + entry.name not in self._ignore:
                            self._entry(entry, prefix + entry.name, waiting)
            except OSError as error:
                raise InputError(f"{place}: cannot be read: {error.strerror}") from error

    def _entry(self, entry: os.DirEntry[str], inner: str, waiting: list[tuple[str, str]]) -> None:
        self._count += 1
        if self._count > self._limits.max_members:
            message = f"{self._root}: more than {self._limits.max_members} files and folders"
            raise LimitExceeded(message, hint="take a smaller folder")
        if not inner.isascii():
            _utf8(self._root, inner)
        if entry.is_symlink():
            self.found.append(self._link(Path(entry.path), inner))
        elif entry.is_dir(follow_symlinks=False):
            waiting.append((entry.path, inner + "/"))
        else:
            size = entry.stat(follow_symlinks=False).st_size
            self.found.append(Found(inner, entry.path, size=size))

    def _link(self, place: Path, inner: str) -> Found:
        if self._links is Links.REFUSE:
            hint = "copy the file in, or allow symbolic links"
            raise InputError(f"{place}: a symbolic link", hint=hint)
        target = _target(place)
        if target is None or (self._links is Links.INSIDE and not target.is_relative_to(self._base)):
            message = f"{place}: a symbolic link that leaves the folder or leads nowhere"
            raise InputError(message, hint="copy the file in")
        if target.is_dir():
            message = f"{place}: a symbolic link to a folder"
            raise InputError(message, hint="copy the folder in, or remove the link")
        return Found(inner, target, os.readlink(place), target.stat().st_size)


def _utf8(root: Path, inner: str) -> None:
    try:
        inner.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{root}: file name {inner!r} is not UTF-8", hint="rename it") from error


def _target(link: Path) -> Path | None:
    """Where a link leads, or None when it leads nowhere or in a circle."""
    try:
        return link.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
