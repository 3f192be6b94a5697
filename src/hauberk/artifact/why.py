"""What would loading this file do? The program of every pickle in it, line by line, as Python would write it.

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "m.pkl"
>>> _ = path.write_bytes(b"cposix\\nsystem\\n(S'id'\\ntR.")
>>> print(render(why(path)))
m.pkl
       0  dangerous       from posix import system  # runs operating-system commands or changes the process
      22  dangerous       _0 = posix.system('id')  # runs operating-system commands or changes the process
      23                  return _0
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.limits import Limits
from .formats.inspector import Inspector
from .formats.machine import Machine
from .formats.opcodes import Broken, Global
from .formats.values import Namer
from .manifest import files_of
from .reading import Reading
from .route import walk_content
from .verdicts import Ruling, Standing
from .walk import Walk, printable

MAX_LINES = 10_000
"""Lines told of one file or folder; what follows is counted."""
OUT_OF_BAND = "the loading program decides what this is"


@dataclass(frozen=True)
class Line:
    """One step of a program. path: the file or member; within: the pickle inside it, '' for its own.

    at: the byte of its opcode, from the beginning of that pickle's bytes. verdict: '' for what needs none.
    """

    path: str
    within: str
    at: int
    text: str
    verdict: str
    reason: str


def why(path: Path, limits: Limits | None = None, allow: Iterable[str] = ()) -> tuple[Line, ...]:
    """The steps of every pickle in a file, a folder or an archive, in the order in which loading takes them.

    Values are cut short and escaped; at most MAX_LINES are told. A file without a pickle has none.
    Raises InputError for a path that cannot be read.
    """
    limits = limits or Limits()
    story = Story()
    walk = Walk(limits, walk_content, allow)
    walk.inspector = story.inspector
    for item in files_of(path, limits):
        reading = Reading(item, digests=False)
        try:
            walk.depth = 0
            walk.enter(reading.data, item.path or path.name)
        finally:
            reading.close()
    return story.told()


def render(lines: Iterable[Line]) -> str:
    """As text: the name of each program, then its lines with byte, verdict and reason.

    Why something is allowed is told once.
    """
    out: list[str] = []
    before: tuple[str, str] | None = None
    known: set[str] = set()
    for line in lines:
        if (line.path, line.within) != before:
            before = line.path, line.within
            out.append(" > ".join(part for part in before if part))
        reason = f"  # {line.reason}" if line.reason and line.reason not in known else ""
        if line.verdict == Standing.ALLOWED.value:
            known.add(line.reason)
        out.append(f"{line.at:>8}  {line.verdict:<14}  {line.text}{reason}")
    return "\n".join(out)


class Story:
    """The lines so far, and how many were too many."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.more = 0

    def inspector(self, walk: Walk, path: str, prefix: str = "", **options: Any) -> Inspector:
        """An inspector that tells this story."""
        return Narrator(self, walk, path, prefix, **options)

    def tell(self, line: Line) -> None:
        """One more line, if there is room."""
        if len(self.lines) < MAX_LINES:
            self.lines.append(line)
        else:
            self.more += 1

    def told(self) -> tuple[Line, ...]:
        """All of it."""
        if not self.more:
            return tuple(self.lines)
        last = self.lines[-1]
        return (*self.lines, Line(last.path, last.within, last.at, f"# {self.more} more steps", "", ""))


class Narrator(Inspector):
    """An inspector that writes each step down as a line of Python."""

    def __init__(self, story: Story, walk: Walk, path: str, prefix: str, **options: Any) -> None:
        super().__init__(walk, path, prefix, **options)
        self.story, self.names = story, Namer()
        self.machine: Machine | None = None
        self.imported: set[str] = set()

    def inside(self, prefix: str) -> Inspector:
        return self.story.inspector(self.walk, self.path, prefix)

    def begins(self, machine: Machine) -> None:
        self.machine = machine

    def ends(self, machine: Machine, error: Broken | None) -> None:
        if error is None or machine.ended:
            self._line(f"return {self.names.text(machine.result)}", None)
        if error is not None:
            self._line(f"# broken: {printable(str(error))}", Standing.UNKNOWN)

    def mention(self, name: Global) -> None:
        super().mention(name)
        if name.dotted not in self.imported:
            self.imported.add(name.dotted)
            text = f"from {printable(name.module)} import {printable(name.name)}"
            self._judged(text, self.weigh(name, "import"))

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        before = len(self.walk.flaws)
        result = super().call(use, target, args, at)
        callee = self.names.text(target)
        given = self.names.arguments(args)
        text = f"object.__new__({callee})" if use == "new" and not given else f"{callee}({given})"
        ruling = self.weigh(target, use) if isinstance(target, Global) else None
        self._judged(f"{self.names.assign(result)} = {text}", ruling, self._since(before))
        return result

    def build(self, target: Any, state: Any, at: int) -> None:
        before = len(self.walk.flaws)
        super().build(target, state, at)
        cls = getattr(target, "cls", None)
        ruling = self.weigh(cls, "build") if isinstance(cls, Global) else None
        self._judged(f"{self.names.text(target)}.__setstate__({self.names.text(state)})", ruling, self._since(before))

    def write(self, target: Any, how: str, items: list[Any], at: int) -> None:
        before = len(self.walk.flaws)
        super().write(target, how, items, at)
        self._judged(self.names.filled(target, how, items), None, self._since(before))

    def persistent(self, pid: Any, at: int) -> Any:
        before = len(self.walk.flaws)
        result = super().persistent(pid, at)
        text = f"{self.names.assign(result)} = persistent_load({self.names.text(pid)})"
        self._judged(text, None, self._since(before))
        return result

    def extension(self, code: int, at: int) -> Any:
        result = super().extension(code, at)
        self._line(f"{self.names.assign(result)} = copyreg._inverted_registry[{code}]", Standing.UNKNOWN, OUT_OF_BAND)
        return result

    def computed(self, module: Any, name: Any, at: int) -> Any:
        result = super().computed(module, name, at)
        source = f"getattr(import_module({self.names.text(module)}), {self.names.text(name)})"
        self._line(f"{self.names.assign(result)} = {source}", Standing.DANGEROUS, "its name is computed while loading")
        return result

    def _since(self, before: int) -> str:
        """What was found wrong with this very step."""
        flaws = self.walk.flaws[before:]
        return flaws[-1].message if flaws else ""

    def _judged(self, text: str, ruling: Ruling | None, complaint: str = "") -> None:
        if ruling is not None and (ruling.verdict is not Standing.ALLOWED or not complaint):
            self._line(text, ruling.verdict, ruling.reason)
        else:
            self._line(text, Standing.UNKNOWN if complaint else None, complaint)

    def _line(self, text: str, verdict: Standing | None, reason: str = "") -> None:
        at = self.machine.begin if self.machine else 0
        within = self.prefix.removesuffix(" > ")
        self.story.tell(Line(self.path, within, at, text, verdict.value if verdict else "", reason))
