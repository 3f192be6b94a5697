"""report.sarif: SARIF 2.1.0 (OASIS), for code-scanning services and editors.

    finding -> result, with its fingerprint, its rule's help and taxa (ATLAS, CWE, OWASP)
    skipped part, check that was not run, inconclusive check -> tool execution notification

Severity becomes a level and, on the rule, a `security-severity` out of ten. Paths are relative to the subject:
no path of the machine that audited leaves it.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from ..core.nouns import Dossier, Evidence, Finding, Severity, Subject, Verdict
from ..core.taxonomy import Term
from .figures import humane, interval, label
from .words import clean, give, term, title, verdict_sentence

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {
    Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note",
    Severity.INFO: "none",
}  # fmt: skip
SCORES = {
    Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0", Severity.INFO: "0.0",
}  # fmt: skip
"""Middles of the CVSS bands that code-scanning services sort by."""

NOTIFICATIONS = {
    "hauberk.skipped": "A part of a check that was not looked at",
    "hauberk.inconclusive": "A check that could not decide",
    "hauberk.not-tested": "A check that was not run",
}
_ABSOLUTE = re.compile(r"(?<![\w:/.~-])(?:[A-Za-z]:[\\/]|~?/)(?:[^\s/\\'\":;,]+[/\\])+")
Object = dict[str, Any]  # a piece of SARIF; the schema is its type


def render(dossier: Dossier) -> str:
    """One run. ASCII only, so that nothing hidden survives in an editor."""
    log = {"version": "2.1.0", "$schema": SCHEMA_URI, "runs": [_run(dossier)]}
    return json.dumps(log, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def said(text: str) -> str:
    """Text for people, without hidden characters and without folders of this machine.

    >>> said("cannot read /home/me/models/net.onnx at 3/4")
    'cannot read net.onnx at 3/4'
    """
    return _ABSOLUTE.sub("", clean(text)) or "–"


def _run(dossier: Dossier) -> Object:
    rules = _rules(dossier)
    order = {rule["id"]: i for i, rule in enumerate(rules)}
    terms = _terms(dossier)
    artifacts = list(dict.fromkeys(dossier.subjects.values()))
    return {
        "tool": {"driver": _driver(dossier, rules)},
        "taxonomies": [_taxonomy(source, group) for source, group in terms.items()],
        "invocations": [_invocation(dossier)],
        "artifacts": [_artifact(s) for s in artifacts],
        "results": [_result(f, order, terms, artifacts) for _, f in dossier.findings],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "verdict": dossier.verdict.value, "sentence": said(verdict_sentence(dossier)),
            "signer": said(dossier.signer),
            "measurements": [f"{e.check}: {label(m)}: {interval(m)}" for e in dossier.evidence for m in e.measurements],
        },
    }  # fmt: skip


def _driver(dossier: Dossier, rules: list[Object]) -> Object:
    versions = [e.tools["hauberk"] for e in dossier.evidence if "hauberk" in e.tools]
    texts = [{"id": key, "shortDescription": {"text": words}} for key, words in NOTIFICATIONS.items()]
    driver = {"name": "Hauberk", "organization": "Hauberk", "rules": rules, "notifications": texts}
    return driver | ({"version": said(versions[-1])} if versions else {})


def _rules(dossier: Dossier) -> list[Object]:
    """One a rule id, described by its worst finding (they come worst first)."""
    worst: dict[str, tuple[Evidence, Finding]] = {}
    for evidence, finding in dossier.findings:
        worst.setdefault(finding.rule, (evidence, finding))
    return [_rule(dossier, *pair) for pair in worst.values()]


def _rule(dossier: Dossier, evidence: Evidence, finding: Finding) -> Object:
    help_text = said(finding.remedy) if finding.remedy else "Look at the evidence in report.html."
    what = humane(finding.rule.rpartition(".")[2])
    known = [t for r in finding.references if (t := term(r))]
    return {
        "id": finding.rule,
        "name": "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", finding.rule)) or "Rule",
        "shortDescription": {"text": said(f"{title(dossier, evidence.check)}: {what}")},
        "fullDescription": {"text": said(finding.message)},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "relationships": [{"target": _pointer(t), "kinds": ["relevant"]} for t in known],
        "properties": {
            "security-severity": SCORES[finding.severity],
            "tags": list(dict.fromkeys(["security", "machine-learning", *map(said, finding.references)])),
        },
    }


Terms = dict[str, dict[str, Term]]


def _terms(dossier: Dossier) -> Terms:
    """The catalogue entries that findings refer to, by catalogue, by id."""
    found: Terms = {}
    for _, finding in dossier.findings:
        for reference in finding.references:
            if known := term(reference):
                found.setdefault(known.source, {}).setdefault(known.id, known)
    return found


def _taxonomy(source: str, group: dict[str, Term]) -> Object:
    taxa = [
        {"id": t.id, "name": t.name, "shortDescription": {"text": t.name}, "helpUri": t.url} for t in group.values()
    ]
    return {"name": source, "isComprehensive": False, "taxa": taxa}


def _pointer(known: Term) -> Object:
    return {"id": known.id, "toolComponent": {"name": known.source}}


def _result(finding: Finding, order: dict[str, int], terms: Terms, artifacts: list[Subject]) -> Object:
    catalogues = list(terms)
    known = [t for r in finding.references if (t := term(r))]
    return {
        "ruleId": finding.rule,
        "ruleIndex": order[finding.rule],
        "kind": "informational" if finding.severity is Severity.INFO else "fail",
        "level": LEVELS[finding.severity],
        "message": {"text": said(finding.message)},
        "locations": [_location(finding, artifacts)],
        "partialFingerprints": {"hauberkFinding/v1": finding.fingerprint},
        "taxa": [{"id": t.id, "toolComponent": {"name": t.source, "index": catalogues.index(t.source)}} for t in known],
        "properties": {"severity": finding.severity.value, "remedy": said(finding.remedy), "subject": finding.subject},
    }


def _location(finding: Finding, artifacts: list[Subject]) -> Object:
    """The file (or the member inside the subject), and the part of it as a logical place."""
    index = next((i for i, s in enumerate(artifacts) if s.digest == finding.subject), None)
    path = relative(finding.place.path) if finding.place.path else ""
    name = relative(artifacts[index].name, last=True) if index is not None else "subject"
    at: Object = {"uri": quote(f"{name}/{path}" if path else name)}
    if index is not None and not path:
        at["index"] = index
    place: Object = {"physicalLocation": {"artifactLocation": at, "region": {"startLine": 1}}}
    if finding.place.part:
        place["logicalLocations"] = [{"name": said(finding.place.part), "fullyQualifiedName": said(str(finding.place))}]
    return place


def relative(path: str, *, last: bool = False) -> str:
    """A path without root, drive and parents; only its last part when asked.

    >>> relative("/home/me/../net.onnx"), relative("C:\\\\models\\\\a.pt", last=True)
    ('home/me/net.onnx', 'a.pt')
    """
    parts = PurePosixPath(clean(path).replace("\\", "/")).parts
    kept = [p for p in parts if p not in ("/", "//", "..", ".") and not re.fullmatch(r"[A-Za-z]:|https?:", p)]
    return "/".join(kept[-1:] if last else kept) or "subject"


def _artifact(subject: Subject) -> Object:
    return {
        "location": {"uri": quote(relative(subject.name, last=True))},
        "hashes": {"sha-256": subject.digest.removeprefix("sha256:")},
        "description": {"text": said(subject.kind)},
    }


def _invocation(dossier: Dossier) -> Object:
    skipped = [(e.check, s) for e in dossier.evidence for s in e.skipped]
    unsure = [e.check for e in dossier.evidence if e.verdict is Verdict.INCONCLUSIVE]
    notices = [_notice("skipped", "warning", f"{check}: {s.what}: {s.why}") for check, s in skipped]
    notices += [_notice("inconclusive", "warning", f"{check}: could not decide") for check in unsure]
    notices += [_notice("not-tested", "note", f"{n.check}: {n.why}{give(n)}") for n in dossier.not_tested]
    command = {"commandLine": said(dossier.command)} if dossier.command else {}
    return {"executionSuccessful": bool(dossier.evidence), "toolExecutionNotifications": notices} | command


def _notice(key: str, level: str, text: str) -> Object:
    return {"descriptor": {"id": f"hauberk.{key}"}, "level": level, "message": {"text": said(text)}}
