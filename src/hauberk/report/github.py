"""Workflow commands of GitHub Actions: findings as annotations beside the files of a pull request.

    ::error file=model.pt,title=artifact.pickle.call::loading calls posix.system …

A command ends at the line's end, so no text of a model can start one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.nouns import Dossier, Severity
from .sarif import relative, said
from .words import verdict_sentence, weaknesses

KINDS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice"}


def render(dossier: Dossier) -> str:
    """One command a line, the verdict last."""
    return "\n".join([*_commands(dossier), _escaped(said(verdict_sentence(dossier)))]) + "\n"


def _commands(dossier: Dossier) -> Iterator[str]:
    names = {s.digest: s.name for s in dossier.subjects.values()}
    for _, f in weaknesses(dossier):
        path = "/".join(part for part in (names.get(f.subject, ""), f.place.path) if part)
        yield _command(KINDS[f.severity], path, f.rule, f"{f.message}. {f.remedy}")
    for evidence in dossier.evidence:
        name = evidence.subjects[0].name if evidence.subjects else dossier.name
        for gap in evidence.skipped:
            yield _command("warning", name, f"{evidence.check}.skipped", f"not looked at: {gap.what}: {gap.why}")


def _command(kind: str, path: str, title: str, message: str) -> str:
    where, what = _property(relative(path)), _property(said(title))
    return f"::{kind} file={where},title={what}::{_escaped(said(message))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
