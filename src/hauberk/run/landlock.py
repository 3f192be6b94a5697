"""Landlock: which files a process may open, decided by itself, for ever (Linux 5.13 and later).

Source: https://docs.kernel.org/userspace-api/landlock.html. What an older kernel cannot refuse is left out of the
ruleset there; `seccomp` refuses those calls as a whole.

>>> rights_of(1) < rights_of(3) < rights_of(7)
True
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable
from functools import cache

from .kernel import machine, system_call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
VERSION_FLAG = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
FIRST_RIGHTS = (1 << 13) - 1
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
RIGHTS_SINCE = {1: FIRST_RIGHTS, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}

BIND_AND_CONNECT_TCP = 0b11  # since ABI 4
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # since ABI 6

READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | TRUNCATE
ON_A_FILE = READ_FILE | WRITE_FILE | TRUNCATE
"""The rights that mean something for a file; the kernel refuses a rule with any other."""


@cache
def abi() -> int:
    """The Landlock version of the running kernel; 0 when it has none or it is switched off."""
    if not machine():
        return 0
    try:
        return system_call(CREATE_RULESET, None, 0, VERSION_FLAG)
    except OSError:
        return 0


def rights_of(version: int) -> int:
    """Every file right that this version can refuse."""
    return sum(bits for since, bits in RIGHTS_SINCE.items() if since <= version)


def restrict(reads: Iterable[str], writes: Iterable[str], version: int) -> None:
    """Refuse this process, and all that it starts, every file but these; no new sockets, no signals to others.

    reads: files and folders to read below. writes: folders to read, make and remove plain files and folders below,
    or devices to write to; no links, no sockets. Nothing may be executed. A path that does not exist is passed over.
    Raises OSError when the kernel refuses. Needs no_new_privs.
    """
    handled = rights_of(version)
    ruleset = system_call(CREATE_RULESET, *_attributes(handled, version), 0)
    try:
        for path in reads:
            _allow(ruleset, path, READ & handled)
        for path in writes:
            _allow(ruleset, path, WRITE & handled)
        system_call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _attributes(handled: int, version: int) -> tuple[bytes, int]:
    words = [handled]
    if version >= 4:
        words.append(BIND_AND_CONNECT_TCP)
    if version >= 6:
        words.append(ABSTRACT_SOCKETS_AND_SIGNALS)
    return struct.pack(f"={len(words)}Q", *words), 8 * len(words)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= ON_A_FILE
        system_call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)
