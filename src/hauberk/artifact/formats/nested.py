"""What an inspector does with a constant that holds a program: it is walked as if it were loaded as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .encoded import programs
from .pickle import TORCH, is_pickle, walk_streams

if TYPE_CHECKING:
    from .inspector import Inspector

DECODED_MAX = 8 << 20
"""Bytes of programs that are decoded out of constants in one scan of a file."""


def constant(inspector: Inspector, value: memoryview | str, at: int) -> None:
    """Walk the program that a constant holds, if it does."""
    if isinstance(value, memoryview) and _executable(value):
        inspector.walk.enter(value, f"{inspector.path}!{inspector.prefix}opcode {at}")
    for kind, how, data in programs(value):
        if how and not _room(inspector, len(data)):
            return
        prefix = f"{inspector.prefix}opcode {at} > " + "".join(f"{layer} > " for layer in how)
        if kind == "code":
            inspector.odd("carries marshalled Python code, which is there to be run", at)
        elif TORCH in bytes(data[:24]):
            inspector.walk.enter(data, f"{inspector.path}!{prefix.removesuffix(' > ')}")
        elif is_pickle(inspector.walk, data):
            walk_streams(inspector.inside(prefix), data)


def _room(inspector: Inspector, size: int) -> bool:
    """Whether this much may still be decoded; a megabyte of small bombs would take minutes."""
    walk = inspector.walk
    walk.work.decoded += size
    if walk.work.decoded > DECODED_MAX:
        walk.skip(inspector.path or "pickle", f"its encoded programs come to more than {DECODED_MAX >> 20} MiB")
    return walk.work.decoded <= DECODED_MAX


def _executable(value: memoryview) -> bool:
    if bytes(value[:4]) == b"\x7fELF":
        return len(value) > 52
    return bytes(value[:2]) == b"MZ" and b"This program" in bytes(value[:512])
