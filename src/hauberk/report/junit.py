"""junit.xml: every check as a test case, for build servers.

    held -> passed · broken -> failure · inconclusive -> error · not tested -> skipped

Inconclusive is an *error*, not a pass: a build that waits for this file stops until somebody looked. A note
(severity info) alone leaves a check held.
"""

from __future__ import annotations

from xml.etree import ElementTree

from ..core.nouns import Dossier, Evidence, Finding, NotTested, Verdict
from .figures import elapsed_s
from .words import NOT_TESTED, clean, gist, give, place, reason, title

MAX_FINDINGS = 1000


def render(dossier: Dossier) -> str:
    """One test suite named after the dossier."""
    cases = [_case(dossier, e) for e in dossier.evidence] + [_skipped(dossier, n) for n in dossier.not_tested]
    suite = ElementTree.Element("testsuite", _counts(dossier))
    suite.append(_properties(dossier))
    suite.extend(cases)
    suites = ElementTree.Element("testsuites", {"name": "hauberk"})
    suites.append(suite)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _counts(dossier: Dossier) -> dict[str, str]:
    verdicts = [e.verdict for e in dossier.evidence]
    return {
        "name": clean(dossier.name),
        "tests": str(len(verdicts) + len(dossier.not_tested)),
        "failures": str(verdicts.count(Verdict.BROKEN)),
        "errors": str(verdicts.count(Verdict.INCONCLUSIVE)),
        "skipped": str(len(dossier.not_tested)),
        "time": f"{sum(elapsed_s(e) or 0 for e in dossier.evidence):.0f}",
        "timestamp": clean(dossier.created),
    }


def _properties(dossier: Dossier) -> ElementTree.Element:
    element = ElementTree.Element("properties")
    pairs = [(f"subject.{role}", f"{s.name} {s.digest}") for role, s in dossier.subjects.items()]
    for name, value in [*pairs, ("command", dossier.command), ("signer", dossier.signer)]:
        ElementTree.SubElement(element, "property", {"name": clean(name), "value": clean(value)})
    return element


def _case(dossier: Dossier, evidence: Evidence) -> ElementTree.Element:
    case = _testcase(dossier, evidence.check)
    case.set("time", f"{elapsed_s(evidence) or 0:.0f}")
    lines = [_line(dossier, f) for f in evidence.findings[:MAX_FINDINGS]]
    lines += [clean(f"skipped: {s.what}: {s.why}") for s in evidence.skipped[:MAX_FINDINGS]]
    kind = {Verdict.BROKEN: "failure", Verdict.INCONCLUSIVE: "error"}.get(evidence.verdict)
    if kind:
        attributes = {"message": clean(reason(evidence)), "type": evidence.verdict.value}
        ElementTree.SubElement(case, kind, attributes).text = "\n".join(lines)
        lines = []
    if said := "\n".join([*([clean(gist(evidence))] if evidence.measurements else []), *lines]):
        ElementTree.SubElement(case, "system-out").text = said
    return case


def _testcase(dossier: Dossier, check: str) -> ElementTree.Element:
    name = f"{title(dossier, check)} ({check})" if title(dossier, check) != check else check
    return ElementTree.Element("testcase", {"classname": clean(f"hauberk.{check}"), "name": clean(name)})


def _line(dossier: Dossier, finding: Finding) -> str:
    do = f" Do: {finding.remedy}" if finding.remedy else ""
    return clean(f"{finding.severity} {finding.rule} at {place(dossier, finding)}: {finding.message}{do}")


def _skipped(dossier: Dossier, one: NotTested) -> ElementTree.Element:
    case = _testcase(dossier, one.check)
    ElementTree.SubElement(case, "skipped", {"message": clean(f"{NOT_TESTED}: {one.why}{give(one)}")})
    return case
