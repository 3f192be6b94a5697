"""Verified evidence as the facts that a policy reads, and which piece of evidence is believed.

For every check with valid evidence about the subject, `context.evidence.<check>` is a record:

    verdict      "held", "inconclusive" or "broken"
    age_days     whole days since it was finished, rounded up
    signer       id of the key that signed it
    digest       of the evidence
    skipped      how many things it did not look at
    findings     {info, low, medium, high, critical: how many; worst: 0 none or info, 1 low … 4 critical}
    measured     {<measurement>: {value, low, high: decimal; n: Long}} of measurements without coordinates

A name becomes an attribute by turning every character outside A-Z a-z 0-9 _ into _; one that then does not begin
with a letter, or that two names share, is left out. Decimals have four digits: low ends are rounded down and high
ends up, so that rounding never makes a model look better than it was measured.

>>> attribute("attack.evasion")
'attack_evasion'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from ..core.canon import Json
from ..core.errors import InputError
from ..core.nouns import Evidence, Measurement, Reason, Severity, Verdict, Verified, name_of

STEP = Decimal("0.0001")
LARGEST = Decimal("922337203685477")
"""Cedar's decimal holds 64 bits with four digits behind the point."""
INT64 = 1 << 63
SKEW = timedelta(minutes=5)
"""Clocks of honest machines differ by less than this; evidence from further ahead is not believed."""
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ORDER = list(Verdict)


@dataclass(frozen=True)
class Believed:
    """The evidence that counts for each check, by attribute name, and what was remarkable in choosing it."""

    by_check: Mapping[str, Verified]
    notes: tuple[Reason, ...]

    def digests(self, checks: Iterable[str]) -> tuple[str, ...]:
        """Digests of the evidence behind these attributes, sorted; unknown ones add nothing."""
        return tuple(sorted(name_of(self.by_check[c].evidence) for c in set(checks) if c in self.by_check))


def believe(evidence: Sequence[Verified], digest: str, now: datetime) -> Believed:
    """The newest valid evidence of each check about the subject of that digest.

    Not valid: about other subjects, expired, or finished in the future. Of two that were finished in the same
    second the worse verdict counts. When valid ones disagree, a note says so.
    """
    rivals: dict[str, list[Verified]] = {}
    notes: list[Reason] = []
    for item in evidence:
        about = any(s.digest == digest for s in item.evidence.subjects)
        why = _not_valid(item.evidence, now) if about else ""
        if why:
            notes.append(Reason("evidence.not-counted", f"{item.evidence.check}: {why}", (name_of(item.evidence),)))
        elif about and (name := attribute(item.evidence.check)):
            rivals.setdefault(name, []).append(item)
    shared = [name for name, items in rivals.items() if len({i.evidence.check for i in items}) > 1]
    chosen = {name: _newest(items) for name, items in sorted(rivals.items()) if name not in shared}
    notes += [note for name in chosen for note in _disagreement(chosen[name], rivals[name])]
    notes += [Reason("evidence.not-counted", f"two checks are both named {name} here") for name in sorted(shared)]
    return Believed(chosen, tuple(sorted(set(notes), key=lambda note: (note.rule, note.message, note.evidence))))


def _not_valid(evidence: Evidence, now: datetime) -> str:
    if _moment(evidence.finished) > now + SKEW:
        return f"it was finished in the future ({evidence.finished})"
    return f"it expired on {evidence.expires}" if _moment(evidence.expires) <= now else ""


def _newest(items: Sequence[Verified]) -> Verified:
    def rank(item: Verified) -> tuple[datetime, int, str]:
        return _moment(item.evidence.finished), -_ORDER.index(item.evidence.verdict), name_of(item.evidence)

    return max(items, key=rank)


def _disagreement(chosen: Verified, items: Sequence[Verified]) -> list[Reason]:
    others = [i.evidence for i in items if i.evidence.verdict is not chosen.evidence.verdict]
    if not others:
        return []
    says = ", ".join(sorted({e.verdict.value for e in others}))
    message = f"{chosen.evidence.check}: the newest evidence says {chosen.evidence.verdict.value}, older says {says}"
    return [Reason("evidence.disagrees", message, tuple(sorted(name_of(e) for e in (chosen.evidence, *others))))]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"evidence has the time {text!r}, expected 2026-01-02T03:04:05Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def attribute(name: str) -> str:
    """The Cedar attribute of a check or measurement name; '' when it has none."""
    mapped = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return mapped if _ATTRIBUTE.fullmatch(mapped) else ""


def record(item: Verified, now: datetime) -> dict[str, Any]:
    """What a policy sees of one piece of evidence, as Cedar JSON."""
    evidence = item.evidence
    counts = {s.value: sum(f.severity is s for f in evidence.findings) for s in Severity}
    worst = max((f.severity.rank for f in evidence.findings), default=0)
    return {
        "verdict": evidence.verdict.value,
        "age_days": max(0, -((_moment(evidence.finished) - now) // timedelta(days=1))),
        "signer": item.signer,
        "digest": name_of(evidence),
        "skipped": len(evidence.skipped),
        "findings": {**counts, "worst": worst},
        "measured": _measured(evidence.measurements),
    }


def _measured(measurements: Sequence[Measurement]) -> dict[str, Any]:
    plain = [m for m in measurements if not m.at]
    uses = Counter(attribute(m.name) for m in plain)
    found = {}
    for m in plain:
        bounds = [decimal(m.value, ROUND_HALF_EVEN), decimal(m.low, ROUND_FLOOR), decimal(m.high, ROUND_CEILING)]
        name = attribute(m.name)
        if name and uses[name] == 1 and all(bounds) and m.n < INT64:
            found[name] = dict(zip(("value", "low", "high"), bounds, strict=True)) | {"n": m.n}
    return found


def decimal(value: float, rounding: str) -> dict[str, Any] | None:
    """A number as a Cedar decimal of four digits, or None when it is too large for one.

    >>> decimal(0.79999, ROUND_FLOOR)
    {'__extn': {'fn': 'decimal', 'arg': '0.7999'}}
    """
    with localcontext() as context:
        context.prec = 400  # every finite float has fewer digits
        exact = Decimal(repr(float(value)))  # the shortest decimal that names this float: 0.7 is 0.7
        if abs(exact) >= LARGEST:
            return None
        return {"__extn": {"fn": "decimal", "arg": f"{exact.quantize(STEP, rounding):f}"}}


def cedar(value: Json) -> Any:
    """Plain JSON from outside as Cedar JSON; None for what Cedar has no value for (null, huge numbers).

    Raises InputError for a name that Cedar reads as an escape (`__entity`, `__extn`): such a value could pose as
    something that it is not.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -INT64 <= value < INT64 else None
    if isinstance(value, float):
        return decimal(value, ROUND_HALF_EVEN)
    if isinstance(value, Mapping):
        if bad := sorted(name for name in value if str(name).startswith("__")):
            raise InputError(f"attribute {bad[0]!r} begins with two underscores, which Cedar reserves")
        pairs = ((name, cedar(item)) for name, item in sorted(value.items()))
        return {name: item for name, item in pairs if item is not None}
    return [item for item in map(cedar, value) if item is not None]
