"""The few Linux calls that Python does not wrap: prctl, capset, raw system calls. Errors are OSErrors.

>>> KEPT_CAPABILITIES
0
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from functools import cache

PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522
KEPT_CAPABILITIES = 0
MAX_CAPABILITY = 63

CAPSET = {"x86_64": 126, "aarch64": 91}
"""System call numbers of capset(2)."""


@cache
def machine() -> str:
    """`x86_64` or `aarch64` where this is a 64-bit process of Linux on one of them, else ''."""
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        return ""
    name = os.uname().machine
    return name if name in CAPSET else ""


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def prctl(option: int, value: int = 0) -> int:
    """prctl(2) with one argument."""
    return _checked(_libc().prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3), f"prctl({option})")


def system_call(number: int, *arguments: object) -> int:
    """syscall(2). Integers are passed as 64-bit values, buffers by reference."""
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc().syscall(ctypes.c_long(number), *converted), f"system call {number}")


def _checked(result: int, what: str) -> int:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def give_up_privileges() -> None:
    """No capability, now or later: root in a cell is a user like any other. Also forbids setuid programs."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(MAX_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EPERM):  # past the last one; none to give up
                raise
    _libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)  # kernels before 4.3 have none
    if machine():  # elsewhere only bubblewrap confines, and it has dropped them
        header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
        system_call(CAPSET[machine()], header, struct.pack("=6I", *(KEPT_CAPABILITIES,) * 6))


def hide_memory() -> None:
    """Keep other processes of the same user from attaching to this one, and the kernel from dumping it."""
    prctl(PR_SET_DUMPABLE, 0)
