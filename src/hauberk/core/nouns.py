"""The nouns: frozen, plain JSON, named by the digest of their canonical JSON.

    bytes ──digest──> Subject ──Check──> Evidence{Finding* Measurement* Skipped*} ──Signer──> Attestation
    Request{Principal, action, Subject, Context} + Evidence* ──policy──> Decision{effect, Reason*, Obligation*}
    Attestation | Decision | Incident ──append──> Entry

>>> model = Subject("model", "fraud.onnx", "sha256:" + "0" * 64)
>>> decode(Subject, encode(model)) == model
True
>>> name_of(model)[:14]
'sha256:7ddbde8'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import ClassVar

from .canon import Json, Scalar, canonical, digest, is_digest
from .codec import Frozen, decode, encode
from .errors import InputError
from .exhibits import Exhibit

__all__ = [
    "Attestation", "Budget", "Context", "Decision", "Dossier", "Effect", "Entry", "Evidence", "Finding", "Incident",
    "Measurement", "NotTested", "Obligation", "Place", "Principal", "Reason", "Request", "Severity", "Skipped",
    "Subject", "Verdict", "Verified", "decode", "encode", "name_of",
]  # fmt: skip


class Severity(StrEnum):
    """How bad a finding is. `INFO` is a note: it does not make evidence broken."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return list(Severity).index(self)


class Verdict(StrEnum):
    """What evidence says. Computed from its contents, never set."""

    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"
    HELD = "held"


class Effect(StrEnum):
    """The effect of a decision."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True)
class Subject(Frozen):
    """A thing that evidence is about. The digest identifies it; the name is a hint.

    kind: model, dataset, policy, container, dossier …
    """

    kind: str
    name: str
    digest: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_digest(self.digest):
            raise InputError(f"subject {self.name!r}: digest {self.digest!r} is not sha256:<64 hex digits>")


@dataclass(frozen=True)
class Place(Frozen):
    """Where in a subject: a path inside it ('' for the whole) and a part of that ('row 17', 'opcode 12')."""

    path: str = ""
    part: str = ""

    def __str__(self) -> str:
        return "#".join(piece for piece in (self.path, self.part) if piece)


@dataclass(frozen=True)
class Finding(Frozen):
    """Something wrong, somewhere, and what to do about it.

    rule: dotted id, for ever (`artifact.pickle.call`). references: ids that core.taxonomy knows.
    """

    rule: str
    severity: Severity
    subject: str
    place: Place
    message: str
    remedy: str = ""
    references: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """The identity of this finding over time: rule + digest + place, never the wording."""
        return digest(canonical([self.rule, self.subject, self.place.path, self.place.part]))


@dataclass(frozen=True)
class Measurement(Frozen):
    """A number with its uncertainty: `low <= value <= high` at `confidence`, from `n` observations.

    at: the coordinates where one check measures the same thing at several points (`{"eps": 0.1}`).
    confidence is 0 where the number is exact (a count): then low == value == high.
    """

    name: str
    value: float
    low: float
    high: float
    confidence: float
    n: int
    unit: str
    method: str
    at: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(math.isfinite(v) for v in (self.value, self.low, self.high)):
            raise InputError(f"measurement {self.name}: {self.value} [{self.low}, {self.high}] is not finite")
        if not self.low <= self.value <= self.high:
            raise InputError(f"measurement {self.name}: {self.value} outside [{self.low}, {self.high}]")
        if not 0 <= self.confidence < 1 or self.n < 0:
            raise InputError(f"measurement {self.name}: confidence {self.confidence} or n {self.n} out of range")


@dataclass(frozen=True)
class Skipped(Frozen):
    """Something that was not looked at, and why. Failing to look is a result."""

    what: str
    why: str


@dataclass(frozen=True)
class Budget(Frozen):
    """What a check may spend. None: no bound."""

    wall_s: float | None = None
    queries: int | None = None


@dataclass(frozen=True)
class Evidence(Frozen):
    """What one check saw on some subjects, with everything that is needed to see it again."""

    schema: ClassVar[str] = "hauberk/evidence/1"

    check: str
    version: str
    subjects: tuple[Subject, ...]
    parameters: Mapping[str, Json]
    seed: int
    budget: Budget
    findings: tuple[Finding, ...]
    measurements: tuple[Measurement, ...]
    skipped: tuple[Skipped, ...]
    exhibits: tuple[Exhibit, ...]
    started: str
    finished: str
    expires: str
    tools: Mapping[str, str]

    @property
    def verdict(self) -> Verdict:
        """broken > inconclusive > held. Anything skipped is not a pass."""
        if any(f.severity is not Severity.INFO for f in self.findings):
            return Verdict.BROKEN
        return Verdict.INCONCLUSIVE if self.skipped else Verdict.HELD

    def measured(self, name: str, **at: Scalar) -> Measurement | None:
        """The measurement of that name at those coordinates, or None."""
        return next((m for m in self.measurements if m.name == name and dict(m.at) == at), None)


@dataclass(frozen=True)
class Attestation(Frozen):
    """Evidence as signed bytes: a DSSE envelope, kept as it came."""

    schema: ClassVar[str] = "hauberk/attestation/1"

    envelope: str


@dataclass(frozen=True)
class Verified(Frozen):
    """Evidence whose signature was verified, and the id of the key that signed it."""

    evidence: Evidence
    signer: str


@dataclass(frozen=True)
class NotTested(Frozen):
    """A check that was never run: why, and what to give to have it run."""

    check: str
    why: str
    give: str


@dataclass(frozen=True)
class Dossier(Frozen):
    """Everything that one audit saw. subjects: by role; titles: of checks, by id.

    facts: short things to know about the model (format, input shape, classes …), in reading order.
    command: what to type to have the same audit again. signer: key id.
    """

    schema: ClassVar[str] = "hauberk/dossier/1"

    name: str
    subjects: Mapping[str, Subject]
    facts: Mapping[str, str]
    evidence: tuple[Evidence, ...]
    not_tested: tuple[NotTested, ...]
    titles: Mapping[str, str]
    command: str
    created: str
    signer: str

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its evidence; inconclusive when there is none."""
        verdicts = {e.verdict for e in self.evidence}
        return next((v for v in Verdict if v in verdicts), Verdict.INCONCLUSIVE)

    @property
    def findings(self) -> tuple[tuple[Evidence, Finding], ...]:
        """Every finding with the evidence that holds it, worst first."""
        pairs = [(e, f) for e in self.evidence for f in e.findings]
        return tuple(sorted(pairs, key=lambda pair: (-pair[1].severity.rank, pair[1].rule)))


@dataclass(frozen=True)
class Principal(Frozen):
    """Who asks."""

    kind: str
    name: str
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Context(Frozen):
    """Under which circumstances: time, network, rate, risk."""

    time: str
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Request(Frozen):
    """May this principal do this action to this subject, here and now?"""

    schema: ClassVar[str] = "hauberk/request/1"

    principal: Principal
    action: str
    subject: Subject
    context: Context


@dataclass(frozen=True)
class Reason(Frozen):
    """Why a decision is what it is: the rule, in words, and the evidence (digests) that it read."""

    rule: str
    message: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Obligation(Frozen):
    """A duty that travels with a permission: `top_k(1)`, `label_only`. Unknown to the enforcer: denial."""

    name: str
    arguments: tuple[Scalar, ...] = ()


@dataclass(frozen=True)
class Decision(Frozen):
    """Any forbid denies; no permit denies; an error in any rule denies."""

    schema: ClassVar[str] = "hauberk/decision/1"

    effect: Effect
    request: Request
    policy: str
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the effect is to allow."""
        return self.effect is Effect.ALLOW


@dataclass(frozen=True)
class Entry(Frozen):
    """A record sealed in the ledger at an index."""

    schema: ClassVar[str] = "hauberk/entry/1"

    index: int
    record: str


@dataclass(frozen=True)
class Incident(Frozen):
    """Something went wrong; `entries` are the digests of the ledger entries that show it."""

    schema: ClassVar[str] = "hauberk/incident/1"

    title: str
    severity: Severity
    subjects: tuple[Subject, ...]
    entries: tuple[str, ...]
    opened: str


def name_of(noun: Frozen) -> str:
    """The digest of a noun's canonical JSON."""
    return digest(canonical(encode(noun)))
