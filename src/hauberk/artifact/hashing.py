"""Hash files, or pieces of them, with every core: `hashlib` lets go of the interpreter while it works.

Small files are read by the caller's thread, one system call each, since handing them to another thread would cost
more than hashing them. Large ones go to as many threads as there are cores, the largest first. Files are read into
buffers, not mapped: a mapped file that somebody cuts short kills the process.

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "a"
>>> _ = path.write_bytes(b"abcdef")
>>> [piece.digest.hex()[:8] for piece in hash_pieces([Piece(path, 6), Piece(path, 6, 2, 4)])]
['bef57ec7', '21e721c3']
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError
from ..core.ports import Progress, silent

if TYPE_CHECKING:
    from hashlib import _Hash

BUFFER = 1 << 20
"""Bytes read at a time: what is hashed is then still in the cache of the core."""
SMALL = 1 << 18
"""Pieces up to this many bytes are read whole, by the caller's thread."""
OFF_PAGE = 64
LOOK_S = 0.2
"""How often progress is told while other threads finish."""
Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes start to end (None: the end) of a file that is `size` bytes large when it is planned."""

    location: Path | str
    size: int
    start: int = 0
    end: int | None = None

    @property
    def length(self) -> int:
        """Bytes to hash."""
        return (self.size if self.end is None else self.end) - self.start


@dataclass(frozen=True, slots=True)
class Hashed:
    """What was hashed: digest, number of bytes, and what the file was while they were read."""

    digest: bytes
    size: int
    identity: Identity


Maker = Callable[..., "_Hash"]


def hash_pieces(
    pieces: Sequence[Piece],
    make: Maker = hashlib.sha256,
    *,
    progress: Progress = silent,
    workers: int | None = None,
) -> list[Hashed]:
    """Hash every piece; results in the order of the pieces. workers: threads, by default one a core.

    Raises InputError for what is no regular file, cannot be read, or is not (or does not stay) of the planned size.
    """
    job = _Job(pieces, make, progress)
    large = sum(piece.length > SMALL for piece in pieces)
    spare = (workers or os.cpu_count() or 1) - 1
    helpers = [
        threading.Thread(target=job.work, args=(False,), daemon=True)
        for _ in range(min(spare, large - (large == len(pieces))))
    ]
    for helper in helpers:
        helper.start()
    job.work(True)
    for helper in helpers:
        while helper.is_alive():
            helper.join(LOOK_S)
            job.tell("")
    if job.error is not None:
        raise job.error
    job.end()
    return job.results


class _Job:
    """What the threads share. Each result has a place of its own, and `deque` needs no lock."""

    def __init__(self, pieces: Sequence[Piece], make: Maker, progress: Progress) -> None:
        self._waiting = deque(sorted(range(len(pieces)), key=lambda i: pieces[i].length))
        self._pieces, self._make, self._progress = pieces, make, progress
        self._total, self._done = sum(p.length for p in pieces), 0
        self.results: list[Any] = [None] * len(pieces)
        self.error: BaseException | None = None

    def work(self, caller: bool) -> None:
        """Take pieces until none is left: the caller's thread the small ones first, the others the large ones."""
        buffer: memoryview | None = None
        while self.error is None:
            try:
                index = self._waiting.popleft() if caller else self._waiting.pop()
            except IndexError:
                return
            piece = self._pieces[index]
            try:
                if piece.length > SMALL:
                    buffer = buffer or _buffer()
                    self.results[index] = self._large(piece, buffer, caller)
                else:
                    self.results[index] = _small(piece, self._make)
                    self._count(piece.length, piece, caller)
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                self.error = error

    def tell(self, note: str) -> None:
        """Tell of progress; only the caller's thread does."""
        self._progress(min(self._done, self._total), self._total, note)

    def end(self) -> None:
        """Tell that everything is done."""
        self._progress(self._total, self._total, "")

    def _large(self, piece: Piece, view: memoryview, caller: bool) -> Hashed:
        state, done = self._make(), 0
        fd, before = _opened(piece.location)
        with os.fdopen(fd, "rb", buffering=0) as file:
            file.seek(piece.start)
            while n := file.readinto(view[: min(BUFFER, piece.length - done)]):
                state.update(view[:n])
                done += n
                self._count(n, piece, caller)
                if self.error is not None:
                    break
            _unchanged(piece, file.fileno(), before, done)
        return Hashed(state.digest(), done, before)

    def _count(self, n: int, piece: Piece, caller: bool) -> None:
        self._done += n  # two threads may lose a count to each other: it is for the eye
        if caller and self._progress is not silent:
            self.tell(os.path.basename(piece.location))


def _buffer() -> memoryview:
    """Room for BUFFER bytes, not at the start of a page, to which AMD's Zen copies four times slower."""
    return memoryview(mmap.mmap(-1, BUFFER + OFF_PAGE))[OFF_PAGE:]


def _small(piece: Piece, make: Maker) -> Hashed:
    fd, before = _opened(piece.location)
    try:
        content = os.pread(fd, piece.length, piece.start)
        _unchanged(piece, fd, before, len(content))
    finally:
        os.close(fd)
    return Hashed(make(content).digest(), len(content), before)


def _unchanged(piece: Piece, fd: int, before: Identity, done: int) -> None:
    if identity(fd) != before or before[2] != piece.size or done != piece.length:
        raise InputError(f"{piece.location}: changed while it was read", hint="wait for the writer, then try again")


def open_regular(path: Path | str) -> int:
    """A read-only file descriptor of a regular file; never waits on a pipe. Raises InputError."""
    return _opened(path)[0]


def _opened(path: Path | str) -> tuple[int, Identity]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise InputError(f"{path}: not a regular file", hint="give a file or a folder of files")
    return fd, _identity(status)


def identity(fd: int) -> Identity:
    """What changes when an open file is written to: device, inode, size, time of modification."""
    return _identity(os.fstat(fd))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
