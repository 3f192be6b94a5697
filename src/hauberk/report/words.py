"""Untrusted text made harmless, and the sentences that every format shares.

>>> clean("nice\\x1b[31m model")
'nice\\\\x1b[31m model'
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from ..core.errors import InputError
from ..core.nouns import Dossier, Evidence, Finding, Measurement, NotTested, Severity, Verdict
from ..core.taxonomy import Term, lookup
from .figures import amount, count, humane, interval, label, short, symbols

Pair = tuple[Evidence, Finding]
NOT_TESTED = "not tested"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what hides or steers: controls, formats (bidi, zero width, tags), surrogates, separators."""


def clean(text: str, limit: int = 4000) -> str:
    """One line of text with nothing hidden in it: control, format and bidi characters become visible escapes.

    Line breaks and tabs become spaces. Longer than `limit` characters is cut, and says so.
    """
    line = re.sub(r"[\r\n\t]+", " ", text[: limit + 1])
    shown = line if line.isprintable() else "".join(map(_visible, line))
    return shown if len(text) <= limit else f"{shown[:limit]}… ({len(text)} characters)"


def visible(text: str) -> str:
    """Lines of any length with nothing hidden in them: what a terminal may be given.

    >>> print(visible("a\\u202eb\\nc"))
    a\\u202eb
    c
    """
    return "".join(c if c == "\n" else _visible(c) for c in text)


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) not in _HIDDEN:
        return character
    point = ord(character)
    return f"\\x{point:02x}" if point < 256 else f"\\u{point:04x}" if point < 65536 else f"\\U{point:08x}"


def title(dossier: Dossier, check: str) -> str:
    """What a check is called."""
    return dossier.titles.get(check) or check


def place(dossier: Dossier, finding: Finding) -> str:
    """Where a finding is: the subject's name, then the place inside it."""
    names = {s.digest: s.name for s in dossier.subjects.values()}
    subject = names.get(finding.subject, short(finding.subject))
    return "#".join(part for part in (subject, str(finding.place)) if part)


def term(reference: str) -> Term | None:
    """What a reference stands for; None for an id that no catalogue of ours has.

    >>> term("CWE-502").name, term("nonsense")
    ('Deserialization of Untrusted Data', None)
    """
    try:
        return lookup(reference)
    except InputError:
        return None


def verdict_sentence(dossier: Dossier) -> str:
    """The verdict in one or two short sentences that need no training to read."""
    return " ".join(part for part in (outcome(dossier), untested(dossier)) if part)


def outcome(dossier: Dossier) -> str:
    """What the checks that were run say together."""
    name, n = dossier.name, len(dossier.evidence)
    verdicts = Counter(e.verdict for e in dossier.evidence)
    if not n:
        return f"Nothing is known about {name}: no check was run."
    if dossier.verdict is Verdict.BROKEN:
        worst = dossier.findings[0][1].severity
        return f"{name} did not hold: {_of(verdicts[Verdict.BROKEN], n)} found weaknesses, up to {worst} severity."
    if dossier.verdict is Verdict.INCONCLUSIVE:
        unsure = _of(verdicts[Verdict.INCONCLUSIVE], n)
        return f"It is not known whether {name} holds: {unsure} could not look everywhere."
    return f"{name} held: {_of(n, n)} that {'was' if n == 1 else 'were'} run found nothing wrong."


def _of(part: int, whole: int) -> str:
    if part == whole:
        return "the only check" if whole == 1 else f"all {whole} checks"
    return f"{part} of {whole} checks"


def untested(dossier: Dossier) -> str:
    """How many checks were not run; empty when all were."""
    n = len(dossier.not_tested)
    if not n:
        return ""
    more = "more " if dossier.evidence else ""
    return f"{n} {more}{'check was' if n == 1 else 'checks were'} not run."


def give(one: NotTested) -> str:
    """`; to have it tested: …`, or nothing when nobody knows."""
    return f"; to have it tested: {one.give}" if one.give else ""


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


def gist(evidence: Evidence) -> str:
    """What stands for a check: its key numbers, else what it measured first, with the range over its settings."""
    keys = [m for m in evidence.measurements if is_key(m)][:2]
    if keys or not evidence.measurements:
        return ", ".join(f"{label(m)} {interval(m)}" for m in keys)
    first = evidence.measurements[0]
    same = [m for m in evidence.measurements if m.name == first.name]
    if len(same) == 1:
        return f"{label(first)}{':' if first.at else ''} {interval(first)}"
    low, high = (pick(same, key=lambda m: m.value) for pick in (min, max))
    return f"{humane(first.name)} {amount(low)} to {amount(high)} at {len(same)} settings"


_KEY = re.compile(r"(clean_|robust_)?accuracy(\.(linf|l2|l1|l0))?|(membership\.)?(auc|tpr_at_1pct_fpr)")


def is_key(m: Measurement) -> bool:
    """Whether a number is one that people ask for first: accuracy, robust accuracy, membership leakage."""
    return not m.at and _KEY.fullmatch(m.name) is not None


def key_numbers(dossier: Dossier, most: int = 5) -> list[Measurement]:
    """The numbers for the first screen, at most two a check."""
    groups = ([m for m in e.measurements if is_key(m)][:2] for e in dossier.evidence)
    return [m for group in groups for m in group][:most]


def sentence(message: str) -> str:
    """A message as a sentence: a capital at its start unless that is a name, a full stop at its end.

    >>> sentence("linf changes lower accuracy"), sentence("os.system is called")
    ('L∞ changes lower accuracy.', 'os.system is called.')
    """
    text = symbols(message.strip())
    text = text[0].upper() + text[1:] if re.match(r"[a-z]+ ", text) else text
    return text if not text or text[-1] in ".!?…" else text + "."


def grouped(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Neighbours of one severity and rule; the order stays, so worst first stays worst first."""
    return [list(group) for _, group in groupby(pairs, key=lambda pair: (pair[1].severity, pair[1].rule))]


def notes(dossier: Dossier) -> tuple[Pair, ...]:
    """Findings that only inform."""
    return tuple(pair for pair in dossier.findings if pair[1].severity is Severity.INFO)


def weaknesses(dossier: Dossier) -> tuple[Pair, ...]:
    """Findings that make evidence broken, worst first."""
    return tuple(pair for pair in dossier.findings if pair[1].severity is not Severity.INFO)
