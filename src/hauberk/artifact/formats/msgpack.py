"""MessagePack, as Flax, spaCy and others keep weights: data, arrays, and extensions that only their library knows.

Flax's own extensions (an array, a complex number, a scalar) are read; so are the arrays of msgpack-numpy, whose objects
are pickles. Raw arrays are passed over by arithmetic. Source: `flax/serialization.py`, `msgpack_numpy.py`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from . import raw_numbers
from .encoded import programs
from .graphs import Teller
from .msgpack_reader import Token, token, tokens
from .opcodes import Broken
from .pickle import is_pickle

MAPS, EMPTY_MAP, HASH = (*range(0x81, 0x90), 0xDE, 0xDF), b"\x80", 0xCF
ARRAYS, PROBED = (*range(0x91, 0xA0), 0xDC, 0xDD), 1000
"""Heads of arrays, and how many values must make sense where a map with names does not say what it is."""
ARRAY, COMPLEX, SCALAR, TIMESTAMP = 1, 2, 3, -1
MAX_NESTING = 512
"""Python's msgpack reads no deeper."""
SIZES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16, "bfloat16": 2, "float8_e4m3fn": 1,
    "float8_e5m2": 1, "float8_e4m3b11fnuz": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "int4": 1, "uint4": 1,
}  # fmt: skip
"""Bytes of an item of each type that Flax names (NumPy's and ml_dtypes')."""
REMEDY = "ask for the weights as safetensors; load this only with a reader that knows no extensions"
ND, KIND = (b"nd", b"__nd__"), b"kind"
MAX_KEY = 256
SENSIBLE = 3
"""Fewer values than this could be anything."""
COST = 3
"""What one value costs, in steps of a program."""
SHORTEST = 12
"""Bytes of the shortest program that imports something."""
_SMALL = re.compile(rb"[\x00-\x7f\xc0\xc2\xc3\xe0-\xff]+")
"""Values of one byte."""


@dataclass(slots=True)
class Level:
    """An open container. keys: of a map, which alternate with values."""

    left: int
    keyed: bool
    keys: set[bytes] = field(default_factory=set)
    key: bytes | None = None
    values: dict[bytes, Token] = field(default_factory=dict)


def sniff(data: memoryview) -> bool:
    """Whether this begins as a map whose first key is a short text, or, as spaCy's tables, a hash of 64 bits; or as an
    array or another map, of which a thousand values make sense, or all of them to the very end.

    A map of nothing is one byte.
    """
    if not len(data) or data[0] not in (*MAPS, *ARRAYS):
        return bytes(data[:2]) == EMPTY_MAP
    return _named(data) or _sensible(data)


def _sensible(data: memoryview) -> bool:
    seen, found = 0, None
    try:
        for found in tokens(data, 0):
            seen += 1
            if found.kind == "str":
                str(data[found.begin : found.end][:MAX_KEY], "utf-8", "strict" if len(data) < MAX_KEY else "ignore")
            if found.kind == "ext" or seen >= PROBED:
                return seen >= PROBED
    except (Broken, UnicodeDecodeError):
        return False
    return seen > SENSIBLE and found is not None and found.end == len(data)


def _named(data: memoryview) -> bool:
    if data[0] not in MAPS:
        return False
    try:
        head = token(data, 0)
        key = token(data, head.end)
        name = str(data[key.begin : key.end][:MAX_KEY], "utf-8") if key.kind != "number" else ""
        if key.kind == "number":
            return data[key.at] == HASH and (head.count == 2 or data[token(data, key.end).end] == HASH)
    except (Broken, IndexError, UnicodeDecodeError):
        return False
    return key.kind in ("str", "bin") and key.end - key.begin <= MAX_KEY and name.isprintable() and len(data) > key.end


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk every value. Raises Broken."""
    end = Values(walk, data, path).read()
    if end < len(data):
        message = f"{len(data) - end} bytes follow the value: one reader refuses them, another reads on"
        walk.flaw(
            "artifact.msgpack.trailing", Severity.MEDIUM, Place(path, f"byte {end}"), message, REMEDY, ("CWE-436",)
        )
        walk.enter(data[end:], join(path, f"byte {end}"))


class Values:
    """Goes through one value, container by container."""

    def __init__(self, walk: Walk, data: memoryview, path: str) -> None:
        self.walk, self.data, self.path = walk, data, path
        self.levels = [Level(1, keyed=False)]
        self.told: set[str] = set()
        self.teller = Teller(walk, path, "msgpack")

    def read(self) -> int:
        """Where the value ends. Raises Broken."""
        pos, left = 0, self.walk.opcodes_left
        while self.levels:
            level = self.levels[-1]
            if level.left and not level.keyed:
                many = _SMALL.match(self.data, pos, pos + level.left)
                level.left, pos = (level.left - many.end() + pos, many.end()) if many else (level.left, pos)
            if not level.left:
                self._close(self.levels.pop())
                continue
            left -= COST
            if left < 0:
                self.walk.skip(self.path or "the file", "its values are too many for its size")
                return len(self.data)
            found = token(self.data, pos)
            pos, level.left = found.end, level.left - 1
            if level.keyed and level.left % 2:
                self._key(level, found)
            else:
                self._value(level, found)
        self.walk.spend(self.walk.opcodes_left - left)
        self.teller.finish()
        return pos

    def _key(self, level: Level, found: Token) -> None:
        if found.kind in ("map", "array", "ext"):
            raise Broken(f"a key is of the kind {found.kind}; readers differ in whether they take it", found.at)
        key = bytes(self.data[found.at if found.kind == "number" else found.begin : found.end])
        if key in level.keys:
            self.tell(
                "twice",
                Severity.MEDIUM,
                found.at,
                f"the key {printable(_text(key))!r} stands twice in one map",
                "CWE-436",
            )
        level.keys.add(key)
        level.key = key

    def _value(self, level: Level, found: Token) -> None:
        if level.key is not None and len(level.values) < 8:
            level.values[level.key] = found
        if found.count or found.kind in ("map", "array"):
            if len(self.levels) >= MAX_NESTING:
                raise Broken(f"values are nested more than {MAX_NESTING} deep", found.at)
            self.levels.append(Level(found.count, found.kind == "map"))
        elif found.kind in ("str", "bin"):
            self._bytes(found)
        elif found.kind == "ext":
            self._extension(found)

    def _bytes(self, found: Token) -> None:
        """Text is UTF-8; either may hold a program, which is told as if it were run."""
        content = self.data[found.begin : found.end]
        if len(content) < SHORTEST and bytes(content).isascii():
            return
        if found.kind == "str" and (text := _decoded(content)) is None:
            raise Broken("a text is not UTF-8", found.begin)
        for kind, how, program in programs(content if found.kind == "bin" else text or ""):
            if kind == "code":
                what = "a value is marshalled Python code, which is there to be run"
                self.tell("code", Severity.HIGH, found.at, what, "CWE-502")
            elif is_pickle(self.walk, program):
                self.walk.enter(program, join(self.path, " > ".join((f"byte {found.at}", *how))))
                return
        if found.kind == "bin":
            raw_numbers.look(self.walk, content, self.path, f"byte {found.at}")
        else:
            self.teller.blob(content, f"byte {found.at}")

    def _extension(self, found: Token) -> None:
        content = self.data[found.begin : found.end]
        if found.code in (ARRAY, SCALAR):
            self._array(content, found.begin)
        elif found.code == COMPLEX:
            if [piece.kind for piece in tokens(content, 0)] != ["array", "number", "number"]:
                raise Broken("a complex number is none", found.begin)
        elif found.code != TIMESTAMP or len(content) not in (4, 8, 12):
            what = f"the extension {found.code} is not understood: what reading it does is up to the reader"
            self.tell("extension", Severity.HIGH, found.at, what, "CWE-502")

    def _array(self, content: memoryview, at: int) -> None:
        """Flax's array: shape, name of the type, bytes. Raises Broken when they do not fit one another."""
        found = list(_first(content, 40))
        kinds = [piece.kind for piece in found]
        rank = found[1].count if len(found) > 1 else -1
        if len(found) < 4 or kinds != ["array", "array", *["number"] * rank, "str", "bin"] or found[0].count != 3:
            raise Broken("an array is not of shape, type and bytes", at)
        shape = [_number(content, piece) for piece in found[2 : 2 + rank]]
        name, raw = _text(bytes(content[found[-2].begin : found[-2].end])), found[-1]
        if name not in SIZES:
            self.tell("dtype", Severity.HIGH, at, f"the type {printable(name)!r} of an array is not known", "CWE-20")
        elif min(shape, default=0) < 0 or math.prod(shape) * SIZES[name] != raw.end - raw.begin:
            raise Broken(f"an array of shape {shape} and type {name} does not have {raw.end - raw.begin} bytes", at)
        raw_numbers.look(self.walk, content[raw.begin : raw.end], self.path, f"byte {at}")
        if raw.end != len(content):
            raise Broken("bytes follow an array", at)

    def _close(self, level: Level) -> None:
        """A map that msgpack-numpy takes for an array: one of objects is a pickle, which it loads."""
        if not level.keyed:
            return
        kind = level.values.get(KIND)
        if not any(name in level.keys for name in ND) or kind is None or b"data" not in level.values:
            return
        if bytes(self.data[kind.begin : kind.end]) == b"O":
            data = level.values[b"data"]
            what = "an array of objects is a pickle, which msgpack-numpy loads"
            self.tell("pickle", Severity.CRITICAL, data.at, what, "CWE-502")
            self.walk.enter(self.data[data.begin : data.end], join(self.path, f"byte {data.at}"))

    def tell(self, rule: str, severity: Severity, at: int, message: str, reference: str) -> None:
        """Write it down, once."""
        if message not in self.told:
            self.told.add(message)
            place = Place(self.path, f"byte {at}")
            self.walk.flaw(f"artifact.msgpack.{rule}", severity, place, message, REMEDY, (reference,))


def _first(content: memoryview, most: int) -> list[Token]:
    """The tokens of a small value. Raises Broken when there are more."""
    found = []
    for piece in tokens(content, 0):
        found.append(piece)
        if len(found) > most:
            raise Broken("an array of more dimensions than NumPy has")
    return found


def _number(data: memoryview, found: Token) -> int:
    """A whole number that is not negative; -1 for anything else."""
    head = data[found.at]
    if head < 0x80:
        return head
    return int.from_bytes(data[found.begin : found.end], "big") if 0xCC <= head <= 0xCF else -1


def _decoded(content: memoryview) -> str | None:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
