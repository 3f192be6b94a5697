"""Seal a file: encrypted at rest, for whoever holds one of the keys.

    seal(Path("model.onnx"), Path("model.onnx.sealed"), [SealingKey.load("team.pub")])

Sealing keeps strangers from reading. It does not say who sealed: anyone can seal for a public key. Sign for that.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import InputError
from . import chunks
from .newfile import PUBLIC, new_file, reserve
from .recipients import KEY_BYTES, Cost, Passphrase, wrap
from .sealed import HEADER_SALT_BYTES, MAC_BYTES, Header
from .sealkeys import SealingKey


def seal(
    source: Path, target: Path, to: Sequence[SealingKey | Passphrase], *,
    subject: str = "", cost: Cost | None = None, replace: bool = False, threads: int | None = None,
) -> Header:  # fmt: skip
    """Encrypt a file for public keys, and at most one passphrase, into a new file. Returns what its header says.

    subject: the digest of the source, to be bound into the header, so that a policy can decide about the model before
    it is opened; everyone who has the sealed file can then see which model it is. cost: of the passphrase's
    derivation. threads: None for one a processor.
    Memory: 2 MiB a thread. Raises InputError when there is no recipient, the source is no regular file or changes
    meanwhile, or the target is there already.
    """
    # 1. A fresh data key, wrapped once for each recipient; the header commits to it.
    data_key = os.urandom(KEY_BYTES)
    header = Header(os.urandom(HEADER_SALT_BYTES), tuple(wrap(data_key, who, cost) for who in to), subject)
    mac = header.mac(data_key)
    head = header.plain + mac

    # 2. Every chunk under a key of its own file, its number, whether it is the last, and all that stands before.
    keyed = chunks.Keyed(header.content_key(data_key), header.associated(mac))
    fd = open_source(source)
    try:
        before = _identity(fd)
        size = os.fstat(fd).st_size
        with new_file(target, mode=PUBLIC, replace=replace) as out:
            reserve(out, len(head) + chunks.sealed_size(size))
            os.pwrite(out, head, 0)
            chunks.encrypt(fd, size, out, len(head), keyed, threads)
            # 3. The sealed file appears only if the source is still what it was.
            if _identity(fd) != before:
                raise InputError(f"{source}: changed while it was read", hint="wait for the writer, then try again")
    finally:
        os.close(fd)
    return header


def head_bytes(header: Header) -> int:
    """Bytes before the first chunk."""
    return len(header.plain) + MAC_BYTES


def open_source(path: Path) -> int:
    """A read-only descriptor of a regular file; never waits on a pipe. Raises InputError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InputError(f"{path}: not a regular file", hint="a folder is sealed file by file, or as an archive")
    return fd


def _identity(fd: int) -> tuple[int, int, int]:
    status = os.fstat(fd)
    return status.st_size, status.st_mtime_ns, status.st_ino
