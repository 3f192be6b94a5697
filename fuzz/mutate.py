"""Small changes to a file, all of them decided by a seed: what a fuzzer does, and what comes through a bad wire.

>>> mutated(b"abcdef" * 20, 7) == mutated(b"abcdef" * 20, 7)
True
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF,
            0xFFFFFFFFFFFFFFFF)  # fmt: skip
"""Values that break arithmetic: the ends of each width, and their neighbours."""
LARGEST = 1 << 20

Mutation = Callable[[bytearray, random.Random], None]


def mutated(data: bytes, seed: int, other: bytes = b"") -> bytes:
    """`data` after one to four changes. other: a second file, parts of which may be spliced in."""
    draw, out = random.Random(seed), bytearray(data)  # noqa: S311 - no secret depends on it
    for _ in range(draw.choice((1, 1, 2, 4))):
        if not out:
            break
        if other and draw.random() < 0.15:
            splice(out, draw, other)
        else:
            draw.choice(MUTATIONS)(out, draw)
    return bytes(out[:LARGEST])


def flip(out: bytearray, draw: random.Random) -> None:
    """One bit."""
    out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)


def byte(out: bytearray, draw: random.Random) -> None:
    """One byte, of any value."""
    out[draw.randrange(len(out))] = draw.randrange(256)


def extreme(out: bytearray, draw: random.Random) -> None:
    """A number of 1, 2, 4 or 8 bytes in either order, set to an extreme."""
    width = draw.choice((1, 2, 4, 4, 8, 8))
    at = draw.randrange(max(1, len(out) - width + 1))
    value = draw.choice(EXTREMES) & ((1 << 8 * width) - 1)
    form = draw.choice("<>") + {1: "B", 2: "H", 4: "I", 8: "Q"}[width]
    out[at : at + width] = struct.pack(form, value)


def nudge(out: bytearray, draw: random.Random) -> None:
    """A byte, a little more or less: a length that is off by one."""
    at = draw.randrange(len(out))
    out[at] = (out[at] + draw.choice((-2, -1, 1, 2))) & 0xFF


def cut(out: bytearray, draw: random.Random) -> None:
    """The end is gone."""
    del out[draw.randrange(len(out)) :]


def drop(out: bytearray, draw: random.Random) -> None:
    """A piece out of the middle is gone."""
    at = draw.randrange(len(out))
    del out[at : at + draw.choice((1, 2, 4, 16, 64))]


def repeat(out: bytearray, draw: random.Random) -> None:
    """A piece stands there twice, or many times."""
    at = draw.randrange(len(out))
    piece = bytes(out[at : at + draw.choice((1, 2, 8, 64, 512))])
    out[at:at] = piece * draw.choice((1, 2, 100))


def insert(out: bytearray, draw: random.Random) -> None:
    """Bytes of no meaning stand between others."""
    at = draw.randrange(len(out) + 1)
    out[at:at] = draw.randbytes(draw.choice((1, 4, 32)))


def swap(out: bytearray, draw: random.Random) -> None:
    """Two pieces change places."""
    size = draw.choice((1, 4, 8, 32))
    a, b = sorted(draw.randrange(max(1, len(out) - size)) for _ in range(2))
    if a + size <= b:
        out[a : a + size], out[b : b + size] = out[b : b + size], out[a : a + size]


def digits(out: bytearray, draw: random.Random) -> None:
    """A number written in digits becomes a long one."""
    places = [i for i, c in enumerate(out[: 1 << 14]) if 0x30 <= c <= 0x39]
    if places:
        at = draw.choice(places)
        out[at : at + 1] = draw.choice((b"-1", b"0", b"99999999999999999999", b"9" * 5000, b"1e999"))


def splice(out: bytearray, draw: random.Random, other: bytes) -> None:
    """A piece of another file, here or at the end."""
    start = draw.randrange(len(other))
    piece = other[start : start + draw.choice((16, 256, 4096))]
    at = draw.choice((0, len(out), draw.randrange(len(out))))
    out[at:at] = piece


MUTATIONS: tuple[Mutation, ...] = (flip, byte, extreme, extreme, nudge, cut, drop, repeat, insert, swap, digits)
