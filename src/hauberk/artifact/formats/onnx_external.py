"""ONNX external data: files beside the model from which its weights are read, at an offset, for a length.

A location must stay in the model's folder, be covered by its digest, and be long enough; every byte of the file must
belong to a tensor, so that no file becomes "weights" just by being named. Sources: onnx/docs/ExternalData.md, and the
checks that onnx 1.21 has (CVE-2024-27318, CVE-2025-51480, CVE-2026-27489, CVE-2026-34445, CVE-2026-34446).
"""

from __future__ import annotations

from ...core.nouns import Severity
from ..walk import printable
from . import beside as files
from .graphs import Teller
from .protobuf_tour import Trail

KEYS = frozenset(("location", "offset", "length", "checksum"))
MAX_TOLD = 100
MEMORY_TAG = "*/_ORT_"
"""ONNX Runtime marks weights that already lie in its memory like this, with an address for an offset."""

Span = tuple[int, int]


def leaves(location: str) -> bool:
    """Whether some system would look for a location outside the model's folder, or nowhere.

    >>> leaves("../w"), leaves("C:w"), leaves("file:w"), leaves(""), leaves("a/w.data")
    (True, True, True, True, False)
    """
    parts = location.replace("\\", "/").split("/")
    return not any(parts) or not parts[0] or ".." in parts or parts[0][:1] == "~" or ":" in location or "\0" in location


class External:
    """Collects what a model's tensors read of other files."""

    def __init__(self, teller: Teller) -> None:
        self.teller, self.told = teller, 0
        self.spans: dict[str, set[Span]] = {}
        self.whole: set[str] = set()
        self.waiting: list[tuple[dict[str, str], int | None, Trail]] = []
        self.programs: list[str] = []
        self.late = teller.walk.depth > 1
        """Whether the model is a member of an archive, whose other members are not all met yet."""
        self.refused: set[str] = set()
        path = teller.path
        self.folder = path[: max(path.rfind("/"), path.rfind("!")) + 1]

    def claim(self, pairs: dict[str, str], need: int | None, trail: Trail) -> None:
        """A tensor that reads a file. need: bytes of its shape, where its type is known."""
        if self.late:
            self.waiting.append((pairs, need, trail))
            return
        location = pairs.get("location", "")
        if unknown := set(pairs) - KEYS:
            what = f"external data has the key {printable(min(unknown), 40)!r}"
            remedy = "do not load this model: onnx before 1.21 sets an attribute of that name"
            self._flaw("external", Severity.HIGH, location, what, remedy, ("CVE-2026-34445", "CWE-915"))
        numbers = [self._number(pairs, key, location) for key in ("offset", "length")]
        if not self.name(location):
            return
        begin, length = numbers[0] or 0, numbers[1]
        if need is not None and length is not None and length != need:
            what = f"weights need {need} bytes of {printable(location)!r}, and {length} are given"
            self._flaw("size", Severity.HIGH, location, what, "do not load this model", ("CWE-130",))
        size = files.size(self.teller.walk, self.path_of(location)) or 0
        end = begin + (length if length is not None else need if need is not None else max(size - begin, 0))
        if end > size:
            what = f"weights are read up to byte {end} of {printable(location)!r}, which has {size}"
            self._flaw("size", Severity.HIGH, location, what, "do not load this model", ("CWE-130",))
        self.spans.setdefault(location, set()).add((begin, min(end, size)))

    def path_of(self, location: str) -> str:
        """Where a location lies, as the scan names it."""
        return self.folder + "/".join(part for part in location.split("/") if part not in ("", "."))

    def program(self, location: str) -> None:
        """A file that is read as a whole, for what no tensor is."""
        if self.late:
            self.programs.append(location)
        elif self.name(location):
            self.whole.add(location)

    def name(self, location: str) -> bool:
        """Whether a file that the model reads is one of the model's; what is wrong with it is told, once a file."""
        if location in self.spans or location in self.refused:
            return location in self.spans
        beside = self.path_of(location)
        if MEMORY_TAG in location:
            what = "weights are read from an address in the memory of ONNX Runtime"
            remedy = "do not load this model; no file can hold that"
            self._flaw("escape", Severity.CRITICAL, location, what, remedy, ("CWE-125",))
        elif leaves(location):
            what = f"weights are read from {printable(location)!r}, outside the model's folder"
            remedy = "do not load this model; save it with its weights inside"
            references = ("CWE-22", "CVE-2024-27318", "CVE-2025-51480")
            self._flaw("escape", Severity.HIGH, location, what, remedy, references)
        elif files.size(self.teller.walk, beside) is None:
            what = f"weights lie in {printable(location)!r}, which this digest does not cover"
            remedy = "audit the folder that holds both, or save the model with its weights inside"
            self._flaw("external", Severity.MEDIUM, location, what, remedy, ("CWE-353",))
        else:
            self._links(location, beside)
            self.teller.walk.claimed.add(beside)
            self.spans[location] = set()
            return True
        self.refused.add(location)
        return False

    def finish(self) -> None:
        """Bytes of a file that no tensor reads, or that two tensors read in part; and how its tensors begin."""
        self.teller.walk.when_met(self._finish)

    def _finish(self) -> None:
        self.late = False
        for location in self.programs:
            self.program(location)
        for pairs, need, trail in self.waiting:
            self.claim(pairs, need, trail)
        for location, spans in self.spans.items():
            beside = self.path_of(location)
            if location in self.whole and not spans:
                continue
            data = files.contents(self.teller.walk, beside)
            if files.overlap(spans):
                what = f"two tensors share some bytes of {printable(location)!r}, and not all"
                self._flaw("overlap", Severity.MEDIUM, location, what, "save the model again", ("CWE-130",))
            for begin, end in files.unread(data, spans):
                self._unread(location, begin, end)
            files.look(self.teller.walk, data, spans, beside)

    def _unread(self, location: str, begin: int, end: int) -> None:
        what = f"bytes {begin} to {end} of {printable(location)!r} belong to no tensor"
        remedy = "save the model again, and compare"
        self._flaw("unread", Severity.MEDIUM, location, what, remedy, ("CWE-506",))

    def _links(self, location: str, beside: str) -> None:
        """A hard link may give a file of somebody else's a name in this folder; onnx refuses all of them."""
        stats = self.teller.walk.stats
        if beside not in stats:
            return
        status = stats[beside]
        inside = sum(1 for s in stats.values() if (s.st_dev, s.st_ino) == (status.st_dev, status.st_ino))
        if status.st_nlink > inside:
            what = f"{printable(location)!r} is a hard link to a file that also lies outside the model's folder"
            remedy = "know which file it is; copy it in"
            self._flaw("hardlink", Severity.MEDIUM, location, what, remedy, ("CVE-2026-34446", "CWE-59"))

    def _number(self, pairs: dict[str, str], key: str, location: str) -> int | None:
        text = pairs.get(key, "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            what = f"external data has the {key} {printable(text, 40)!r}, which is no number of bytes"
            self._flaw("size", Severity.HIGH, location, what, "do not load this model", ("CWE-1284",))
            return None
        return int(text)

    def _flaw(
        self, rule: str, severity: Severity, location: str, what: str, remedy: str, refs: tuple[str, ...]
    ) -> None:
        self.told += 1
        if self.told <= MAX_TOLD:
            self.teller.flaw(rule, severity, f"external data {location}", what, remedy, refs)
