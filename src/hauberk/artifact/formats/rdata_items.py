"""R's serialization, item by item: data is passed over, and whatever can run is told.

Source: R Internals ("Serialization Formats") and R's `src/main/serialize.c`. Order and reference table are those of
its ReadItem, so that the walk stays in step with R.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from . import raw_numbers
from . import rdata_names as names
from .graphs import Teller
from .opcodes import Broken
from .rdata_calls import UNBOUND, Call, Name, title, trick
from .rdata_stream import Stream

OBJECT, ATTRIBUTES, TAG = 0x100, 0x200, 0x400
SYMBOL, PAIRS, CLOSURE, ENVIRONMENT, PROMISE, CALL, SPECIAL, BUILTIN, CHARS = 1, 2, 3, 4, 5, 6, 7, 8, 9
DOTS, STRINGS, LIST, EXPRESSION, BYTECODE, POINTER, WEAK, RAW, S4 = 17, 16, 19, 20, 21, 22, 23, 24, 25
REFERENCE, NAMESPACE, PACKAGE, PERSISTENT, ALTERNATIVE = 255, 249, 248, 247, 238
NUMBERS = {10: 4, 13: 4, 14: 8, 15: 16, RAW: 1}
SINGLETONS = frozenset((254, 253, 252, 251, 250, 242, 241))
"""NULL, the global environment, unbound, missing, base's namespace, the empty environment, base."""
LINKED = (PAIRS, CALL, CLOSURE, PROMISE, DOTS)
MAX_NESTING = 20_000
"""A formula of as many terms nests as deep; R itself ends at its stack."""
SHORT = 11
"""Bytes of a text, or numbers, that are no file."""
KEPT = 4
"""Strings of a vector that are kept."""


class Stopped(Exception):
    """Reading cannot go on: the finding or skip is written down."""


Step = Generator[None, Any, Any]
"""A reader that yields where R would read an item within, and is sent it: R's nesting is deeper than Python's."""


class Items:
    """Reads one serialized object. Raises Broken, Stopped."""

    def __init__(self, walk: Walk, stream: Stream, path: str) -> None:
        self.walk, self.stream, self.path = walk, stream, path
        self.table: list[Any] = []
        self.told: set[tuple[str, str]] = set()
        self.teller = Teller(walk, path, "r")

    def read(self) -> None:
        """Read one item with all that is in it."""
        stack, value = [self._item()], None
        steps, left = 0, self.walk.opcodes_left
        while stack:
            try:
                stack[-1].send(value)
            except StopIteration as done:
                stack.pop()
                value = done.value
                continue
            steps += 1
            if len(stack) == MAX_NESTING or steps > left:
                why = "are too many for the file's size" if steps > left else f"are nested more than {MAX_NESTING} deep"
                self.walk.skip(self.path or "the file", f"values {why}")
                raise Stopped
            stack.append(self._item())
            value = None
        self.walk.spend(steps)
        self.teller.finish()

    def _item(self) -> Step:
        """A Name, a Call, a str, a tuple of strings, or None for what is data alone."""
        flags = self.stream.integer()
        return (yield from self._typed(flags & 0xFF, flags))

    def _typed(self, kind: int, flags: int) -> Step:
        if kind in SINGLETONS:
            return UNBOUND if kind == UNBOUND.kind else None
        if kind == REFERENCE:
            return self._reference(flags)
        if kind == SYMBOL:
            text = yield
            return self._keep(Name(text if isinstance(text, str) else ""))
        if kind in LINKED:
            return (yield from self._pairs(kind, flags))
        if reader := READERS.get(kind):
            return (yield from reader(self))
        found = yield from self._vector(kind)
        if flags & ATTRIBUTES:
            yield
        return found

    def _keep(self, value: Any) -> Any:
        self.table.append(value)
        return value

    def _reference(self, flags: int) -> Any:
        number = flags >> 8 or self.stream.integer()
        if not 0 < number <= len(self.table):
            raise Broken("a reference is to nothing", self.stream.pos)
        return self.table[number - 1]

    def _pairs(self, kind: int, flags: int) -> Step:
        """Linked pairs, read along their tails; functions and promises are pairs as well."""
        if kind == CLOSURE:
            self.tell("function", Severity.HIGH, "it holds a function, which runs when the model is used", "CWE-502")
        first = kind
        values: list[Any] = []
        tags: list[str] = []
        while True:
            if flags & ATTRIBUTES:
                yield
            tag = (yield) if flags & TAG else None
            value = yield
            if first == CALL:
                values.append(value)
                tags.append(tag.text if isinstance(tag, Name) else "")
            if kind == PROMISE and value is UNBOUND:
                what = "it holds a promise: code that runs the moment its value is looked at"
                self.tell("promise", Severity.CRITICAL, what, "CVE-2024-27322")
            if kind in (CLOSURE, PROMISE):
                yield
                return None
            flags = self.stream.integer()
            kind = flags & 0xFF
            if kind != PAIRS:
                break
        yield from self._typed(kind, flags)
        return self._called(values, tags) if first == CALL else None

    def _vector(self, kind: int) -> Step:
        if kind in NUMBERS:
            self._numbers(kind)
        elif kind == CHARS:
            return self._characters()
        elif kind == STRINGS:
            return (yield from self._strings())
        elif kind in (LIST, EXPRESSION):
            for _ in range(self._count()):
                yield
        elif kind in (SPECIAL, BUILTIN):
            self._judge(self.stream.string(self._positive(self.stream.integer())).decode("latin-1"))
        elif kind == POINTER:
            yield from self._pointer()
        elif kind == WEAK:
            self._keep(None)
            self.tell("unknown", Severity.MEDIUM, "it holds a weak reference, which honest models do not", "CWE-502")
        elif kind != S4:
            raise Broken(f"type {kind} is none of R's", self.stream.pos)
        return None

    def _characters(self) -> str:
        size = self.stream.integer()
        if size == -1:
            return "NA"
        raw = self.stream.string(self._positive(size))
        if size > SHORT:
            self.teller.blob(memoryview(raw), f"byte {self.stream.pos}")
        return raw.decode("utf-8", "replace")

    def _numbers(self, kind: int) -> None:
        """Passed over, but for how they begin; raw bytes may be a serialization of their own, or a file."""
        size, start = self._length(), self.stream.pos
        self.stream.skip(size, NUMBERS[kind])
        if size <= SHORT:
            return
        raw, where = self.stream.raw(start), f"byte {start}"
        if kind != RAW:
            raw_numbers.look(self.walk, raw, self.path, where)
        elif bytes(raw[:2]) in (b"X\n", b"B\n", b"A\n"):
            self.walk.enter(raw, join(self.path, where))
        else:
            self.teller.blob(raw, where)

    def _strings(self) -> Step:
        kept: list[str] = []
        for _ in range(self._count()):
            flags = self.stream.integer()
            plain = flags & (0xFF | ATTRIBUTES) == CHARS
            value = self._characters() if plain else (yield from self._typed(flags & 0xFF, flags))
            if len(kept) < KEPT and isinstance(value, str):
                kept.append(value)
        return tuple(kept)

    def _count(self) -> int:
        """A length of items, each of which takes a byte at least."""
        count = self._length()
        if count > self.stream.room():
            raise Broken("a vector holds more than the file", self.stream.pos)
        return count

    def _length(self) -> int:
        size = self.stream.integer()
        if size == -1:
            return self._positive(self.stream.integer()) << 32 | self.stream.integer() & 0xFFFFFFFF
        return self._positive(size)

    def _positive(self, size: int) -> int:
        if size < 0:
            raise Broken("a length is negative", self.stream.pos)
        return size

    def environment(self) -> Step:
        """Locked or not; then what encloses it, its frame, its hash table and its attributes."""
        self.stream.integer()
        self._keep(None)
        for _ in range(4):
            yield

    def _text(self) -> Step:
        """Strings as namespaces are told: a zero, a count, the strings."""
        if self.stream.integer():
            raise Broken("names that nobody writes", self.stream.pos)
        kept = []
        for _ in range(self._count()):
            value = yield
            kept.append(value if isinstance(value, str) else "")
        return self._keep(tuple(kept[:KEPT]))

    def space(self) -> Step:
        """A namespace or an attached package: R loads it if it is not there yet."""
        told = yield from self._text()
        package = told[0].removeprefix("package:") if told else ""
        if package not in names.BASE:
            self.tell("package", Severity.HIGH, f"loading makes R load the package {printable(package)!r}", "CWE-829")

    def persistent(self) -> Step:
        """An object that a hook of the reader's finds by name."""
        yield from self._text()
        self.tell("unknown", Severity.HIGH, "loading asks a function of the reader for an object by name", "CWE-470")

    def _pointer(self) -> Step:
        """An address in the writer's memory; R makes it null."""
        self._keep(None)
        self.tell(
            "pointer", Severity.HIGH, "it holds a pointer to memory; native code that follows it crashes", "CWE-119"
        )
        yield
        yield

    def alternative(self) -> Step:
        """A compact form of a vector: the class that unpacks it, its state, attributes."""
        flags = self.stream.integer()
        if flags & 0xFF != PAIRS or flags & (ATTRIBUTES | TAG):
            raise Broken("the class of a vector is not told", self.stream.pos)
        name = yield
        info = name.text if isinstance(name, Name) else ""
        if info not in names.SEQUENCES and not info.startswith("wrap_"):
            what = f"loading builds a vector of the class {printable(info)!r}, which may read files or load a package"
            self.tell("unknown", Severity.HIGH, what, "CWE-470")
        for _ in range(3):
            yield

    def bytecode(self) -> Step:
        """Compiled code, whose items follow other rules."""
        self.tell("function", Severity.HIGH, "it holds compiled code, which runs when the model is used", "CWE-502")
        self.walk.skip(self.path or "the file", "what follows compiled code was not read")
        raise Stopped
        yield

    def _called(self, values: list[Any], tags: list[str]) -> Call:
        """A call: `f(x)`, or `package::f(x)`."""
        name = title(values[0])
        self._judge(name)
        if what := trick(name, values[1:], tags[1:]):
            message = f"it holds a call of {printable(name)!r} that runs {printable(what)} when the model is used"
            self.tell("call", Severity.CRITICAL, message, "CWE-470")
        return Call(values[0], tuple(values[1:]))

    def _judge(self, name: str) -> None:
        """Whether what a call names is harmless. It is not run by loading, but by predict, update or print."""
        if name in names.HARMLESS:
            return
        if name in names.DANGEROUS:
            what = f"it holds a call of {printable(name)!r}, which runs when the model is used"
            self.tell("call", Severity.CRITICAL, what, "CWE-502")
        elif name:
            what = f"it holds a call of {printable(name)!r}, which is not understood, and runs when the model is used"
            self.tell("call", Severity.HIGH, what, "CWE-502")
        else:
            self.tell("call", Severity.HIGH, "it holds a call of what is computed, not named", "CWE-502")

    def tell(self, rule: str, severity: Severity, message: str, reference: str) -> None:
        """Write it down, once."""
        if (rule, message) not in self.told:
            self.told.add((rule, message))
            remedy = "ask for the weights as plain vectors, or for JSON; load this in a sandbox only"
            place = Place(self.path, f"byte {self.stream.pos}")
            self.walk.flaw(f"artifact.r.{rule}", severity, place, message, remedy, (reference,))


READERS: dict[int, Callable[[Items], Step]] = {
    ENVIRONMENT: Items.environment,
    NAMESPACE: Items.space,
    PACKAGE: Items.space,
    PERSISTENT: Items.persistent,
    ALTERNATIVE: Items.alternative,
    BYTECODE: Items.bytecode,
}
