"""Programs where a model's data should be, told by their headers: machine code, bytecode, scripts.

A beginning that ordinary text could share (`MZ`, the Java mark) counts only when the header behind it fits.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.nouns import Place, Severity
from ..walk import Walk

Fits = Callable[[memoryview], bool]

PE_OFFSET = 0x3C
"""Where a DOS header says at which byte the PE header stands."""
JAVA_VERSIONS = range(45, 100)
"""Class-file versions 45 (Java 1.1) and up; the Mach-O fat header has a small count of architectures there."""
CONTROL = bytes((*range(9), 11, *range(14, 27), *range(28, 32)))


def _binary(data: memoryview) -> bool:
    return any(byte in CONTROL for byte in bytes(data[:64]))


def portable(data: memoryview) -> bool:
    """Whether a DOS header points at a PE header, as in every Windows program since NT."""
    at = int.from_bytes(data[PE_OFFSET : PE_OFFSET + 4], "little")
    return at >= 4 and bytes(data[at : at + 4]) == b"PE\0\0"


def _bytecode(data: memoryview) -> bool:
    """CPython writes a magic number that ends in CR LF, 12 bytes of flags, and marshal: a code object."""
    return len(data) > 16 and bytes(data[2:4]) == b"\r\n" and data[16] in (0xE3, 0x63) and 0x0B <= data[1] <= 0x0F


def _script(data: memoryview) -> bool:
    return bytes(data[2:3]) != b"["  # `#![…]` is Rust


MARKS: tuple[tuple[bytes, str, Fits | None], ...] = (
    (b"\x7fELF", "an ELF executable or library", None),
    (b"MZ", "a Windows executable or library", lambda data: portable(data) or _binary(data)),
    (b"ZM", "a DOS executable", _binary),
    (b"\xcf\xfa\xed\xfe", "a macOS executable or library", None),
    (b"\xce\xfa\xed\xfe", "a macOS executable or library", None),
    (b"\xfe\xed\xfa\xcf", "a macOS executable or library", None),
    (b"\xfe\xed\xfa\xce", "a macOS executable or library", None),
    (b"\xca\xfe\xba\xbe", "a macOS or Java executable", None),
    (b"\xca\xfe\xba\xbf", "a macOS executable or library", None),
    (b"\xca\xfe\xd0\x0d", "a packed Java archive", None),
    (b"#!", "a script", _script),
    (b"\xef\xbb\xbf#!", "a script", None),
    (b"\0asm", "a WebAssembly module", None),
    (b"\x1bLua", "Lua bytecode", None),
    (b"\x1bLJ", "LuaJIT bytecode", None),
    (b"dex\n0", "an Android executable", None),
    (b"BC\xc0\xde", "LLVM bitcode", None),
    (b"\xde\xc0\x17\x0b", "LLVM bitcode", None),
    (b"!<arch>\n", "a static library or a Debian package", None),
    (b"\xed\xab\xee\xdb", "an RPM package", None),
    (b"FasdUAS ", "a compiled AppleScript", None),
    (b"L\0\0\0\x01\x14\x02\0", "a Windows shortcut, which starts a program", None),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE container: an installer, or a document that may hold macros", None),
    (b"<?php", "a PHP script", None),
)


def program(data: memoryview) -> str:
    """What program these bytes begin as; '' when they are none.

    >>> program(memoryview(b"MZ is how some sentences begin")), program(memoryview(b"#!/bin/sh"))
    ('', 'a script')
    """
    head = bytes(data[:16])
    for mark, what, fits in MARKS:
        if head.startswith(mark) and (fits is None or fits(data)):
            return what
    return "Python bytecode" if _bytecode(data) else ""


def inside(data: memoryview, at: int) -> str:
    """What program begins at a place inside other bytes; '' when the header behind its mark does not fit."""
    head = bytes(data[at : at + 64])
    if head[:4] == b"\x7fELF":
        fits = len(head) >= 20 and head[4] in (1, 2) and head[5] in (1, 2) and head[6] == 1
        return "an ELF executable or library" if fits else ""
    if head[:2] == b"MZ":
        return "a Windows executable or library" if portable(data[at:]) else ""
    if head[:4] == b"\xca\xfe\xba\xbe":
        return "a Java class" if int.from_bytes(head[6:8], "big") in JAVA_VERSIONS and head[4] == 0 else ""
    if head[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"):
        return "a macOS executable or library" if head[12:16] in MACH_TYPES else ""
    return "a WebAssembly module" if head[:8] == b"\0asm\1\0\0\0" else ""


MACH_TYPES = tuple(n.to_bytes(4, "little") for n in range(1, 13))
"""Mach-O file types, MH_OBJECT to MH_FILESET."""


def tell(walk: Walk, path: str, what: str, part: str = "") -> None:
    """Write the finding."""
    remedy = "a model needs no program beside it; remove it, or ask why it is there"
    walk.flaw("artifact.executable", Severity.HIGH, Place(path, part), f"this is {what}", remedy, ("CWE-506",))
