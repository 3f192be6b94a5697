"""Open a sealed file: into memory without touching the disk, or into a new file that appears when all of it holds.

    content = open_sealed(Path("model.onnx.sealed"), [OpeningKey.load("team.key")])

Every refusal is a VerificationError with its own reason:

    malformed        not a sealed file, or a header that says what no header says
    not-canonical    a header written in another way than the one way
    unknown-version  of a form that this Hauberk does not know
    wrong-key        none of the given keys is a recipient, or the passphrase is another one
    altered-header   recipients, salt or subject are not those that were sealed
    altered-content  a chunk was changed, moved, repeated, dropped or taken from another file
    truncated        the file ends too early
    other-subject    the model inside is not the one that the header names
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from ..core.errors import LimitExceeded, VerificationError
from ..core.limits import Limits
from . import chunks
from .newfile import new_file, reserve
from .recipients import Passphrase, fits, unwrap
from .seal import head_bytes, open_source
from .sealed import MAC_BYTES, MAX_HEADER, PRELUDE, Header, parse
from .sealkeys import OpeningKey

HASH_PIECE = 1 << 20
MLOCK_ONFAULT = 1


class Where(StrEnum):
    """Where a plaintext goes."""

    MEMORY = "memory"
    FILE = "file"


class KeySource(Protocol):
    """Gives data keys out: by a policy decision (`release`), from a KMS, a TPM …"""

    def data_key(self, header: Header, mac: bytes, where: Where) -> bytes:
        """The data key of a file. Raises VerificationError when there is none for it, Denied when it is refused."""


Keys = Iterable[OpeningKey | Passphrase] | KeySource


@dataclass(frozen=True)
class _Sealed:
    """An open sealed file whose header holds. size: of the plaintext, which begins to be stored at `at`."""

    fd: int
    header: Header
    keyed: chunks.Keyed
    at: int
    size: int


def read_header(path: Path) -> Header:
    """What a sealed file says in the clear; nothing in it is verified. Raises VerificationError, InputError."""
    fd = open_source(path)
    try:
        return parse(_head(fd))[0]
    except VerificationError as error:
        raise _named(error, path) from error
    finally:
        os.close(fd)


def open_sealed(path: Path, keys: Keys, limits: Limits | None = None, *, threads: int | None = None) -> memoryview:
    """The plaintext, in memory of this process alone: never on disk, not in core dumps, kept from swapping where the
    system lets us (RLIMIT_MEMLOCK).

    Returns only when every byte is authenticated. The view is read-only; the memory is given back with its last view.
    Raises VerificationError, InputError, LimitExceeded (max_file_bytes), Denied by a KeySource.
    """
    limits = limits or Limits()
    fd = open_source(path)
    try:
        found = _verified(fd, keys, Where.MEMORY)
        if found.size > limits.max_file_bytes:
            raise LimitExceeded(f"{found.size} bytes, the limit is {limits.max_file_bytes}", hint="raise the limit")
        target = _memory(found.size)
        chunks.decrypt_to_memory(fd, found.at, target, found.keyed, threads)
        if found.header.subject:
            _is_subject(found.header, "sha256:" + sha256(target).hexdigest())
        return target.toreadonly()
    except VerificationError as error:
        raise _named(error, path) from error
    finally:
        os.close(fd)


def open_to_file(
    path: Path, target: Path, keys: Keys, *, replace: bool = False, threads: int | None = None
) -> Header:
    """The plaintext as a new file that only its owner may read. It has its name only once all of it is authenticated.

    Memory: 2 MiB a thread. Returns what the header says. Errors as `open_sealed`; InputError when the target is there.
    """
    fd = open_source(path)
    try:
        found = _verified(fd, keys, Where.FILE)
        with new_file(target, replace=replace) as out:
            reserve(out, found.size)
            chunks.decrypt_to_file(fd, found.at, found.size, out, found.keyed, threads)
            if found.header.subject:
                _is_subject(found.header, _digest(out))
        return found.header
    except VerificationError as error:
        raise _named(error, path) from error
    finally:
        os.close(fd)


def _verified(fd: int, keys: Keys, where: Where) -> _Sealed:
    # 1. The header is one that we know, to the letter.
    header, mac = parse(_head(fd))
    mac, at = mac[:MAC_BYTES], head_bytes(header)
    if len(mac) != MAC_BYTES:
        raise VerificationError("the header is cut off", reason="truncated")

    # 2. The chunks have a size that chunks can have.
    size = chunks.opened_size(os.fstat(fd).st_size - at)

    # 3. One of the keys is a recipient, and opens the data key.
    data_key = keys.data_key(header, mac, where) if not isinstance(keys, Iterable) else unlock(header, keys)

    # 4. The header is the one that was made with that data key.
    header.check(data_key, mac)
    return _Sealed(fd, header, chunks.Keyed(header.content_key(data_key), header.associated(mac)), at, size)


def unlock(header: Header, keys: Iterable[OpeningKey | Passphrase]) -> bytes:
    """The data key, by the first of the keys that is a recipient. Raises VerificationError (wrong-key)."""
    for key in keys:
        for recipient in header.recipients:
            if fits(recipient, key):
                return unwrap(recipient, key)
    named = ", ".join(r.key_id or "a passphrase" for r in header.recipients)
    raise VerificationError("sealed for others", reason="wrong-key", hint=f"it opens with: {named}")


def _head(fd: int) -> bytes:
    content = b""
    while len(content) < PRELUDE.size + MAX_HEADER + MAC_BYTES:
        if not (piece := os.pread(fd, PRELUDE.size + MAX_HEADER + MAC_BYTES - len(content), len(content))):
            break
        content += piece
    return content


def _memory(size: int) -> memoryview:
    if not size:
        return memoryview(bytearray())
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for advice in ("MADV_HUGEPAGE", "MADV_DONTDUMP"):
        with suppress(OSError, AttributeError):
            area.madvise(getattr(mmap, advice))
    _lock(area, size)
    return memoryview(area)


def _lock(area: mmap.mmap, size: int) -> None:
    """Keep the pages from the swap, if they fit into what this user may lock."""
    import ctypes
    import resource

    allowed = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if allowed != resource.RLIM_INFINITY and size > allowed:
        return
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    with suppress(AttributeError):  # glibc 2.27; the pages are locked as they come, by the threads that fill them
        ctypes.CDLL(None).mlock2(ctypes.c_void_p(address), ctypes.c_size_t(size), MLOCK_ONFAULT)


def _digest(fd: int) -> str:
    state, buffer, at = sha256(), memoryview(bytearray(HASH_PIECE)), 0
    while n := os.preadv(fd, [buffer], at):
        state.update(buffer[:n])
        at += n
    return "sha256:" + state.hexdigest()


def _is_subject(header: Header, found: str) -> None:
    if found != header.subject:
        told = f"the model inside has digest {found}, the header names {header.subject}"
        raise VerificationError(told, reason="other-subject", hint="it was sealed under another model's name")


def _named(error: VerificationError, path: Path) -> VerificationError:
    return VerificationError(f"{path}: {error}", reason=error.reason, hint=error.hint)
