"""Opcodes that push a number, a text or bytes.

Where the C unpickler and the one in Python read a number differently, what it is does not matter and stays opaque.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from .opcodes import Broken, Opaque
from .table import STEPS, push, push_constant

if TYPE_CHECKING:
    from .machine import Machine

BIG_INT_BYTES = 1024
"""Longer integers are never argument values worth reading; they are kept as opaque."""
DOUBLE = struct.Struct(">d").unpack_from


def _decimal(m: Machine, raw: bytes) -> Any:
    """An integer as `int(raw, 0)` reads it; the C unpickler also takes C's octals, and what stands before a NUL."""
    try:
        return int(raw, 0) if len(raw) <= BIG_INT_BYTES else Opaque("int")
    except ValueError:
        m.doubt(f"{raw[:20]!r} is an integer to some readers only")
        return Opaque("int")


def _int_line(m: Machine) -> Any:
    raw = m.line()
    return raw == b"01" if raw in (b"00", b"01") else _decimal(m, raw)


def _long_line(m: Machine) -> Any:
    raw = m.line()
    return _decimal(m, raw[:-1] if raw.endswith(b"L") else raw)


def _long(m: Machine, n: int) -> Any:
    raw = m.take(n)
    return Opaque("int") if n > BIG_INT_BYTES else int.from_bytes(raw, "little", signed=True)


def _float_line(m: Machine) -> Any:
    raw = m.line()
    try:
        return float(raw)
    except ValueError:
        m.doubt(f"{raw[:20]!r} is a number to some readers only")
        return Opaque("float")


def _string_line(m: Machine) -> str:
    import codecs

    raw = m.line()
    if raw.endswith(b"\r"):  # Python 2 strips it, Python 3 does not
        m.doubt("a STRING ends in a carriage return")
        raw = raw.rstrip(b"\r")
    if len(raw) < 2 or raw[0] != raw[-1] or raw[:1] not in b"'\"":
        raise Broken("the STRING argument is not quoted", m.steps)
    try:
        return codecs.escape_decode(raw[1:-1])[0].decode("latin-1")
    except ValueError as error:
        raise Broken("the STRING argument has a bad escape", m.steps) from error


def _unicode_line(m: Machine) -> str:
    try:
        return m.line().decode("raw-unicode-escape")
    except UnicodeDecodeError as error:
        raise Broken("the UNICODE argument has a bad escape", m.steps) from error


def _signed4(m: Machine) -> int:
    size = int.from_bytes(m.take(4), "little", signed=True)
    if size < 0:
        raise Broken("a length is negative", m.steps)
    return size


def _float(m: Machine) -> None:
    if m.pos + 8 > m.end:
        raise Broken("the stream is truncated", m.steps)
    m.stack.append(DOUBLE(m.data, m.pos)[0])
    m.pos += 8


def _buffer(m: Machine) -> Any:
    m.watcher.outside(m.steps)
    return Opaque("buffer")


STEPS[0x47] = _float  # BINFLOAT
STEPS[0x98] = lambda m: m.top()  # READONLY_BUFFER
STEPS[0x4E] = lambda m: m.stack.append(None)  # NONE
STEPS[0x88] = lambda m: m.stack.append(True)  # NEWTRUE
STEPS[0x89] = lambda m: m.stack.append(False)  # NEWFALSE
push(0x49, _int_line)  # INT
push(0x4A, lambda m: int.from_bytes(m.take(4), "little", signed=True))  # BININT
push(0x4B, lambda m: m.number(1))  # BININT1
push(0x4D, lambda m: m.number(2))  # BININT2
push(0x4C, _long_line)  # LONG
push(0x8A, lambda m: _long(m, m.number(1)))  # LONG1
push(0x8B, lambda m: _long(m, _signed4(m)))  # LONG4
push(0x46, _float_line)  # FLOAT
push(0x97, _buffer)  # NEXT_BUFFER
push_constant(0x53, _string_line)  # STRING
push_constant(0x54, lambda m: str(m.take(_signed4(m)), "latin-1"))  # BINSTRING
push_constant(0x55, lambda m: str(m.take(m.number(1)), "latin-1"))  # SHORT_BINSTRING
push_constant(0x42, lambda m: m.take(m.number(4)))  # BINBYTES
push_constant(0x43, lambda m: m.take(m.number(1)))  # SHORT_BINBYTES
push_constant(0x8E, lambda m: m.take(m.number(8)))  # BINBYTES8
push_constant(0x96, lambda m: m.take(m.number(8)))  # BYTEARRAY8
push_constant(0x56, _unicode_line)  # UNICODE
push_constant(0x58, lambda m: m.text(m.take(m.number(4))))  # BINUNICODE
push_constant(0x8C, lambda m: m.text(m.take(m.number(1))))  # SHORT_BINUNICODE
push_constant(0x8D, lambda m: m.text(m.take(m.number(8))))  # BINUNICODE8
