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

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.canon import canonical, digest
from ..core.codec import Frozen, encode
from ..core.errors import InputError, LimitExceeded
from ..core.limits import Limits
from ..core.nouns import Subject
from ..core.ports import Progress, silent

CHUNK = 1 << 20
"""Bytes read at a time: large enough that the hash, not the system call, is what costs."""



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
        return digest(canonical({"format": "hauberk/manifest/1", "files": encode(self.files)}))

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)


@dataclass(frozen=True)
class Found:
    """A file on disk that belongs to a model: its path in the model, where it lies, and its link target if any."""

    path: str
    location: Path
    link: str = ""


def manifest(path: Path, limits: Limits | None = None, progress: Progress = silent) -> Manifest:
    """Hash a file or folder. Every file is opened once, and what is hashed is what was read.

    Symbolic links that stay inside the folder are followed and hashed as files; those that leave it are refused.
    Raises InputError for a missing path, a link out, a device, socket or pipe, or a file that changes meanwhile;
    LimitExceeded past max_members or max_total_bytes.
    """
    limits = limits or Limits()
    found = list(files_of(path, limits))
    total = sum(f.location.stat().st_size for f in found)
    if total > limits.max_total_bytes:
        raise LimitExceeded(f"{path}: {total} bytes, the limit is {limits.max_total_bytes}", hint="raise the limit")
    entries, done = [], 0
    for item in found:
        progress(done, total, item.path or path.name)
        entries.append(_entry(item))
        done += entries[-1].size
    progress(total, total, "")
    return Manifest(path.is_dir(), tuple(entries))


def subject(path: Path, limits: Limits | None = None, *, kind: str = "model", progress: Progress = silent) -> Subject:
    """The Subject of a file or folder: its name and the digest of its manifest. Errors as `manifest`."""
    return Subject(kind, path.name or path.resolve().name, manifest(path, limits, progress).digest)


def files_of(path: Path, limits: Limits) -> Iterator[Found]:
    """The files under a path in the order of their manifest. Raises as `manifest`."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if not path.is_dir():
        yield Found("", path)
        return
    yield from sorted(_inside(path, limits), key=lambda found: found.path)


def _inside(root: Path, limits: Limits) -> Iterator[Found]:
    base, count = root.resolve(), 0
    for folder, folders, names in os.walk(root, followlinks=False):
        for name in sorted(names + [n for n in folders if os.path.islink(os.path.join(folder, n))]):
            count += 1
            if count > limits.max_members:
                raise LimitExceeded(f"{root}: more than {limits.max_members} files", hint="audit a smaller folder")
            yield _checked(root, base, Path(folder, name))


def _checked(root: Path, base: Path, place: Path) -> Found:
    inner = place.relative_to(root).as_posix()
    try:
        inner.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{root}: file name {inner!r} is not UTF-8", hint="rename it") from error
    if not place.is_symlink():
        return Found(inner, place)
    target = _target(place)
    if target is None or not target.is_relative_to(base):
        raise InputError(f"{place}: a symbolic link that leaves the folder or leads nowhere", hint="copy the file in")
    if target.is_dir():
        raise InputError(f"{place}: a symbolic link to a folder", hint="copy the folder in, or remove the link")
    return Found(inner, target, os.readlink(place))


def _target(link: Path) -> Path | None:
    """Where a link leads, or None when it leads nowhere or in a circle."""
    try:
        return link.resolve(strict=True)
    except (OSError, RuntimeError):
        return None


def open_regular(path: Path) -> int:
    """A read-only file descriptor of a regular file; never waits on a pipe. Raises InputError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InputError(f"{path}: not a regular file", hint="give a file or a folder of files")
    return fd


def identity(fd: int) -> tuple[int, int, int, int]:
    """What changes when an open file is written to: device, inode, size, time of modification."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _entry(item: Found) -> Entry:
    fd = open_regular(item.location)
    with os.fdopen(fd, "rb", buffering=0) as file:
        before, state, buffer = identity(fd), hashlib.sha256(), bytearray(CHUNK)
        view, size = memoryview(buffer), 0
        while n := file.readinto(buffer):
            state.update(view[:n])
            size += n
        if identity(fd) != before or size != before[2]:
            raise InputError(f"{item.location}: changed while it was read", hint="wait for the writer, then try again")
    return Entry(item.path, size, "sha256:" + state.hexdigest())
