# ruff: noqa: BLE001 - whatever a real unpickler raises ends its program
"""Random pickle programs, drawn opcode by opcode. They import nothing real: their names are run on stubs alone."""

from __future__ import annotations

import io
import pickle
import random
import struct
from collections.abc import Callable, Iterator

MODULES = ("os", "a.b", "__builtin__", "numpy", "x")
NAMES = ("system", "B.c", "eval", "Cls", "y")


def text(draw: random.Random) -> bytes:
    value = draw.choice(MODULES + NAMES).encode()
    return draw.choice((
        b"\x8c" + bytes([len(value)]) + value, b"X" + struct.pack("<I", len(value)) + value, b"V" + value + b"\n",
        b"\x8d" + struct.pack("<Q", len(value)) + value, b"U" + bytes([len(value)]) + value,
        b"S'" + value + b"'\n", b"T" + struct.pack("<i", len(value)) + value,
    ))  # fmt: skip


def index(draw: random.Random) -> bytes:
    n = draw.randrange(6)
    return draw.choice((b"q" + bytes([n]), b"r" + struct.pack("<I", n), b"p%d\n" % n, b"p0%d\n" % n, b"p %d \n" % n))


def get(draw: random.Random) -> bytes:
    n = draw.randrange(6)
    return draw.choice((b"h" + bytes([n]), b"j" + struct.pack("<I", n), b"g%d\n" % n, b"g+%d\n" % n, b"g%d\0z\n" % n))


def number(draw: random.Random) -> bytes:
    return draw.choice((
        b"K\x01", b"M\x01\0", b"J\xff\xff\xff\xff", b"I01\n", b"I010\n", b"I7\n", b"L5L\n", b"\x8a\x01\x05", b"F1.5\n",
        b"\x8b\x02\0\0\0\x01\x02", b"G" + struct.pack(">d", 1.5), b"F1_0.5\n", b"I1_0\n", b"I0x1f\n", b"\x88", b"N",
    ))  # fmt: skip


def named(draw: random.Random) -> bytes:
    return draw.choice(MODULES).encode() + b"\n" + draw.choice(NAMES).encode() + b"\n"


ANY: tuple[tuple[int, bytes | Callable[[random.Random], bytes]], ...] = (
    (6, text), (3, number), (4, index), (5, get), (3, b"\x94"),
    (4, lambda d: b"c" + named(d)), (4, lambda d: text(d) + text(d) + b"\x93"), (2, b"\x93"),
    (2, lambda d: b"(i" + named(d)), (2, lambda d: b"i" + named(d)), (2, b"o"), (4, b"("),
    (3, b")"), (2, b"]"), (2, b"}"), (2, b"\x8f"), (1, b"\x91"), (2, b"t"), (1, b"l"), (1, b"d"),
    (2, b"\x85"), (1, b"\x86"), (1, b"\x87"), (3, b")R"), (2, b")\x81"), (1, b")}\x92"), (2, b"R"), (1, b"\x81"),
    (1, b"\x92"), (2, b"}b"), (1, b"b"), (2, b"0"), (1, b"1"), (2, b"2"), (2, b"a"), (2, b"e"), (1, b"s"), (2, b"u"),
    (1, b"\x90"), (1, b"K\0Ns"), (1, b"(u"), (1, b"(e"), (1, b"(\x90"), (1, b"Pid\n"), (1, b"Q"),
    (2, lambda d: b"\x80" + bytes([d.randrange(6)])), (1, lambda d: b"\x95" + struct.pack("<Q", d.randrange(40))),
    (1, b"\x96\x02\0\0\0\0\0\0\0ab"), (1, b"\x98"), (1, b"C\x02ab"), (1, b"B\x01\0\0\0a"),
)  # fmt: skip


def program(draw: random.Random) -> bytes:
    """A program of up to two dozen parts, most of which a real unpickler takes where they stand."""
    weights = [weight for weight, _ in ANY]
    head = draw.choice((b"", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))
    drawn = [part for _, part in draw.choices(ANY, weights, k=draw.randrange(2, 24))]
    parts = [part if isinstance(part, bytes) else part(draw) for part in drawn]
    body = b"".join(_balanced(draw, parts))
    if draw.random() < 0.3:  # a frame that may or may not fit
        body = b"\x95" + struct.pack("<Q", max(0, len(body) + draw.choice((1, 1, 1, 0, -1, -3, 5)))) + body
    return head + body + b"."


def _balanced(draw: random.Random, parts: list[bytes]) -> Iterator[bytes]:
    """The parts, most of them where the real unpickler can take them: else all programs would end at once."""
    sofar = b"\x80\x04"
    for part in parts:
        if draw.random() < 0.06 or _takes(sofar + part):
            sofar += part
            yield part


def _takes(data: bytes) -> bool:
    class Reader(pickle._Unpickler):  # type: ignore[name-defined,misc]
        find_class = staticmethod(lambda module, name: type("Stub", (), {}))
        persistent_load = staticmethod(lambda pid: pid)

    try:
        Reader(io.BytesIO(data)).load()
    except EOFError:
        return True
    except Exception:
        return False
    return True
