"""What one scan knows while it walks: its limits, its judge, and what it has found so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.limits import Limits
from ..core.nouns import Place, Severity
from .verdicts import Judge, Ruling, Standing

FREE_EXPANSION = 64 << 20
"""Bytes that any member may expand to, whatever its ratio: constant tensors compress a thousandfold."""

FREE_TOTAL = 128 << 20
"""Bytes that all that is in one file may expand to, nested or side by side, whatever the ratio of the whole."""

MODEL_REFERENCES = ("AML.T0010.003", "AML.T0011.000", "AML.T0018.002", "ML06:2023")
"""Model supply chain, unsafe AI artifacts, embedded malware: what every finding of a scan is about."""

MAX_FLAWS = 200
"""Findings kept of one scan; a hostile file could hold millions, and the first hundreds say it all."""
FURTHER = "further parts", f"the first {MAX_FLAWS} are listed"
"""The gap that stands for those that are not listed."""


@dataclass(frozen=True)
class Flaw:
    """A finding that does not know its subject yet."""

    rule: str
    severity: Severity
    place: Place
    message: str
    remedy: str
    references: tuple[str, ...]


@dataclass
class Seen:
    """A global that was met: how it is used, what it is, why, how often."""

    name: str
    use: str
    verdict: Standing
    reason: str
    count: int = 0


FREE_OPCODES, OPCODES_PER_BYTE = 2_000_000, 2
"""Steps that the programs in one file may take: of a plain pickle a byte is at most one, so that only what is unpacked
out of few bytes meets this. A million take about a second."""

FREE_ENTRIES, BYTES_PER_ENTRY = 2_000, 32
"""Things in one file that are walked; a zip spends 76 bytes on each of its members, nested archives far less."""

UNKNOWN = "unknown"
"""The format of what no walker knows."""

Route = Callable[["Walk", memoryview, str], None]


@dataclass
class Work:
    """What the walk of one file has cost so far, and may cost. Trials spend of the same.

    decoded: bytes of programs that were decoded out of a pickle's own texts.
    """

    opcodes: int = 0
    entries: int = 0
    decoded: int = 0
    most_opcodes: int = FREE_OPCODES
    most_entries: int = FREE_ENTRIES


class Walk:
    """Collects flaws and skips; passed down through containers. route: what walks bytes of any format."""

    def __init__(self, limits: Limits, route: Route, allow: Iterable[str] = ()) -> None:
        self.limits, self.judge, self._route = limits, Judge(allow), route
        self.flaws: list[Flaw] = []
        self.skipped: list[tuple[str, str]] = []
        self.seen: dict[tuple[str, str], Seen] = {}
        self.met: dict[tuple[str, str, str], tuple[Ruling, Seen]] = {}
        self.formats: dict[str, str] = {}
        self.name = ""  # of the file, when a single one is scanned: a model's own path is '' then
        self.inspector: Any = None
        """Makes what judges pickles, when it is not the usual one (`why` tells their programs)."""
        self.beside: frozenset[str] = frozenset()
        self.stats: Mapping[str, os.stat_result] = {}
        self.locations: Mapping[str, Path] = {}
        self.inside: dict[str, memoryview] = {}
        """What no walker knows among the members of the file that is walked: it may be weights of another member."""
        self._later: list[Callable[[], None]] = []
        self.claimed: set[str] = set()
        self.depth = 0
        self.work = Work()
        self.expanded = 0
        self.room = FREE_TOTAL
        self.members = 0
        self._full = False
        self._gaps: set[tuple[str, str]] = set()
        self._strange: dict[str, int] = {}

    def trial(self) -> Walk:
        """A walk of the same limits and judge, whose findings nobody reads."""
        other = Walk(self.limits, _nowhere)
        other.judge, other.work = self.judge, self.work
        return other

    @property
    def opcodes_left(self) -> int:
        """Steps that the programs in this file may still take."""
        return max(0, self.work.most_opcodes - self.work.opcodes)

    def spend(self, opcodes: int) -> None:
        """Count steps that a program took."""
        self.work.opcodes += opcodes

    def enter(self, data: memoryview, path: str) -> None:
        """Walk bytes found inside others, whatever format they are of."""
        if self.depth >= self.limits.max_depth:
            self.skip(path, f"it is nested more than {self.limits.max_depth} deep")
            return
        if not self.depth:
            self._begin(len(data))
        self.work.entries += 1
        if self.work.entries > self.work.most_entries:
            self.skip("what is nested deeper", f"more than {self.work.most_entries} things are in the file")
            return
        self.depth += 1
        try:
            self._route(self, data, path)
            if self.depth > 1 and self.formats.get(path) == UNKNOWN:
                self.inside[path] = data
            while self.depth == 1 and self._later:
                self._later.pop(0)()
        finally:
            self.depth -= 1

    def when_met(self, action: Callable[[], None]) -> None:
        """Do it when every member of this file was met: at once, but for what stands in an archive."""
        if self.depth > 1:
            self._later.append(action)
        else:
            action()

    def _begin(self, size: int) -> None:
        """A new file: what it may cost depends on its size alone."""
        self.room = max(FREE_TOTAL, int(size * self.limits.max_ratio))
        most = min(self.limits.max_opcodes, max(FREE_OPCODES, OPCODES_PER_BYTE * size))
        self.inside, self._later = {}, []
        self.work = Work(most_opcodes=most, most_entries=max(FREE_ENTRIES, size // BYTES_PER_ENTRY))

    def flaw(
        self,
        rule: str,
        severity: Severity,
        place: Place,
        message: str,
        remedy: str,
        references: Sequence[str] = (),
    ) -> None:
        """Write down a flaw."""
        if len(self.flaws) < MAX_FLAWS:
            known = (*MODEL_REFERENCES, *(r for r in references if r not in MODEL_REFERENCES))
            self.flaws.append(Flaw(rule, severity, place, message, remedy, known))
        elif not self._full:
            self._full = True
            self._gap("further findings", f"the first {MAX_FLAWS} are listed")

    def skip(self, what: str, why: str) -> None:
        """Write down what was not read."""
        if len(self._gaps) < MAX_FLAWS:
            self._gap(what, why)
        elif (what, why) not in self._gaps:
            self._gap(*FURTHER)

    def _gap(self, what: str, why: str) -> None:
        if (what, why) not in self._gaps:
            self._gaps.add((what, why))
            self.skipped.append((what, why))

    def stranger(self, path: str, why: str) -> None:
        """Write down bytes of no format; they may yet be claimed as weights, and so crowd out nothing else."""
        self.formats[path] = UNKNOWN
        self._strange[path] = self._strange.get(path, 0) + 1
        self.skipped.append((path or "the file", why))

    def settle(self) -> None:
        """Files of no format that another file claims as its raw weights are read as far as there is to read.

        Not where two parts have one path: nobody can tell which of them was claimed.
        """
        raw = {p for p in self.claimed if self._strange.get(p) == 1 and self.formats.get(p) == UNKNOWN}
        self.formats.update(dict.fromkeys(raw, "raw weights"))
        left = [gap for gap in self.skipped if gap in self._gaps or gap[0] not in raw]
        unlisted = set([gap for gap in left if gap not in self._gaps][MAX_FLAWS:])
        listed = [gap for gap in left if gap not in unlisted]
        self.skipped = list(dict.fromkeys([*listed, FURTHER] if unlisted else listed))

    def saw(self, name: str, use: str, verdict: Standing, reason: str) -> Seen:
        """Count a global for the exhibit."""
        row = self.seen.setdefault((name, use), Seen(name, use, verdict, reason))
        if row.verdict is Standing.ALLOWED and verdict is not Standing.ALLOWED:
            row.verdict, row.reason = verdict, reason
        row.count += 1
        return row

    def fits(self, what: str, packed: int, unpacked: int) -> bool:
        """Whether `packed` bytes may expand to `unpacked`; otherwise a skip is written down.

        Held against the ratio of this piece, the size of it, the sum of a scan, and what the whole file may expand to
        (else a small one unpacks to much by nesting, or by many members just below the ratio).
        """
        limits = self.limits
        if unpacked > FREE_EXPANSION and unpacked > packed * limits.max_ratio:
            self.skip(what, f"it expands {unpacked / max(packed, 1):.0f}-fold, the limit is {limits.max_ratio:g}")
        elif unpacked > limits.max_file_bytes or self.expanded + unpacked > limits.max_total_bytes:
            self.skip(what, f"it expands to {unpacked} bytes, beyond the limit")
        elif unpacked > max(packed, self.room):
            self.skip(what, f"the file expands beyond {limits.max_ratio:g} times its size")
        else:
            self.expanded += unpacked
            self.room -= max(0, unpacked - packed)
            return True
        return False


def _nowhere(walk: Walk, data: memoryview, path: str) -> None:
    return None


def join(path: str, member: str) -> str:
    """The path of a member inside an archive at `path`.

    >>> join("a.zip", "b/c"), join("", "b/c")
    ('a.zip!b/c', 'b/c')
    """
    return f"{path}!{member}" if path else member


def printable(text: str, limit: int = 120) -> str:
    """Hostile text made fit for a message: escapes for what does not print, cut to `limit`."""
    if len(text) <= limit and text.isprintable():
        return text
    escaped = (c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text[:limit])
    return "".join(escaped) + ("…" if len(text) > limit else "")
