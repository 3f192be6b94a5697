"""Pickles that are slow to walk: every cheap opcode half a million times, and what makes a reader start over."""

from __future__ import annotations

import base64
import pickle
import struct
import zlib
from collections.abc import Callable

MB = 1 << 20
HEAD = b"\x80\x04"


def times(piece: bytes, before: bytes = HEAD, after: bytes = b".") -> Callable[[], bytes]:
    """A program of one piece, as often as a megabyte holds it."""
    return lambda: before + piece * (MB // len(piece)) + after


def different(form: bytes, after: bytes = b"N.") -> Callable[[], bytes]:
    """A program of pieces with a number in each."""
    return lambda: HEAD + b"".join(form % i for i in range(MB // (len(form) + 4))) + after


def nested() -> bytes:
    """A pickle in the bytes of a pickle, sixty deep, as often as it fits."""
    data = b"N."
    for _ in range(60):
        data = HEAD + b"B" + struct.pack("<I", len(data)) + data + b"."
    return data * (MB // len(data))


def encoded() -> bytes:
    """Base64 of two copies of base64 of …"""
    data = pickle.dumps(b"x" * 100)
    while len(data) < MB * 3 // 4:
        data = pickle.dumps(base64.b64encode(data) * 2)
    return data


def squeezed() -> bytes:
    """Constants that are two megabytes of zeros each, compressed."""
    constant = zlib.compress(bytes(2_000_000))
    return pickle.dumps([constant + bytes((i % 256, i // 256 % 256)) for i in range(MB // len(constant))])


def texts() -> bytes:
    """Constants that are pickles in base64."""
    text = base64.b64encode(pickle.dumps([1, 2, 3] * 5)).decode()
    return pickle.dumps([text + " " * (i % 7) for i in range(MB // 90)])


STORAGE = (b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ0")
CASES: dict[str, Callable[[], bytes]] = {
    "pickle marks": times(b"("), "pickle lists": times(b"]"), "pickle copies": times(b"2", HEAD + b"]"),
    "pickle memo reads": times(b"h\x00", HEAD + b"]q\x00"), "pickle tuples in tuples": times(b"\x85", HEAD + b")"),
    "pickle pairs of itself": times(b"2\x86", HEAD + b")"), "pickle calls": times(b"R)", HEAD + b"cbuiltins\ndict\n)"),
    "pickle states": times(b"}b", HEAD + b"cbuiltins\ndict\n)R"), "pickle one global": times(b"cos\nsystem\n0"),
    "pickle many globals": different(b"ca%d\nb\n0"), "pickle many streams": times(b"N.", b"", b""),
    "pickle many streams with heads": times(HEAD + b"N.", b"", b""), "pickle in pickle": nested,
    "pickle base64 in base64": encoded, "pickle zlib constants": squeezed, "pickle base64 constants": texts,
    "pickle lists of lists": times(b"(l", HEAD, b"a" * (MB // 4) + b"."), "pickle appends": times(b"(e", HEAD + b"]"),
    "pickle items": times(b"(K\x01K\x02u", HEAD + b"}"), "pickle number lines": times(b"I1\n0", HEAD, b"N."),
    "pickle long lines": times(b"L99999999999999L\n0", HEAD, b"N."),
    "pickle one line": times(b"9", HEAD + b"I", b"\n."),
    "pickle one long": lambda: HEAD + b"\x8b" + struct.pack("<I", MB) + b"\x7f" * MB + b".",
    "pickle a line without end": times(b"a", HEAD + b"S'", b""), "pickle c": times(b"c", b"", b""),
    "pickle memo writes": times(b"p99999999\n", HEAD + b"N"), "pickle extensions": times(b"\x82\x010", HEAD, b"N."),
    "pickle persistent ids": times(b"P1\n0", HEAD, b"N."), "pickle storages": times(STORAGE, HEAD, b"N."),
}  # fmt: skip
