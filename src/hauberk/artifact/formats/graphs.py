"""What every reader of a graph format tells in the same way: odd fields, operators that are not known, texts."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from .hidden import hidden
from .payload import look, look_for_code, look_whole

HUGE = 1 << 62
MAX_ODD = 40
"""Different oddities that are told of one file."""
TEXTS_AT_ONCE = 1 << 20
MIN_BLOB, MAX_SHORT = 12, 4096
"""Bytes of a string that may be a file; longer than the second, a string is looked through alone."""
MIN_ENCODED = 24
"""Shorter text is no file, in base64 or otherwise."""
MAX_TEXT = 64 << 20


def volume(dims: Iterable[int]) -> int:
    """How many values a shape has; HUGE when there are more than any memory holds (a long product is slow to make).

    >>> volume([2, 3]), volume([]), volume([1 << 40, 1 << 40]) == HUGE, volume([1 << 40, 1 << 40, 0])
    (6, 1, True, 0)
    """
    count = 1
    for n in dims:
        count = min(count * n, HUGE)
    return count


class Teller:
    """Writes the findings of one graph file. form: the format's name in rule ids and messages."""

    def __init__(self, walk: Walk, path: str, form: str) -> None:
        self.walk, self.path, self.form = walk, path, form
        self._odd: set[str] = set()
        self._texts: list[bytes] = []
        self._waiting = self._read = 0

    def flaw(
        self, what: str, severity: Severity, part: str, message: str, remedy: str, references: tuple[str, ...] = ()
    ) -> None:
        """A finding of rule artifact.<form>.<what>."""
        place = Place(self.path, printable(part, 200))
        self.walk.flaw(f"artifact.{self.form}.{what}", severity, place, message, remedy, references)

    def odd(self, what: str, where: object) -> None:
        """Something that readers of the format disagree about, or that none of them reads. Each kind is told once."""
        if what in self._odd or len(self._odd) >= MAX_ODD:
            return
        self._odd.add(what)
        remedy = "do not load this file unless you know its writer: two readers may see two models in it"
        message = f"{printable(what, 200)}; no usual writer makes this"
        self.flaw("field", Severity.HIGH, str(where), message, remedy, ("CWE-436",))

    def operator(self, name: str, part: str, why: str = "", *, times: int = 1) -> None:
        """An operator that is not known to compute and do nothing else; dangerous when there is a reason."""
        remedy = "do not run this model unless you know what the operator does; export it with standard operators"
        if why:
            message = f"operator {printable(name)} {why}: it runs when the model does, some when it is loaded"
            self.flaw("operator", Severity.CRITICAL, part, message, remedy, ("CWE-829",))
        else:
            message = f"operator {printable(name)} ({times} times) is not known to compute and do nothing else"
            self.flaw("unknown", Severity.HIGH, part, message, remedy, ("CWE-829",))

    def text(self, text: str, where: object = "") -> None:
        """A text of the model; many are looked through at once."""
        if len(text) < 8:
            return
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) < MIN_ENCODED or not look_whole(self.walk, memoryview(raw), self.path, where):
            self.blob_text(raw)

    def blob_text(self, raw: bytes) -> None:
        """Text that is bytes already."""
        self._texts.append(raw)
        self._waiting += len(raw)
        if self._waiting > TEXTS_AT_ONCE:
            self._look()

    def blob(self, data: memoryview, where: object = "") -> None:
        """Bytes of the model that are no tensor: looked into when they are a file of their own."""
        if len(data) > MAX_SHORT:
            look(self.walk, data, self.path, where)
        elif len(data) >= MIN_BLOB and not look_whole(self.walk, data, self.path, where):
            self.blob_text(bytes(data))

    def finish(self) -> None:
        """Look through the texts that wait."""
        self._look()

    def _look(self) -> None:
        joined = b"\n".join(self._texts)
        self._texts, self._waiting = [], 0
        self._read += len(joined)
        if self._read > MAX_TEXT:
            self.walk.skip(self.path or "the file", f"more than {MAX_TEXT} bytes of text in one model")
            return
        hidden(self.walk, memoryview(joined), self.path, "texts of the model")
        look_for_code(self.walk, joined, self.path, "texts of the model")
