"""What a bill of materials lists: one record, gathered from a scan, from a model card and from an audit's dossier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.codec import FrozenMap
from ...core.errors import InputError
from ...core.limits import Limits
from ...core.nouns import Evidence, Finding, Subject
from ...core.ports import Progress, silent
from ..manifest import Manifest
from ..scan import SCAN
from .card import Card, read_card


@dataclass(frozen=True)
class Inventory:
    """A model and all that is known of it. formats: by path in the model. titles: of checks, by id.

    attested: whether the evidence comes from a dossier whose signatures were verified.
    """

    subject: Subject
    manifest: Manifest
    formats: Mapping[str, str]
    card: Card
    evidence: tuple[Evidence, ...]
    titles: Mapping[str, str]
    created: str
    signer: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, worst first."""
        found = (f for e in self.evidence for f in e.findings)
        return tuple(sorted(found, key=lambda f: (-f.severity.rank, f.rule, f.place.path, f.place.part)))


def inventory(
    path: Path,
    limits: Limits,
    *,
    audited: Sequence[Evidence] = (),
    titles: Mapping[str, str] = FrozenMap({}),
    signer: str = "",
    progress: Progress = silent,
) -> Inventory:
    """Scan a model and gather what its files say of it.

    audited: verified evidence about the same model, from a dossier; other evidence is refused.
    Raises InputError as `scan`, and for evidence about another model.
    """
    seen, fresh = SCAN.examine(path, limits, progress=progress)
    subject = fresh.subjects[0]
    if strange := [e for e in audited if subject.digest not in {s.digest for s in e.subjects}]:
        raise InputError(f"{path}: the evidence of {strange[0].check} is about another model", hint="audit this one")
    evidence = (fresh, *(e for e in audited if e.check != SCAN.id))
    return Inventory(
        subject, seen.manifest, seen.formats, read_card(path, seen.manifest, limits), evidence,
        {SCAN.id: SCAN.title, **titles}, fresh.finished, signer,
    )  # fmt: skip
