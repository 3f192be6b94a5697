"""A symbolic pickle machine: every opcode of protocols 0 to 5, with the C unpickler's stack and memo, run on symbols.

Nothing is imported, called or set. A `Watcher` is told of every import, call, attribute write, extension code and
persistent id that loading would perform, in order, and what each is given.

>>> import pickle
>>> seen = Watcher()
>>> machine = Machine(memoryview(pickle.dumps({"a": [1, 2]})), 0, seen)
>>> machine.run(), machine.result
(27, {'a', [1, 2]})
"""

from __future__ import annotations

import _compat_pickle
from typing import Any

from .opcodes import Broken, Global, Made, Opaque
from .steps import STEPS


class Watcher:
    """Is told what loading would do. This one does nothing: the machine alone keeps only what a program needs."""

    def mention(self, name: Global) -> None:
        """`name` is imported."""

    def pushed(self, name: Global, times: int = 1) -> None:
        """`name` is put on the stack again (times: -1 for off it, unused)."""

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        """`target` is called. use: call, new, inst. Returns the symbol of the result."""
        return Made(target, args)

    def build(self, target: Any, state: Any, at: int) -> None:
        """`target.__setstate__(state)`, or attributes are set from it."""

    def write(self, target: Any, how: str, at: int) -> None:
        """Items are put into something that is no plain container. how: the opcode."""

    def persistent(self, pid: Any, at: int) -> Any:
        """The application is asked for an object by id. Returns its symbol."""
        return Opaque("persistent", pid)

    def extension(self, code: int, at: int) -> Any:
        """A global by number, from a registry of the loading process. Returns its symbol."""
        return Opaque("extension", code)

    def constant(self, value: Any, at: int) -> None:
        """Bytes or text that may itself hide something."""

    def after_build(self, machine: Machine) -> None:
        """After BUILD, for loaders that read raw bytes there (joblib)."""


class Machine:
    """One program: `run()` walks it from `start` to its STOP and returns the position behind it.

    Raises Broken where an unpickler would raise. max_opcodes bounds time; memory is a small multiple of the input.
    """

    data: memoryview
    watcher: Watcher
    steps: int

    def __init__(self, data: memoryview, start: int, watcher: Watcher, max_opcodes: int = 50_000_000) -> None:
        self.data, self.pos, self.end, self.watcher = data, start, len(data), watcher
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.proto, self.steps, self.max_opcodes = 0, 0, max_opcodes
        self.frame_end = -1
        self.late: Broken | None = None
        self.max_line = len(data)
        self.result: Any = None
        self.limited = False

    def run(self) -> int:
        """Walk to STOP. Raises Broken; sets `limited` and returns where it stands when max_opcodes are spent."""
        data, end = self.data, self.end
        for _ in range(self.max_opcodes):
            if self.pos >= end:
                raise Broken("the stream ends before its STOP", self.steps)
            op = data[self.pos]
            self.pos += 1
            if op == 0x2E:
                return self._stop()
            step = STEPS[op]
            if step is None:
                raise Broken(f"byte 0x{op:02x} is no opcode", self.steps)
            step(self)
            self.steps += 1
        self.limited = True
        return self.pos

    def _stop(self) -> int:
        if self.late:
            raise self.late
        if self.pos < self.frame_end:  # a reader of files stands behind the frame now, others behind the STOP
            raise Broken("a frame goes on behind the STOP", self.steps)
        self.result = self.pop()
        return self.pos

    # reading

    def take(self, n: int) -> memoryview:
        """The next n bytes."""
        start = self.pos
        if n < 0 or start + n > self.end:
            raise Broken("the stream is truncated", self.steps)
        self.pos = start + n
        return self.data[start : start + n]

    def number(self, n: int) -> int:
        """The next n bytes as an unsigned little-endian integer."""
        return int.from_bytes(self.take(n), "little")

    def line(self) -> bytes:
        """The bytes up to the next newline, which is passed over."""
        start, size = self.pos, 64
        while True:
            piece = bytes(self.data[start : start + size])
            if (cut := piece.find(b"\n")) >= 0:
                self.pos = start + cut + 1
                return piece[:cut]
            if start + size >= self.end or size > self.max_line:
                raise Broken("a line never ends", self.steps)
            size *= 4

    def text(self, raw: bytes | memoryview) -> str:
        """Bytes as UTF-8 the way the unpickler reads text."""
        try:
            return str(raw, "utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Broken("text is not UTF-8", self.steps) from error

    # the stack

    def pop(self) -> Any:
        """The top of the stack, above the last mark."""
        if not self.stack:
            raise Broken("the stack underflows", self.steps)
        return self.stack.pop()

    def top(self) -> Any:
        """The top of the stack, left there."""
        if not self.stack:
            raise Broken("the stack underflows", self.steps)
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        """Everything above the last mark."""
        if not self.marks:
            raise Broken("a mark is missing", self.steps)
        items, self.stack = self.stack, self.marks.pop()
        return items

    def remember(self, index: int) -> None:
        """Put the top of the stack into the memo."""
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        """Push a memo entry."""
        if index not in self.memo:
            raise Broken(f"memo entry {index} was never stored", self.steps)
        value = self.memo[index]
        if type(value) is Global:
            self.watcher.pushed(value)
        self.stack.append(value)

    # globals and calls

    def find(self, module: str, name: str) -> Global:
        """Resolve a global as `find_class` does: protocols below 3 read Python 2 names."""
        if self.proto < 3:
            pair = (module, name)
            if pair in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[pair]
            elif module in _compat_pickle.IMPORT_MAPPING:
                module = _compat_pickle.IMPORT_MAPPING[module]
        found = Global(module, name, self.steps)
        self.watcher.mention(found)
        return found

    def call(self, use: str, target: Any, args: Any) -> None:
        """Push what a call gives."""
        self.stack.append(self.watcher.call(use, target, args, self.steps))

    def constant(self, value: Any) -> None:
        """Push bytes or text, and show them to the watcher."""
        self.watcher.constant(value, self.steps)
        self.stack.append(value)
