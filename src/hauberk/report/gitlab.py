"""gl-code-quality-report.json: for the merge-request widget of GitLab (Code Quality, a JSON array of issues).

A part that was not looked at is an issue as well: a widget that shows nothing reads as a pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..core.canon import canonical, digest
from ..core.nouns import Dossier, Severity
from .sarif import relative, said
from .words import weaknesses

SEVERITIES = {
    Severity.CRITICAL: "blocker", Severity.HIGH: "critical", Severity.MEDIUM: "major", Severity.LOW: "minor",
    Severity.INFO: "info",
}  # fmt: skip


def render(dossier: Dossier) -> str:
    """ASCII only, so that nothing hidden survives in a browser."""
    return json.dumps([*_issues(dossier)], indent=1, ensure_ascii=True) + "\n"


def _issues(dossier: Dossier) -> Iterator[dict[str, Any]]:
    names = {s.digest: s.name for s in dossier.subjects.values()}
    for _, f in weaknesses(dossier):
        path = "/".join(part for part in (names.get(f.subject, ""), f.place.path) if part)
        yield _issue(f.rule, f.message, SEVERITIES[f.severity], f.fingerprint, path)
    for evidence in dossier.evidence:
        name = evidence.subjects[0].name if evidence.subjects else dossier.name
        for gap in evidence.skipped:
            mark = digest(canonical([evidence.check, name, gap.what]))
            yield _issue(f"{evidence.check}.skipped", f"not looked at: {gap.what}: {gap.why}", "major", mark, name)


def _issue(rule: str, message: str, severity: str, fingerprint: str, path: str) -> dict[str, Any]:
    return {
        "description": said(message), "check_name": said(rule), "severity": severity,
        "fingerprint": fingerprint.removeprefix("sha256:"),
        "location": {"path": relative(path), "lines": {"begin": 1}},
    }  # fmt: skip
