"""A way through every message of a protobuf file: each is shown to whoever knows its kind, and what is odd is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..walk import Walk
from .opcodes import Broken
from .protobuf import WIRES, Layout, Message, Spec

MAX_NESTING = 100
"""Google's parsers stop at this depth as well."""
STEPS, BYTES_A_MESSAGE = 20_000, 8
"""A message takes ten bytes at least on the average of any honest file; an empty one takes two, and the time of all."""
CONTROL = re.compile("[\0-\x08\x0e-\x1f\x7f]")


class Trail(NamedTuple):
    """Where a message stands: in which field of which message, and as which of several."""

    parent: Trail | None
    name: str
    at: int

    def __str__(self) -> str:
        steps: list[str] = []
        trail: Trail | None = self
        while trail is not None and len(steps) < 12:
            steps.append(f"{trail.name}[{trail.at}]" if trail.at else trail.name)
            trail = trail.parent
        return ".".join(reversed([step for step in steps if step]))


Handler = Callable[[Message, Trail], None]


@dataclass
class Tour:
    """A way through every message of a file, outermost first; each is shown to the handler of its kind.

    odd: told of what is odd, and where. text: given every text. blob: given every field of bytes.
    """

    walk: Walk
    layout: Layout
    handlers: Mapping[str, Handler]
    odd: Callable[[str, Trail], None]
    text: Callable[[str, Trail], None]
    blob: Callable[[memoryview, Trail], None]
    room: int = 0

    def go(self, data: memoryview, kind: str, trail: Trail | None = None) -> None:
        """Walk a message of that kind, and all inside it. Raises Broken: truncated, nested too deep, or too many."""
        self.room = STEPS + len(data) // BYTES_A_MESSAGE
        todo: list[tuple[str, memoryview, Trail, int]] = [(kind, data, trail or Trail(None, "", 0), 0)]
        while todo:
            kind, data, trail, depth = todo.pop()
            if depth > MAX_NESTING:
                raise Broken(f"messages are nested more than {MAX_NESTING} deep", 0)
            message = self.layout.read(data, kind)
            self.spend(self._parts(message))
            for what in message.odd[:20]:
                self.odd(f"{what} in {kind}", trail)
            if handler := self.handlers.get(kind):
                handler(message, trail)
            inner = list(self._inside(message, trail))
            todo.extend((kind, data, trail, depth + 1) for kind, data, trail in reversed(inner))

    def _parts(self, message: Message) -> int:
        """How many messages are in one."""
        named = self.layout.named(message.kind)
        return sum(len(held) for name, held in message.values.items() if len(named[name][1].kind) > 1)

    def spend(self, messages: int) -> None:
        """Count work against the limits. Raises Broken past them."""
        self.room -= messages
        if self.room < 0:
            raise Broken("it has more messages than a file of its size can hold in earnest", 0)
        self.walk.spend(messages + 1)
        if not self.walk.opcodes_left:
            raise Broken(f"more than {self.walk.work.most_opcodes} fields", 0)

    def _inside(self, message: Message, trail: Trail) -> Iterator[tuple[str, memoryview, Trail]]:
        named = self.layout.named(message.kind)
        for _, spec in sorted(named[name] for name in message.values):
            if spec.kind in WIRES:
                continue
            values = message.values[spec.name]
            if spec.keyed:
                self._keys(message, spec, trail)
            for index, value in enumerate(values):
                if not isinstance(value, memoryview):
                    continue
                here = Trail(trail, spec.name, index)
                if spec.kind == "s":
                    self._text(value, here)
                elif spec.kind == "b":
                    self.blob(value, here)
                else:
                    yield spec.kind, value, here

    def _text(self, value: memoryview, trail: Trail) -> None:
        text = str(value, "utf-8", "replace")
        if not text.isprintable() and (CONTROL.search(text) or "\ufffd" in text):
            self.odd("text holds bytes that are no text", trail)
        self.text(text, trail)

    def _keys(self, message: Message, spec: Spec, trail: Trail) -> None:
        """A parser keeps the last value of a key that comes twice."""
        entries = [self.layout.read(entry, spec.kind).values for entry in message.all(spec.name)]
        keys = [(entry.get("key") or [memoryview(b"")])[-1] for entry in entries]
        names = [bytes(key) if isinstance(key, memoryview) else key for key in keys]
        if len(set(names)) != len(names):
            self.odd(f"{spec.name} holds a key twice", trail)
