"""The chunks of a sealed file: read, encrypted or decrypted, and written by several threads, in buffers that stay.

OpenSSL works without Python's lock, so threads share the processors. What is read is copied into a private buffer
before it is authenticated: who writes to the file meanwhile cannot have one text checked and another one used.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..core.errors import HauberkError, InputError, VerificationError
from .recipients import TAG_BYTES
from .sealed import CHUNK, SEALED_CHUNK, nonce

CHUNKS_A_THREAD = 8
"""Fewer are done before a second thread has started."""
MAX_THREADS = 8

Work = Callable[[int], None]


@dataclass(frozen=True)
class Keyed:
    """What all chunks of a file share."""

    key: bytes
    associated: bytes


def sealed_size(size: int) -> int:
    """Bytes of the chunks of that many bytes.

    >>> sealed_size(0), sealed_size(CHUNK), sealed_size(CHUNK + 1)
    (16, 1048592, 1048609)
    """
    return size + TAG_BYTES * count(size)


def count(size: int) -> int:
    """Chunks of that many bytes: one at least, and none is empty but the only one."""
    return max(1, -(-size // CHUNK))


def opened_size(sealed: int) -> int:
    """Bytes that chunks of `sealed` bytes hold. Raises VerificationError (truncated) when no file has such a size."""
    chunks = max(1, -(-sealed // SEALED_CHUNK))
    size = sealed - TAG_BYTES * chunks
    if size < 0 or count(size) != chunks:
        raise VerificationError("it ends inside of a chunk's tag", reason="truncated", hint="get the file again")
    return size


def encrypt(source: int, size: int, target: int, at: int, keyed: Keyed, threads: int | None = None) -> None:
    """Encrypt `size` bytes of one descriptor into another one from `at` on. Raises InputError if there are fewer."""
    total = count(size)

    def worker() -> Work:
        cipher, clear, sealed = AESGCM(keyed.key), memoryview(bytearray(CHUNK)), memoryview(bytearray(SEALED_CHUNK))

        def one(i: int) -> None:
            n = min(CHUNK, size - i * CHUNK)
            if not _read(source, clear[:n], i * CHUNK):
                raise InputError("the file became shorter while it was read", hint="wait for its writer")
            whole = sealed[: n + TAG_BYTES]
            cipher.encrypt_into(nonce(i, i == total - 1), clear[:n], keyed.associated, whole)
            _write(target, whole, at + i * SEALED_CHUNK)

        return one

    _spread(worker, total, threads)


def decrypt_to_file(source: int, at: int, size: int, target: int, keyed: Keyed, threads: int | None = None) -> None:
    """Decrypt chunks that hold `size` bytes, from `at` on, into a descriptor that nobody reads before this returns.

    Raises VerificationError (altered-content, truncated).
    """
    total = count(size)

    def worker() -> Work:
        clear, chunk = memoryview(bytearray(CHUNK)), _opener(source, at, size, keyed)

        def one(i: int) -> None:
            n = min(CHUNK, size - i * CHUNK)
            chunk(i, clear[:n])
            _write(target, clear[:n], i * CHUNK)

        return one

    _spread(worker, total, threads)


def decrypt_to_memory(
    source: int, at: int, target: memoryview, keyed: Keyed, threads: int | None = None
) -> None:
    """Decrypt chunks straight into `target`, whose length they must have. Errors as `decrypt_to_file`."""
    size = len(target)

    def worker() -> Work:
        chunk = _opener(source, at, size, keyed)
        return lambda i: chunk(i, target[i * CHUNK : (i + 1) * CHUNK])

    _spread(worker, count(size), threads)


def _opener(source: int, at: int, size: int, keyed: Keyed) -> Callable[[int, memoryview], None]:
    cipher, sealed, last = AESGCM(keyed.key), memoryview(bytearray(SEALED_CHUNK)), count(size) - 1

    def chunk(i: int, clear: memoryview) -> None:
        whole = sealed[: len(clear) + TAG_BYTES]
        if not _read(source, whole, at + i * SEALED_CHUNK):
            raise VerificationError(f"chunk {i} is cut off", reason="truncated", hint="get the file again")
        try:
            cipher.decrypt_into(nonce(i, i == last), whole, keyed.associated, clear)
        except InvalidTag as error:
            why = f"chunk {i} of {last + 1} was altered, moved or cut off"
            raise VerificationError(why, reason="altered-content", hint="get the file again") from error

    return chunk


def _spread(worker: Callable[[], Work], total: int, threads: int | None) -> None:
    """Do `total` pieces of work, each thread with a worker of its own. Raises the error of the earliest piece."""
    n = min(threads or _processors(), max(1, total // CHUNKS_A_THREAD))
    errors: dict[int, BaseException] = {}

    def run(first: int) -> None:
        i = first
        try:
            work = worker()
            for i in range(first, total, n):
                if errors:
                    return
                work(i)
        except BaseException as error:  # noqa: BLE001  raised below, in the thread that asked
            errors[i] = error

    others = [threading.Thread(target=run, args=(k,), daemon=True) for k in range(1, n)]
    for thread in others:
        thread.start()
    run(0)
    for thread in others:
        thread.join()
    if errors:
        ours = [i for i, error in errors.items() if isinstance(error, HauberkError)]
        raise errors[min(ours or errors)]


def _processors() -> int:
    return min(MAX_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _read(fd: int, into: memoryview, at: int) -> bool:
    """Fill `into`; False when the file ends before."""
    done = 0
    while done < len(into):
        if not (n := os.preadv(fd, [into[done:]], at + done)):
            return False
        done += n
    return True


def _write(fd: int, content: memoryview, at: int) -> None:
    done = 0
    while done < len(content):
        done += os.pwrite(fd, content[done:], at + done)
