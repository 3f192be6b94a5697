"""One file under scan: its bytes, and their digest, which a thread makes while the bytes are walked.

A small file is read once, so that what is hashed is what was walked. A large one is mapped; that it was not written to
meanwhile is seen by its times.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import threading

from ..core.errors import InputError
from .manifest import Entry, Found, identity, open_regular

MAPPED = 1 << 20
"""Files from here on are mapped and hashed on a thread; below, both cost more than they save."""
PIECE = 1 << 24
"""Bytes hashed between two looks at whether anybody still wants the digest."""


class Reading:
    """An open file. data: its bytes. Raises InputError when it cannot be read."""

    def __init__(self, item: Found, *, digests: bool) -> None:
        self.item = item
        self._fd = open_regular(item.location)
        self._before = identity(self._fd)
        self._state, self._stopped, self._digests = hashlib.sha256(), False, digests
        self._thread: threading.Thread | None = None
        try:
            self.data = self._content()
        except BaseException:
            os.close(self._fd)
            raise
        if not digests:
            return
        if len(self.data) < MAPPED:
            self._state.update(self.data)
        else:
            self._thread = threading.Thread(target=self._hash, daemon=True)
            self._thread.start()

    def entry(self) -> Entry:
        """Its line in the manifest, and the end of it. Raises InputError if it was written to meanwhile."""
        try:
            if self._thread is not None:
                self._thread.join()
            if identity(self._fd) != self._before or len(self.data) != self._before[2]:
                raise InputError(
                    f"{self.item.location}: changed while it was read", hint="wait for the writer, then try again"
                )
            digest = "sha256:" + self._state.hexdigest() if self._digests else ""
            return Entry(self.item.path, len(self.data), digest)
        finally:
            self.close()

    def close(self) -> None:
        """Stop hashing, let go of the file."""
        self._stopped = True
        if self._thread is not None:
            self._thread.join()
        os.close(self._fd)

    def _content(self) -> memoryview:
        size = self._before[2]
        if size >= MAPPED:
            return memoryview(mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ))
        return memoryview(os.read(self._fd, size + 1))

    def _hash(self) -> None:
        for at in range(0, len(self.data), PIECE):
            if self._stopped:
                return
            self._state.update(self.data[at : at + PIECE])
            forget(self.data, at, min(PIECE, len(self.data) - at))


def forget(data: memoryview, at: int, size: int) -> None:
    """Let go of mapped pages that were read: they stay in the system's cache, and count no longer as this process's.

    at: a multiple of the page size.
    """
    if size and isinstance(data.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        data.obj.madvise(mmap.MADV_DONTNEED, at, size)
