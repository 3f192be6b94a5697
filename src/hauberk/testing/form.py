"""The exam of a report format: text for any dossier, the same for the same one, no hostile character let through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hauberk.core.canon import digest
from hauberk.core.nouns import Budget, Dossier, Evidence, Finding, NotTested, Place, Severity, Skipped, Subject
from hauberk.core.stats import rate

HOSTILE = "\x1b[2J\x07"
"""Clears a terminal and rings its bell: a file name can hold it."""


def check_format(render: Callable[[Dossier], str]) -> None:
    """Run the exam. Raises AssertionError that says which promise is broken."""
    full = _dossier()
    text = render(full)
    assert isinstance(text, str), "a format gives text"
    assert text, "a format gives text, and not an empty one"
    assert render(full) == text, "the same dossier gave other text"
    assert "attack.example.bad" in text, "a finding is not told"
    assert render(replace(full, evidence=(), subjects={}, facts={})), "a dossier without evidence is not told"
    assert not set(HOSTILE) - set("[2J") & set(render(_dossier(HOSTILE))), "control characters get through"


def _dossier(name: str = "net.onnx") -> Dossier:
    model = Subject("model", name, digest(b"net"))
    finding = Finding("attack.example.bad", Severity.HIGH, model.digest, Place(name, name), name, name, ("CWE-1039",))
    evidence = Evidence(
        check="attack.example",
        version="1",
        subjects=(model,),
        parameters={"name": name},
        seed=0,
        budget=Budget(),
        findings=(finding,),
        measurements=(rate("accuracy", 9, 10),),
        skipped=(Skipped(name, name),),
        exhibits=(),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
        expires="2026-04-01T00:00:00Z",
        tools={"python": "3.11"},
    )
    missing = (NotTested("data.labels", name, name),)
    titles = {"attack.example": name}
    return Dossier(
        name, {"model": model}, {"format": name}, (evidence,), missing, titles, name, evidence.finished, model.digest
    )
