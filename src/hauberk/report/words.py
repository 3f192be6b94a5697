"""Sentences and numbers that every format shares, so that no format has a second copy.

>>> m = Measurement("robust_accuracy", 0.875, 0.831, 0.912, 0.95, 300, "share", "Clopper-Pearson", {"eps": 0.1})
>>> interval(m)
'87.5 % [83.1, 91.2]'
>>> label(m)
'robust accuracy at eps 0.1'
>>> clean("nice\x1b[31m model")
'nice\\x1b[31m model'
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from ..core.canon import Json, Scalar, canonical
from ..core.nouns import Dossier, Evidence, Finding, Measurement, Severity, Verdict

NOT_TESTED = "not tested"
SHARES = frozenset({"share", "fraction", "rate", "probability"})
_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


# -- untrusted text -------------------------------------------------------------------------------------


def clean(text: str, limit: int = 4000) -> str:
    """One line of text with nothing hidden in it: control, format and bidi characters become visible escapes.

    Line breaks and tabs become spaces. Longer than `limit` characters is cut, and says so.
    """
    line = re.sub(r"[\r\n\t]+", " ", text[: limit + 1])
    shown = _HIDDEN.sub(_escape, line) if not line.isascii() or not line.isprintable() else line
    return shown if len(text) <= limit else f"{shown[:limit]}… ({len(text)} characters)"


def _escape(match: re.Match[str]) -> str:
    point = ord(match.group())
    return f"\\x{point:02x}" if point < 256 else f"\\u{point:04x}" if point < 65536 else f"\\U{point:08x}"


def hidden(character: str) -> bool:
    """Whether `clean` makes this character visible."""
    return _HIDDEN.match(character) is not None or unicodedata.category(character) in ("Cc", "Cs")


# -- numbers --------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """A number to four significant digits, thousands apart, no needless zeros.

    >>> number(12000.0), number(0.031372), number(3.0), number(0.0000021)
    ('12,000', '0.03137', '3', '2.1e-06')
    """
    if not math.isfinite(value):
        return str(value)
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def percent(value: float, decimals: int = 1) -> str:
    """A share of one as per cent: `87.5 %`."""
    return f"{value * 100:.{decimals}f} %"


def _decimals(m: Measurement) -> int:
    return 2 if 0 < abs(m.value) < 0.01 else 1


def amount(m: Measurement) -> str:
    """The value of a measurement with its unit, without its interval."""
    if m.unit in SHARES:
        return percent(m.value, _decimals(m))
    unit = "" if m.unit in ("", "1", "count") else f" {m.unit}"
    return number(m.value) + unit


def ends(m: Measurement) -> str:
    """The interval alone, `[83.1, 91.2]`; empty for an exact number."""
    if m.confidence == 0:
        return ""
    if m.unit in SHARES:
        d = _decimals(m)
        return f"[{m.low * 100:.{d}f}, {m.high * 100:.{d}f}]"
    return f"[{number(m.low)}, {number(m.high)}]"


def interval(m: Measurement) -> str:
    """Value and interval: `87.5 % [83.1, 91.2]`."""
    return " ".join(part for part in (amount(m), ends(m)) if part)


def label(m: Measurement) -> str:
    """What was measured, and where: `robust accuracy at eps 0.1, norm linf`."""
    where = coordinates(m.at)
    return f"{humane(m.name)} at {where}" if where else humane(m.name)


def coordinates(at: Mapping[str, Scalar]) -> str:
    """`eps 0.1, norm linf`."""
    return ", ".join(f"{humane(key)} {scalar(value)}" for key, value in at.items())


def scalar(value: Scalar) -> str:
    """A cell of a table: numbers short, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else value


def plain(value: Json) -> str:
    """A parameter in one line: scalars as they are read, the rest as JSON."""
    if value is None or isinstance(value, str | int | float | bool):
        return "none" if value is None else scalar(value)
    return canonical(value).decode()


def count(n: int, noun: str) -> str:
    """`1 check`, `2 checks`, `no checks`, `2 queries`."""
    many = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{n:,} {noun if n == 1 else many}" if n else f"no {many}"


def duration(seconds: float) -> str:
    """`under 1 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    total = round(seconds)
    if total < 1:
        return "under 1 s"
    minutes, s = divmod(total, 60)
    hours, m = divmod(minutes, 60)
    parts = [(hours, "h"), (m, "min"), (0 if hours else s, "s")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n)


def elapsed(evidence: Evidence) -> str:
    """How long a check ran, by its stamps (to the second); a dash when they cannot be read."""
    try:
        start, end = (datetime.fromisoformat(t) for t in (evidence.started, evidence.finished))
        return duration((end - start).total_seconds())
    except (ValueError, TypeError):
        return "–"


def moment(stamp: str) -> str:
    """`2026-01-02T03:04:05Z` as people read it: `2 January 2026, 03:04 UTC`; anything else as it is."""
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


# -- names ----------------------------------------------------------------------------------------------


def humane(name: str) -> str:
    """`robust_accuracy` as words."""
    return name.replace("_", " ").strip()


def short(digest: str) -> str:
    """The first 12 hex digits of a digest: `sha256:0123456789ab…`."""
    kind, colon, rest = digest.partition(":")
    return f"{kind}{colon}{rest[:12]}…" if len(rest) > 12 else digest


def title(dossier: Dossier, check: str) -> str:
    """What a check is called."""
    return dossier.titles.get(check) or check


def place(dossier: Dossier, finding: Finding) -> str:
    """Where a finding is: the subject's name, then the place inside it."""
    names = {s.digest: s.name for s in dossier.subjects.values()}
    subject = names.get(finding.subject, short(finding.subject))
    return "#".join(part for part in (subject, str(finding.place)) if part)


_SCHEMES = (
    ("MITRE ATLAS", re.compile(r"AML\.(T|TA|M|CS)\d")),
    ("CWE", re.compile(r"CWE-\d")),
    ("CVE", re.compile(r"CVE-\d|GHSA-")),
    ("OWASP AISVS", re.compile(r"(AISVS|v?C?\d+\.\d+\.\d+)", re.IGNORECASE)),
    ("OWASP ML Top 10", re.compile(r"(OWASP[- ]?)?(ML|LLM)\d")),
)


def scheme(reference: str) -> str:
    """Which catalogue an id belongs to; empty when unknown.

    >>> scheme("AML.T0043"), scheme("CWE-502"), scheme("ML01:2023"), scheme("AISVS-11.2.1")
    ('MITRE ATLAS', 'CWE', 'OWASP ML Top 10', 'OWASP AISVS')
    """
    return next((name for name, pattern in _SCHEMES if pattern.match(reference)), "")


# -- sentences ------------------------------------------------------------------------------------------


def verdict_sentence(dossier: Dossier) -> str:
    """The verdict in one or two short sentences that need no training to read."""
    return " ".join(part for part in (_outcome(dossier), _untested(dossier)) if part)


def _outcome(dossier: Dossier) -> str:
    name, n = dossier.name, len(dossier.evidence)
    verdicts = Counter(e.verdict for e in dossier.evidence)
    if not n:
        return f"Nothing is known about {name}: no check was run."
    if dossier.verdict is Verdict.BROKEN:
        worst = dossier.findings[0][1].severity
        return f"{name} did not hold: {_of(verdicts[Verdict.BROKEN], n)} found weaknesses, the worst {worst}."
    if dossier.verdict is Verdict.INCONCLUSIVE:
        return f"It is not known whether {name} holds: {_of(verdicts[Verdict.INCONCLUSIVE], n)} could not look everywhere."
    return f"{name} held: {_of(n, n)} looked and found nothing wrong."


def _of(part: int, whole: int) -> str:
    if part == whole:
        return "the only check" if whole == 1 else f"all {whole} checks"
    return f"{part} of {whole} checks"


def _untested(dossier: Dossier) -> str:
    n = len(dossier.not_tested)
    if not n:
        return ""
    more = "more " if dossier.evidence else ""
    return f"{n} {more}{'check was' if n == 1 else 'checks were'} not run."


def tally(findings: Iterable[Finding]) -> str:
    """`1 critical, 3 high, 2 notes`; `none` when there are none."""
    counts = Counter(f.severity for f in findings)
    parts = [f"{counts[s]:,} {s}" for s in reversed(Severity) if counts[s] and s is not Severity.INFO]
    if notes := counts[Severity.INFO]:
        parts.append(count(notes, "note"))
    return ", ".join(parts) or "none"


def reason(evidence: Evidence) -> str:
    """Why evidence has the verdict that it has, in a few words."""
    parts = []
    if evidence.findings:
        parts.append(tally(evidence.findings))
    if evidence.skipped:
        parts.append(f"{count(len(evidence.skipped), 'part')} skipped")
    return "; ".join(parts) or "nothing found"


def headline(evidence: Evidence) -> Measurement | None:
    """The number that stands for a check: the first that it measured with an interval, else its first."""
    measured = evidence.measurements
    return next((m for m in measured if m.confidence), measured[0] if measured else None)


def notes(dossier: Dossier) -> tuple[tuple[Evidence, Finding], ...]:
    """Findings that only inform."""
    return tuple(pair for pair in dossier.findings if pair[1].severity is Severity.INFO)


def weaknesses(dossier: Dossier) -> tuple[tuple[Evidence, Finding], ...]:
    """Findings that make evidence broken, worst first."""
    return tuple(pair for pair in dossier.findings if pair[1].severity is not Severity.INFO)
