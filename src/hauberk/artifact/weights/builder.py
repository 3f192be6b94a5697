"""The pickle machine with whole containers: it follows a program to the objects that hold tensors, and runs nothing.

>>> import pickle
>>> built = Builder(memoryview(pickle.dumps({"a": [1, 2]}))).build()
>>> built.items
['a', [1, 2]]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import LimitExceeded
from ..formats.machine import Machine, Watcher
from ..formats.opcodes import Broken, Global, Opaque, Seq, shown
from ..formats.steps import STEPS
from .told import Call
from .values import Lost, Thing, Whole, items_of

Maker = Callable[[list[Any], int], Any]
"""maker(arguments, opcode) -> the value that a call gives; raises NotMade."""

MAX_CALLS = 1000
"""Different calls that are told; no honest file has a tenth of them."""


class NotMade(Exception):
    """A call that would have made a tensor cannot be followed."""


def _container(kind: str, items: Callable[[Machine], list[Any]]) -> Callable[[Machine], None]:
    def step(m: Machine) -> None:
        made = Whole(kind, items(m))
        m.stack.append(made)

    return step


WHOLE_STEPS = {
    0x5D: _container("list", lambda m: []), 0x29: _container("tuple", lambda m: []),
    0x7D: _container("dict", lambda m: []), 0x8F: _container("set", lambda m: []),
    0x91: _container("set", Machine.pop_mark), 0x6C: _container("list", Machine.pop_mark),
    0x74: _container("tuple", Machine.pop_mark), 0x64: _container("dict", Machine.pop_mark),
    0x85: _container("tuple", lambda m: [m.pop()]),
    0x86: _container("tuple", lambda m: [m.pop(), m.pop()][::-1]),
    0x87: _container("tuple", lambda m: [m.pop(), m.pop(), m.pop()][::-1]),
}  # fmt: skip
"""The opcodes that make containers. The machine of the scan keeps only the first items of each."""


class Builder(Machine):
    """One program. makers: what calls of these names give. persistent: what an application's id stands for.

    hand.calls: what was called and is no maker.
    """

    def __init__(
        self, data: memoryview, start: int = 0, *, makers: dict[str, Maker] | None = None,
        persistent: Callable[[Any, int], Any] | None = None, max_opcodes: int = 50_000_000,
    ) -> None:  # fmt: skip
        self.hand = Hand(makers or {}, persistent)
        super().__init__(data, start, self.hand, max_opcodes)

    def build(self) -> Any:
        """Follow the program to its end. Raises Broken where loading would fail, LimitExceeded past max_opcodes."""
        self.run()
        return self.result

    def run(self) -> int:
        """Every opcode by its step, and containers whole. Returns the position behind the program."""
        for _ in range(self.max_opcodes):
            if self.pos >= self.end:
                raise Broken("the stream ends before its STOP", self.steps)
            code = self.view[self.pos]
            self.pos += 1
            if code == 0x2E:
                self.result = self.pop()
                return self.pos
            step = WHOLE_STEPS.get(code) or STEPS[code]
            if step is None:
                raise Broken(f"byte 0x{code:02x} is no opcode", self.steps)
            step(self)
            self.steps += 1
        raise LimitExceeded(f"the program has more than {self.max_opcodes} opcodes")


class Hand(Watcher):
    """Builds what the program describes."""

    def __init__(self, makers: dict[str, Maker], persistent: Callable[[Any, int], Any] | None) -> None:
        self.makers, self._persistent = PLAIN | makers, persistent
        self.calls: dict[str, Call] = {}
        self.used: set[str] = set()
        self.blocks: Callable[[Machine], None] | None = None

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        """A maker's value, or what stands for the result of a call that is not made."""
        if isinstance(args, Opaque):
            args = args.inner[0]
        name = target.dotted if isinstance(target, Global) else ""
        if name in self.makers:
            self.used.add(name)
            try:
                return self.makers[name](items_of(args), at)
            except NotMade as error:
                return Lost(str(error), at)
        told = name or "a result of another call"
        if told in self.calls or len(self.calls) < MAX_CALLS:
            self.calls.setdefault(told, Call(use, at, shown(args))).times += 1
        return Thing(target, args, use, at)

    def build(self, target: Any, state: Any, at: int) -> None:
        """Attributes are set from a state."""
        if isinstance(target, Thing):
            target.states.append(state)
            target.state = state
        elif isinstance(target, Whole):
            target.states += (state,)
        elif hasattr(target, "set_state"):
            target.set_state(state, at)

    def write(self, target: Any, how: str, items: list[Any], at: int) -> None:
        """Items are put into a container."""
        if isinstance(target, Whole):
            target.items += items
        elif isinstance(target, Thing):
            target.written += items

    def persistent(self, pid: Any, at: int) -> Any:
        """What the application would give for an id."""
        return self._persistent(pid, at) if self._persistent else Opaque("persistent", pid)

    def after_build(self, machine: Machine) -> None:
        """Raw blocks in the stream."""
        if self.blocks:
            self.blocks(machine)


def _items(args: list[Any], kind: str) -> list[Any]:
    """What a container is made from: nothing, or one other container."""
    if not args:
        return []
    if len(args) != 1 or not isinstance(args[0], Whole | Seq):
        raise NotMade(f"a {kind} is made from what was not run")
    if kind != "dict" or args[0].kind == "dict":
        return list(args[0].items)
    pairs = [items_of(pair) or items_of(pair, "list") for pair in args[0].items]
    if any(len(pair) != 2 for pair in pairs):
        raise NotMade("a dict is made from what are no pairs")
    return [part for pair in pairs for part in pair]


def _plain(kind: str) -> Maker:
    return lambda args, at: Whole(kind, _items(args, kind))


def _reconstructor(args: list[Any], at: int) -> Any:
    """copyreg._reconstructor(cls, base, state): an instance, not yet initialised."""
    return Thing(args[0] if args else None, Whole("tuple", args[2:3]), "new", at)


def _encode(args: list[Any], at: int) -> Any:
    """_codecs.encode(text, 'latin1'): how protocols 0 to 2 write bytes."""
    if len(args) != 2 or not isinstance(args[0], str) or args[1] not in ("latin1", "latin-1"):
        raise NotMade("bytes are made by another codec than latin1")
    try:
        return memoryview(args[0].encode("latin-1"))
    except UnicodeEncodeError as error:
        raise NotMade("bytes are made from other text") from error


def _bytes(args: list[Any], at: int) -> Any:
    if not args:
        return memoryview(b"")
    if len(args) == 1 and isinstance(args[0], memoryview):
        return args[0]
    raise NotMade("bytes are made from what was not run")


PLAIN: dict[str, Maker] = {
    "collections.OrderedDict": _plain("dict"),
    "collections.defaultdict": lambda args, at: Whole("dict"),
    "collections.deque": lambda args, at: Whole("list", _items(args[:1], "list")),
    "types.SimpleNamespace": lambda args, at: Thing(Global("types", "SimpleNamespace", at), Whole("tuple"), "new", at),
    "builtins.dict": _plain("dict"),
    "builtins.list": _plain("list"),
    "builtins.tuple": _plain("tuple"),
    "builtins.set": _plain("set"),
    "builtins.frozenset": _plain("set"),
    "builtins.bytearray": _bytes,
    "builtins.bytes": _bytes,
    "copyreg._reconstructor": _reconstructor,
    "_codecs.encode": _encode,
}
"""Constructors of the standard library whose result is plain."""
