"""The filter, run by a small interpreter of BPF: for both architectures, whatever machine this is."""

from __future__ import annotations

import re
import struct
from errno import ENOSYS, EPERM
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk.run import seccomp, syscalls
from hauberk.run.seccomp import ALLOW, AUDIT_ARCH, ERRNO, KILL, X32, assemble

PID = 4242
REFUSED, UNKNOWN = ERRNO | EPERM, ERRNO | ENOSYS
ARCHITECTURES = list(AUDIT_ARCH)
COLUMN = {name: i for i, name in enumerate(syscalls.MACHINES)}
KNOWN = syscalls.ALLOWED | syscalls.WRITING | syscalls.EXAMINED


def interpret(program: bytes, data: bytes) -> int:
    """Classic BPF as seccomp runs it (Linux, filter.rst): loads, AND, two jumps, return."""
    code = list(struct.iter_unpack("=HBBI", program))
    a = at = 0
    while True:
        op, then, otherwise, value = code[at]
        at += 1
        if op == 0x20:
            (a,) = struct.unpack_from("=I", data, value)
        elif op == 0x54:
            a &= value
        elif op == 0x15:
            at += then if a == value else otherwise
        elif op == 0x35:
            at += then if a >= value else otherwise
        else:
            assert op == 0x06
            return int(value)


def decide(arch: str, number: int, *arguments: int, writes: bool = True, audit: int | None = None) -> int:
    values = [a & (2**64 - 1) for a in arguments] + [0] * (6 - len(arguments))
    data = struct.pack("=IIQ6Q", number, AUDIT_ARCH[arch] if audit is None else audit, 0, *values)
    return interpret(assemble(arch, pid=PID, writes=writes), data)


def number(arch: str, name: str) -> int:
    found = KNOWN[name][COLUMN[arch]]
    if found is None:
        pytest.skip(f"{arch} has no {name}")
    return found


REAL = {
    "x86_64": {"socket": 41, "execve": 59, "fork": 57, "ptrace": 101, "chmod": 90, "mount": 165, "symlink": 88},
    "aarch64": {
        "socket": 198,
        "execve": 221,
        "ptrace": 117,
        "fchmodat": 53,
        "mount": 40,
        "symlinkat": 36,
        "kexec": 104,
    },
}


@pytest.mark.parametrize(("arch", "name"), [(a, n) for a, names in REAL.items() for n in names])
def test_what_is_not_listed_is_refused(arch: str, name: str) -> None:
    assert decide(arch, REAL[arch][name]) == REFUSED


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("new", [435, 437, 438, 440, 442, 452, 462, 999])
def test_new_calls_are_unknown(arch: str, new: int) -> None:
    assert decide(arch, new) == UNKNOWN


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_listed_call_passes(arch: str) -> None:
    for name, row in syscalls.ALLOWED.items():
        if row[COLUMN[arch]] is not None:
            assert decide(arch, row[COLUMN[arch]] or 0, writes=False) == ALLOW, name


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_writing_is_refused_where_nothing_else_confines_it(arch: str) -> None:
    for name, row in syscalls.WRITING.items():
        if (found := row[COLUMN[arch]]) is not None:
            assert decide(arch, found) == ALLOW, name
            assert decide(arch, found, writes=False) == REFUSED, name


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_another_architecture_is_killed(arch: str) -> None:
    assert decide(arch, number(arch, "read"), audit=0x40000003) == KILL  # i386 through int 0x80
    assert decide(arch, X32 | number(arch, "read")) == KILL


VM, FS, FILES, SIGHAND, THREAD = 0x100, 0x200, 0x400, 0x800, 0x10000
PTHREAD = VM | FS | FILES | SIGHAND | THREAD | 0x40000 | 0x80000 | 0x100000 | 0x200000


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (PTHREAD,), ALLOW),
        ("clone", (17,), REFUSED),  # fork
        ("clone", (VM | 0x4000 | 17,), REFUSED),  # vfork
        ("clone", (PTHREAD | 0x10000000,), REFUSED),  # … with a user namespace
        ("clone", (PTHREAD | 0x40000000,), REFUSED),
        ("clone", (PTHREAD & ~THREAD,), REFUSED),
        ("kill", (PID, 9), ALLOW),
        ("kill", (PID + (7 << 32), 9), ALLOW),  # the kernel reads 32 bits
        ("kill", (1, 9), REFUSED),
        ("kill", (0, 9), REFUSED),
        ("kill", (-1, 9), REFUSED),
        ("kill", (-PID, 9), REFUSED),
        ("tgkill", (PID, 5, 6), ALLOW),
        ("tgkill", (PID + 1, 5, 6), REFUSED),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (1, 7), REFUSED),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), REFUSED),  # TIOCSTI
        ("ioctl", (0, 0x5412 + (1 << 32)), REFUSED),  # … with garbage above (CVE-2019-10063)
        ("ioctl", (0, 0x541C), REFUSED),  # TIOCLINUX
        ("fcntl", (3, 2, 1), ALLOW),
        ("fcntl", (3, 8, 1), REFUSED),  # F_SETOWN
        ("fcntl", (3, 10, 9), REFUSED),  # F_SETSIG
        ("prctl", (15,), ALLOW),
        ("prctl", (1, 0), REFUSED),
        ("prctl", (4, 1), REFUSED),
        ("prctl", (22, 2), REFUSED),
        ("openat", (-100, 0, 0o1000), REFUSED),  # O_RDONLY | O_TRUNC
        ("openat", (-100, 0, 0o1001), ALLOW),
        ("openat", (-100, 0, 0o3), REFUSED),
        ("openat", (-100, 0, 0o2000000), ALLOW),
    ],
)
def test_arguments_decide(arch: str, name: str, arguments: tuple[int, ...], expected: int) -> None:
    assert decide(arch, number(arch, name), *arguments) == expected


@pytest.mark.parametrize("flags", [1, 2, 3, 0o100, 0o1000, 0o20000000, 0o102])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_nothing_is_opened_for_writing_where_nothing_else_confines_it(arch: str, flags: int) -> None:
    assert decide(arch, number(arch, "openat"), -100, 0, flags, writes=False) == REFUSED
    assert decide(arch, number(arch, "openat"), -100, 0, 0, writes=False) == ALLOW


@settings(deadline=None, derandomize=True)
@given(arch=st.sampled_from(ARCHITECTURES), call=st.integers(0, 2**32 - 1), first=st.integers(0, 2**64 - 1))
def test_every_call_has_an_end_and_a_default(arch: str, call: int, first: int) -> None:
    listed = {row[COLUMN[arch]] for row in KNOWN.values()}
    found = decide(arch, call, first)
    if call >= X32:
        assert found == KILL
    elif call not in listed:
        assert found == (UNKNOWN if call >= seccomp.FIRST_NEW else REFUSED)


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
GENERIC_NAMES = {"newfstatat": "fstatat", "clone": "clone"}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_numbers_are_those_of_the_kernel_headers(arch: str) -> None:
    if not HEADERS[arch].exists():
        pytest.skip("the kernel's headers are not installed")
    text = HEADERS[arch].read_text()
    real = {name: int(n) for name, n in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    for name, row in KNOWN.items():
        generic = GENERIC_NAMES.get(name, name) if arch == "aarch64" else name
        assert real.get(generic) == row[COLUMN[arch]], name
    for name, n in {**REAL[arch], "seccomp": seccomp.SECCOMP[arch]}.items():
        assert real.get(name, n) == n, name
