"""How readers of archives say what is odd: one rule family, one remedy, the member's own place."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable

REMEDY = "do not unpack or load this archive; make it again with an ordinary writer"


@dataclass(frozen=True)
class Complaints:
    """Where to write down what is wrong with one archive. path: of the archive."""

    walk: Walk
    path: str

    def member(self, name: str, rule: str, severity: Severity, message: str, reference: str = "CWE-436") -> None:
        """Something is wrong with a member: `artifact.archive.<rule>`."""
        self._tell(Place(join(self.path, printable(name))), rule, severity, message, reference)

    def byte(self, at: int, rule: str, severity: Severity, message: str, reference: str = "CWE-436") -> None:
        """Something is wrong with the archive's own bytes."""
        self._tell(Place(self.path, f"byte {at}"), rule, severity, message, reference)

    def _tell(self, place: Place, rule: str, severity: Severity, message: str, reference: str) -> None:
        self.walk.flaw(f"artifact.archive.{rule}", severity, place, message, REMEDY, (reference,))
