"""Symbolic values as a person would write them in Python: named, cut short, and escaped."""

from __future__ import annotations

from typing import Any

from ..walk import printable
from .opcodes import Global, Made, Opaque, Seq

TEXT_MAX, ITEMS_MAX, DEPTH_MAX, WHOLE_MAX = 60, 6, 3, 200
"""Characters of a text, items of a container, levels of nesting, and characters of a whole value."""
BRACKETS = {"list": ("[", "]"), "tuple": ("(", ")"), "set": ("{", "}"), "frozenset": ("frozenset({", "})")}


class Namer:
    """Names the results of calls `_0`, `_1` … in the order in which they are made."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.held: list[Any] = []

    def assign(self, value: Any) -> str:
        """The name of a new result."""
        name = f"_{len(self.held)}"
        self.held.append(value)  # so that no other object gets its id
        self.names[id(value)] = name
        return name

    def arguments(self, args: Any) -> str:
        """What stands between the brackets of a call."""
        if isinstance(args, Seq) and args.kind == "tuple":
            return _cut(", ".join(self._items(args, 1)))
        if isinstance(args, Opaque) and args.kind == "keywords":
            positional, keywords = args.inner
            return ", ".join(part for part in (self.arguments(positional), f"**{self.text(keywords)}") if part)
        return f"*{self.text(args)}"

    def filled(self, target: Any, how: str, items: list[Any]) -> str:
        """An APPEND, SETITEM and so on, as the statement that it is."""
        name = self.text(target)
        if how == "SETITEM":
            return f"{name}[{self.text(items[0])}] = {self.text(items[1])}"
        if how == "SETITEMS":
            return f"{name}.update({self.text(Seq('dict', list(items)))})"
        if how == "APPEND":
            return f"{name}.append({self.text(items[0])})"
        return f"{name}.{'extend' if how == 'APPENDS' else 'add'}({self.text(Seq('list', list(items)))})"

    def text(self, value: Any) -> str:
        """A value in at most WHOLE_MAX characters."""
        return _cut(self._text(value, 0))

    def _text(self, value: Any, depth: int) -> str:
        if id(value) in self.names:
            return self.names[id(value)]
        if isinstance(value, Global):
            return printable(value.dotted)
        if isinstance(value, Seq):
            return self._container(value, depth)
        if isinstance(value, memoryview):
            return repr(bytes(value[:TEXT_MAX])) + (f"…{len(value)} bytes" if len(value) > TEXT_MAX else "")
        if isinstance(value, str):
            return ascii(value[:TEXT_MAX]) + (f"…{len(value)} characters" if len(value) > TEXT_MAX else "")
        return f"<{printable(value.kind)}>" if isinstance(value, Opaque) else _plain(value)

    def _container(self, value: Seq, depth: int) -> str:
        if depth >= DEPTH_MAX and value.count:
            return f"<{value.kind} of {value.count // (2 if value.kind == 'dict' else 1)}>"
        if value.kind == "dict":
            items = self._items(value, depth + 1)
            pairs = (f"{key}: {item}" for key, item in zip(items[::2], items[1::2], strict=False))
            return "{" + ", ".join(pairs) + (", …" if value.count > 2 * ITEMS_MAX else "") + "}"
        left, right = BRACKETS[value.kind]
        lone = "," if value.kind == "tuple" and value.count == 1 else ""
        return left + ", ".join(self._items(value, depth + 1)) + lone + right

    def _items(self, value: Seq, depth: int) -> list[str]:
        shown = 2 * ITEMS_MAX if value.kind == "dict" else ITEMS_MAX
        more = ["…"] if value.count > shown and value.kind != "dict" else []
        return [self._text(item, depth) for item in value.items[:shown]] + more


def _plain(value: Any) -> str:
    return "<a result>" if isinstance(value, Made) else repr(value)


def _cut(text: str) -> str:
    return text if len(text) <= WHOLE_MAX else text[:WHOLE_MAX] + "…"
