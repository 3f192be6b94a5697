"""seccomp: which system calls a process may make, and with which arguments, for ever.

An allow-list: what is not in `syscalls` fails with EPERM, or with ENOSYS for calls so new that C libraries try them
and fall back (clone3 above all, whose flags a filter cannot read). A foreign architecture kills the process.

>>> program = assemble("x86_64", pid=1, writes=False)
>>> len(program) // 8 < 4096
True
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from errno import ENOSYS, EPERM
from functools import cache
from typing import NamedTuple

from .kernel import machine, system_call
from .syscalls import ALLOWED, EXAMINED, MACHINES, WRITING

SECCOMP = {"x86_64": 317, "aarch64": 277}
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SET_MODE_FILTER, GET_ACTION_AVAILABLE = 1, 2
ALL_THREADS = 1

KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
X32 = 0x40000000
"""The bit that selects the x32 ABI of x86_64: other numbers for the same calls."""

FIRST_NEW = 435
"""clone3. Programs expect ENOSYS from a kernel without it; every later call is as new."""

LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER_AT, ARCH_AT, ARGUMENTS_AT = 0, 4, 16
WHOLE = 0xFFFFFFFF

CLONE_THREAD = 0x00010000
CLONE_SPACES = 0x7E020000
EXIT_SIGNAL = 0xFF

O_ACCMODE, O_CREAT, O_TRUNC, O_TMPFILE = 0o3, 0o100, 0o1000, 0o20000000
TERMINAL_SIZE, IS_TERMINAL, IS_TERMINAL_2 = 0x5413, 0x5401, 0x802C542A
IOCTLS = (IS_TERMINAL, IS_TERMINAL_2, TERMINAL_SIZE, 0x541B, 0x5421, 0x5450, 0x5451)  # FIONREAD FIONBIO FIO(N)CLEX
FCNTLS = (0, 1, 2, 3, 4, 1030, 1031, 1032)  # dup, get and set flags, pipe size: no locks, no owner, no signal
PRCTLS = (3, 15, 16, 21, 23, 39, 51, 64, 0x53564D41)  # names and questions: not the death signal, not dumpable


class Guard(NamedTuple):
    """True when argument `at`, masked, is one of `values`. The upper half is never read: the kernel ignores it too."""

    at: int
    values: tuple[int, ...]
    mask: int = WHOLE


def guards(pid: int, writes: bool) -> dict[str, Guard]:
    """What the arguments of each examined call must be. pid: of the cell itself."""
    return {
        "open": _opening(1, writes),
        "openat": _opening(2, writes),
        "clone": Guard(0, (CLONE_THREAD,), CLONE_THREAD | CLONE_SPACES | EXIT_SIGNAL),
        "kill": Guard(0, (pid,)),
        "tgkill": Guard(0, (pid,)),
        "prlimit64": Guard(0, (0, pid)),
        "sched_setaffinity": Guard(0, (0, pid)),
        "prctl": Guard(0, PRCTLS),
        "ioctl": Guard(1, IOCTLS),
        "fcntl": Guard(1, FCNTLS),
    }


def _opening(at: int, writes: bool) -> Guard:
    """Reading only; or anything but a truncation in disguise, which Landlock before ABI 3 lets pass."""
    if not writes:
        return Guard(at, (0,), O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE)
    return Guard(at, (0, 1, 2, O_TRUNC | 1, O_TRUNC | 2), O_ACCMODE | O_TRUNC)


def assemble(architecture: str, *, pid: int, writes: bool) -> bytes:
    """The filter as classic BPF, 8 bytes an instruction. writes: whether files may be opened for writing at all."""
    column = MACHINES.index(architecture)
    lines = [*_head(AUDIT_ARCH[architecture])]
    for row in (ALLOWED | WRITING if writes else ALLOWED).values():
        lines += _when(row[column], [_return(ALLOW)])
    for name, guard in guards(pid, writes).items():
        lines += _when(EXAMINED[name][column], _examine(guard))
    lines += [_op(AT_LEAST, FIRST_NEW, 0, 1), _return(ERRNO | ENOSYS), _return(ERRNO | EPERM)]
    return b"".join(lines)


def _head(arch: int) -> Iterable[bytes]:
    yield from (_op(LOAD, ARCH_AT), _op(EQUAL, arch, 1, 0), _return(KILL))
    yield from (_op(LOAD, NUMBER_AT), _op(AT_LEAST, X32, 0, 1), _return(KILL))


def _when(number: int | None, block: list[bytes]) -> list[bytes]:
    """Run a block, which returns, for that call; step over it for any other."""
    return [] if number is None else [_op(EQUAL, number, 0, len(block)), *block]


def _examine(guard: Guard) -> list[bytes]:
    count = len(guard.values)
    choices = [_op(EQUAL, value, count - i, 0) for i, value in enumerate(guard.values)]
    return [
        _op(LOAD, ARGUMENTS_AT + 8 * guard.at),
        _op(AND, guard.mask),
        *choices,
        _return(ERRNO | EPERM),
        _return(ALLOW),
    ]


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _return(action: int) -> bytes:
    return _op(RETURN, action)


@cache
def is_available() -> bool:
    """Whether this kernel filters system calls and we know its numbers."""
    if not machine():
        return False
    try:
        system_call(SECCOMP[machine()], GET_ACTION_AVAILABLE, 0, struct.pack("=I", ERRNO))
    except OSError:
        return False
    return True


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict(*, writes: bool) -> None:
    """Filter the system calls of this process, all its threads. Raises OSError. Needs no_new_privs."""
    code = assemble(machine(), pid=os.getpid(), writes=writes)
    program = _Program(len(code) // 8, code)
    stray = system_call(SECCOMP[machine()], SET_MODE_FILTER, ALL_THREADS, ctypes.byref(program))
    if stray != 0:
        raise OSError(EPERM, f"seccomp: thread {stray} could not be filtered")
