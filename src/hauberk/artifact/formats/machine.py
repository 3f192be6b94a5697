"""A symbolic pickle machine: every opcode of protocols 0 to 5, with the C unpickler's stack and memo, run on symbols.

Nothing is imported, called or set. A `Watcher` is told of every import, call, attribute write, extension code and
persistent id that loading would perform, in order, and what each is given.

CPython has three readers that do not agree on every stream: the C one over bytes, the C one over a file, and the
one in Python, which joblib runs. The machine goes on where any of them would; where another would have raised or
read other bytes, `late` says why: no honest writer makes such a stream.

>>> import pickle
>>> seen = Watcher()
>>> machine = Machine(memoryview(pickle.dumps({"a": [1, 2]})), 0, seen)
>>> machine.run(), machine.result
(27, {'a', [1, 2]})
"""

from __future__ import annotations

from typing import Any

from .literals import DOUBLE
from .opcodes import Broken, Global, Made, Opaque, Seq
from .steps import STEPS

COPIED_MAX = 1 << 20
"""Shorter programs are read as bytes, which Python indexes twice as fast as a view."""

HIDDEN_MIN = 8
"""Bytes and texts shorter than this hold no program that does anything: `c`, two names, two newlines, `)R.`."""


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

    def write(self, target: Any, how: str, items: list[Any], at: int) -> None:
        """Items are put into something that is no plain container of that kind. how: the opcode."""

    def persistent(self, pid: Any, at: int) -> Any:
        """The application is asked for an object by id. Returns its symbol."""
        return Opaque("persistent", pid)

    def extension(self, code: int, at: int) -> Any:
        """A global by number, from a registry of the loading process. Returns its symbol."""
        return Opaque("extension", code)

    def computed(self, module: Any, name: Any, at: int) -> Any:
        """A global whose name is no constant. Returns its symbol."""
        return Opaque("computed name")

    def outside(self, at: int) -> None:
        """A buffer that the application must bring along."""

    def constant(self, value: Any, at: int) -> None:
        """Bytes or text that may itself hide something."""

    def after_build(self, machine: Machine) -> None:
        """After BUILD, for loaders that read raw bytes there (joblib)."""


COPIES_MAX = 100
"""Containers that a machine beside another one fills; whoever runs one tells of more."""


class Machine:
    """One program: `run()` walks it from `start` to its STOP and returns the position behind it.

    Raises Broken where every unpickler would raise. max_opcodes bounds time; memory is a small multiple of the input.
    """

    watcher: Watcher
    steps: int

    def __init__(self, data: memoryview, start: int, watcher: Watcher, max_opcodes: int = 50_000_000) -> None:
        self.view, self.pos, self.end, self.watcher = data, start, len(data), watcher
        self.begin = start  # of the present opcode, while a watcher is told of it
        self.data: bytes | memoryview = _quick(data)
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.proto, self.steps, self.max_opcodes = 0, 0, max_opcodes
        self.frame_end = -1
        self.stop = self.end  # where the next look at frames is due: the end of the present one, or of the data
        self.late: Broken | None = None
        self.max_line = len(data)
        self.result: Any = None
        self.ended = self.limited = self.strange_memo = False
        self.dry = False  # leaves containers as they are, and fills copies: they are another machine's as well
        self.copies = 0
        self.has_blocks = True  # joblib's raw arrays may stand in it

    def run(self) -> int:
        """Walk to STOP. Raises Broken; sets `limited` and returns where it stands when max_opcodes are spent.

        Look at `late` afterwards; where a program breaks behind a doubt, the doubt is what is raised.
        """
        try:
            return self._run()
        except IndexError:
            raise self.late or Broken("the stream is truncated", self.steps) from None
        except Broken as error:
            raise self.late or error from None

    def _run(self) -> int:
        """The commonest opcodes stand in the loop itself, for its speed; the others in STEPS."""
        data, memo, constant, from_bytes = self.data, self.memo, self.watcher.constant, int.from_bytes
        pos, stop, stack = self.pos, self.stop, self.stack
        for n in range(self.steps, self.steps + self.max_opcodes):
            if pos >= stop:
                stop = self.boundary(pos, n)
            op = data[pos]
            if op == 0x71 and stack:  # BINPUT
                memo[data[pos + 1]] = stack[-1]
                pos += 2
            elif op == 0x94 and stack:  # MEMOIZE
                memo[len(memo)] = stack[-1]
                pos += 1
            elif op == 0x68 and type(value := memo.get(data[pos + 1], Global)) not in NAMES:  # BINGET
                stack.append(value)
                pos += 2
            elif op == 0x8C or op == 0x58:  # SHORT_BINUNICODE, BINUNICODE
                begin = pos + (2 if op == 0x8C else 5)
                end = begin + (data[pos + 1] if op == 0x8C else from_bytes(data[pos + 1 : begin], "little"))
                stack.append(value := self.text(data[begin:end]))
                if end - begin >= HIDDEN_MIN:
                    self.begin = pos
                    constant(value, n)
                if (pos := end) > self.end:
                    raise Broken("the stream is truncated", n)
            elif op == 0x47 and pos + 9 <= self.end:  # BINFLOAT
                stack.append(DOUBLE(data, pos + 1)[0])
                pos += 9
            elif op == 0x4B:  # BININT1
                stack.append(data[pos + 1])
                pos += 2
            elif op == 0x28:  # MARK
                self.marks.append(stack)
                stack = self.stack = []
                pos += 1
            else:
                self.begin, self.pos, self.steps = pos, pos + 1, n
                if op == 0x2E:
                    return self._stop()
                if (step := STEPS[op]) is None:
                    raise Broken(f"byte 0x{op:02x} is no opcode", n)
                step(self)
                pos, stop, stack = self.pos, self.stop, self.stack
        self.pos, self.limited = pos, True
        self.steps += self.max_opcodes
        return pos

    def boundary(self, pos: int, n: int) -> int:
        """A frame ends, or the data. Returns where to look next. Raises Broken behind the last byte."""
        if pos > self.stop:
            self.doubt("an opcode goes on behind its frame: readers of files and of bytes read other things")
        if pos >= self.end:
            raise Broken("the stream ends before its STOP", n)
        self.stop = self.end
        return self.stop

    def _stop(self) -> int:
        if self.pos < self.frame_end:  # a reader of files stands behind the frame now, others behind the STOP
            self.doubt("a frame goes on behind the STOP")
        self.result = self.pop()
        self.ended = True
        return self.pos

    def doubt(self, message: str) -> None:
        """Readers part here: go on as the more patient one does."""
        self.late = self.late or Broken(message, self.steps)

    def fill_copy(self, target: Seq, items: list[Any]) -> None:
        """Fill a container that may be another machine's: a copy takes its place wherever this machine holds it."""
        self.copies += 1
        if self.copies > COPIES_MAX:
            return
        copy = Seq(target.kind, [*target.items])
        copy.count = target.count
        copy.extend(items)
        for held in (self.stack, *self.marks):
            held[:] = [copy if value is target else value for value in held]
        for key in [key for key, value in self.memo.items() if value is target]:
            self.memo[key] = copy

    # reading

    def take(self, n: int) -> memoryview:
        """The next n bytes."""
        start = self.pos
        if n < 0 or start + n > self.end:
            raise Broken("the stream is truncated", self.steps)
        self.pos = start + n
        return self.view[start : start + n]

    def number(self, n: int) -> int:
        """The next n bytes as an unsigned little-endian integer."""
        start = self.pos
        if start + n > self.end:
            raise Broken("the stream is truncated", self.steps)
        self.pos = start + n
        return int.from_bytes(self.data[start : start + n], "little")

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
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            pass
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
        if index > self.end:
            self.strange_memo = True

    def recall(self, index: int) -> None:
        """Push a memo entry."""
        if index not in self.memo:
            raise Broken(f"memo entry {index} was never stored", self.steps)
        value = self.memo[index]
        if type(value) is Global:
            self.watcher.pushed(value)
        self.stack.append(value)

    def constant(self, value: Any) -> None:
        """Push bytes or text, and show them to the watcher."""
        if len(value) >= HIDDEN_MIN:
            self.watcher.constant(value, self.steps)
        self.stack.append(value)


NAMES = (Global, type)
"""What BINGET leaves to its step: names, which are counted, and a missing entry."""


def _quick(data: memoryview) -> bytes | memoryview:
    whole = data.obj
    if type(whole) is bytes and len(whole) == len(data):
        return whole
    return bytes(data) if len(data) <= COPIED_MAX else data
