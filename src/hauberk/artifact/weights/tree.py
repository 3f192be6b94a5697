"""From what a program builds to named tensors: the names of `state_dict()`, joined by dots; all else is told.

Differs from running the program: nothing of a class's own `__setstate__`, `state_dict` or hooks is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...core.errors import InputError, LimitExceeded, UnsupportedError
from ..formats.opcodes import Global, Made, Opaque, Seq
from ..walk import printable
from .numpy_values import Array, fields
from .told import Left
from .values import Aside, Lost, Storage, Tensor, Thing, Whole, Window, items_of

MAX_VISITS = 300_000
"""Tensors, and containers on the way to one, counted each time that they are reached."""
MAX_DEPTH = 200
MAX_LEFT = 10_000
ALONE = "tensor"
"""The name of a tensor that is all there is."""
RESERVED = "__metadata__"
PARTIAL = "--partial leaves such tensors out"


@dataclass
class Taken:
    """tensors: by name, in the order of the program. left: what else was there, the first ten thousand."""

    tensors: dict[str, Tensor]
    left: list[Left]


def take(value: Any, *, partial: bool = False) -> Taken:
    """The tensors below a value, by name.

    partial: leave out tensors that cannot be had, instead of refusing.
    Raises UnsupportedError for such a tensor, InputError for two of one name, LimitExceeded for a maze of objects.
    """
    taker = _Taker(partial, on_the_way(value))
    taker.visit(value, None, 0)
    return Taken(taker.tensors, taker.left)


class _Taker:
    def __init__(self, partial: bool, way: frozenset[int]) -> None:
        self.partial, self.way = partial, way
        self.tensors: dict[str, Tensor] = {}
        self.left: list[Left] = []
        self.visits = 0
        self.above: set[int] = set()

    def visit(self, value: Any, path: str | None, depth: int) -> None:
        if id(value) not in self.way:
            self._leave(path, value.what if isinstance(value, Aside) else _described(value))
            return
        self.visits += 1
        if self.visits > MAX_VISITS or depth > MAX_DEPTH:
            raise LimitExceeded(f"{shown(path)}: more than {MAX_VISITS} objects, or more than {MAX_DEPTH} deep")
        if isinstance(value, Array):
            value = value.tensor() if value.objects is None else value.objects
        if isinstance(value, Tensor):
            self._keep(value, ALONE if path is None else path)
        elif isinstance(value, Lost):
            self._lost(value, path)
        elif isinstance(value, Whole | Seq | Made):
            self._enter(value, path, depth)
        else:
            self._leave(path, _described(value))

    def _enter(self, value: Any, path: str | None, depth: int) -> None:
        if id(value) in self.above:
            self._leave(path, "a circle")
            return
        self.above.add(id(value))
        for name, part in self._parts(value, path):
            self.visit(part, name, depth + 1)
        self.above.discard(id(value))

    def _parts(self, value: Any, path: str | None) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Made):
            yield from self._object(value, path)
            return
        if value.kind == "dict":
            yield from self._dict(value.items, path)
        else:
            yield from ((join(path, str(i)), part) for i, part in enumerate(value.items))
        for state in getattr(value, "states", ()):
            if id(state) in self.way:  # attributes of a dict that is an object as well
                yield join(path, "__dict__"), state

    def _dict(self, items: list[Any], path: str | None) -> Iterator[tuple[str, Any]]:
        last: dict[Any, Any] = {}
        for key, part in zip(items[::2], items[1::2], strict=False):
            if isinstance(key, str | int | float | bool | None):
                last[key] = part
            elif id(part) in self.way:
                self._lost(Lost(f"its key is {_described(key)}", 0), join(path, "?"))
            else:
                self._leave(join(path, "?"), _described(part))
        yield from ((join(path, str(key)), part) for key, part in last.items())

    def _object(self, value: Made, path: str | None) -> Iterator[tuple[str, Any]]:
        name = _class_of(value)
        if isinstance(value, Thing) and value.use == "call":
            # What it would have given is not known: no tensor that went into it may be lost in silence.
            self._lost(Lost(f"it goes into {printable(name)}, which was not run", value.at), path)
            return
        states = value.states if isinstance(value, Thing) else [value.state]
        state = _attributes(states)
        if "_parameters" in state and "_modules" in state:
            yield from self._module(state, path)
            return
        self._leave(path, f"an object of {printable(name)}")
        yield from ((join(path, str(i)), part) for i, part in enumerate(items_of(value.args)))
        if isinstance(value, Thing) and value.written:
            yield from self._written(value, path)
        yield from self._states(states, path)

    def _states(self, states: list[Any], path: str | None) -> Iterator[tuple[str, Any]]:
        """Attributes, and what a class's own `__setstate__` would have been given."""
        named = [item for state in states if _is_plain(state) for part in _dicts(state) for item in part.items]
        yield from self._dict(named, path)
        for state in states:
            if not _is_plain(state) and id(state) in self.way:
                yield join(path, "__setstate__"), state

    def _written(self, value: Thing, path: str | None) -> Iterator[tuple[str, Any]]:
        """What was put into an object that is a dict or a list by its class."""
        keyed = len(value.written) % 2 == 0 and all(isinstance(k, str) for k in value.written[::2])
        yield from self._parts(Whole("dict" if keyed else "list", value.written), path)

    def _module(self, state: dict[str, Any], path: str | None) -> Iterator[tuple[str, Any]]:
        """A torch.nn.Module, as its `state_dict()` goes: parameters, persistent buffers, modules."""
        passing = {v for v in items_of(state.get("_non_persistent_buffers_set"), "set") if isinstance(v, str)}
        for group in ("_parameters", "_buffers", "_modules"):
            for key, part in self._dict(items_of(state.get(group), "dict"), path):
                if part is None or (group == "_buffers" and key.rpartition(".")[2] in passing):
                    continue
                yield key, part
        for key, part in state.items():
            if key not in ("_parameters", "_buffers", "_modules") and id(part) in self.way:
                self._leave(join(path, key), "an attribute that `state_dict()` leaves out, with tensors in it")

    def _keep(self, tensor: Tensor, name: str) -> None:
        if name == RESERVED or not _writable(name):
            raise InputError(f"{shown(name)}: safetensors allows no such name")
        if name in self.tensors and self.tensors[name] != tensor:
            raise InputError(f"{shown(name)}: two tensors would have this name")
        self.tensors[name] = tensor

    def _lost(self, lost: Lost, path: str | None) -> None:
        if not self.partial:
            where = f" (opcode {lost.at})" if lost.at else ""
            raise UnsupportedError(f"{shown(path)}: {lost.why}{where}", hint=PARTIAL)
        self._leave(path, f"a tensor: {lost.why}")

    def _leave(self, path: str | None, what: str) -> None:
        if len(self.left) < MAX_LEFT:
            self.left.append(Left(printable(path or "", 300), what))


def _dicts(state: Any) -> list[Any]:
    """The dicts of attributes in a state: one, or two where a class has slots."""
    parts = [state, *items_of(state)]
    return [part for part in parts if isinstance(part, Whole | Seq) and part.kind == "dict"]


def _is_plain(state: Any) -> bool:
    """Whether unpickling sets attributes from this state: it is a dict, or a dict or None and a dict of slots."""
    parts = items_of(state)
    return len(_dicts(state)) == (1 if not parts else sum(part is not None for part in parts))


def _attributes(states: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for state in states:
        for part in _dicts(state):
            found |= fields(part)
    return found


def on_the_way(root: Any) -> frozenset[int]:
    """The ids of all tensors below a value, and of whatever holds one. Each object is looked at once."""
    above: dict[int, list[int]] = {id(root): []}
    found, left = list[int](), [root]
    while left:
        value = left.pop()
        if isinstance(value, Tensor | Lost | Storage | Window):
            found.append(id(value))
        for part in _below(value):
            if id(part) not in above:
                above[id(part)] = []
                left.append(part)
            above[id(part)].append(id(value))
    way: set[int] = set()
    while found:
        if (one := found.pop()) not in way:
            way.add(one)
            found += above[one]
    return frozenset(way)


def _below(value: Any) -> list[Any]:
    if isinstance(value, Whole):
        return [*value.items, *value.states]
    if isinstance(value, Seq):
        return value.items
    if isinstance(value, Made):
        return [value.args, value.state, *getattr(value, "written", ()), *getattr(value, "states", ())]
    if isinstance(value, Array):
        return [value.objects, value.tensor()]
    return [value.inner] if isinstance(value, Opaque) else []


def join(path: str | None, name: str) -> str:
    """A name below a path; None is the whole.

    >>> join(None, "a"), join("a", "0")
    ('a', 'a.0')
    """
    return name if path is None else f"{path}.{name}"


def shown(path: str | None) -> str:
    """A path in a message."""
    return "the whole" if path is None else printable(path)


def _class_of(value: Made) -> str:
    return value.cls.dotted if isinstance(value.cls, Global) else "what has no name"


def _writable(name: str) -> bool:
    return name.isascii() or not any(0xD800 <= ord(c) <= 0xDFFF for c in name)


def _described(value: Any) -> str:
    if isinstance(value, Thing) and value.use == "call":
        return f"what {printable(_class_of(value))} would have given: it was not run"
    if isinstance(value, Made):
        return f"an object of {printable(_class_of(value))}"
    if isinstance(value, Whole | Seq):
        return f"a {value.kind} of {len(value.items) // (2 if value.kind == 'dict' else 1)}"
    if isinstance(value, Storage | Window):
        return "a storage without a tensor"
    if isinstance(value, Global):
        return f"the name {printable(value.dotted)}"
    if isinstance(value, memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return f"text {printable(value, 40)!r}"
    return f"{type(value).__name__} {value!r:.40}" if isinstance(value, int | float) else str(type(value).__name__)
