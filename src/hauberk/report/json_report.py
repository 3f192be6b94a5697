"""report.json: the whole dossier as canonical JSON (RFC 8785), with what is computed from it beside it.

    {"schema": "hauberk/report/1", "verdict": …, "sentence": …, "dossier": {…}, "evidence": [{"digest", "verdict"}]}

`dossier` decodes back into the same Dossier: `decode(Dossier, json.loads(text)["dossier"])`.
"""

from __future__ import annotations

from collections import Counter

from ..core.canon import canonical
from ..core.nouns import Dossier, Evidence, Finding, Severity, encode, name_of
from .words import NOT_TESTED, verdict_sentence

SCHEMA = "hauberk/report/1"


def render(dossier: Dossier) -> str:
    """One line of canonical JSON. Raises InputError for what JSON cannot carry (NaN, lone surrogates)."""
    verdicts = Counter([*(e.verdict.value for e in dossier.evidence), *(NOT_TESTED for _ in dossier.not_tested)])
    severities = Counter(f.severity.value for _, f in dossier.findings)
    report = {
        "schema": SCHEMA,
        "verdict": dossier.verdict.value,
        "sentence": verdict_sentence(dossier),
        "checks": {name: verdicts[name] for name in ("broken", "inconclusive", "held", NOT_TESTED)},
        "severities": {s.value: severities[s.value] for s in Severity},
        "findings": [_finding(e, f) for e, f in dossier.findings],
        "evidence": [{"check": e.check, "verdict": e.verdict.value, "digest": name_of(e)} for e in dossier.evidence],
        "dossier": encode(dossier),
    }
    return canonical(report).decode() + "\n"


def _finding(evidence: Evidence, finding: Finding) -> dict[str, str]:
    """The index of findings, worst first; the findings themselves stand in the dossier."""
    return {
        "rule": finding.rule, "severity": finding.severity.value, "check": evidence.check,
        "place": str(finding.place), "fingerprint": finding.fingerprint,
    }  # fmt: skip
