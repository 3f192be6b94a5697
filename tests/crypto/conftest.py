"""Evidence with something of everything in it, and keys of both kinds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hauberk.core.canon import digest
from hauberk.core.exhibits import Chart, Line, Picture, Strip, Table
from hauberk.core.nouns import Budget, Evidence, Finding, Measurement, Place, Severity, Skipped, Subject
from hauberk.crypto.keys import Algorithm, PrivateKey, generate


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def model() -> Subject:
    return Subject("model", "fraud.onnx", digest(b"model"))


@pytest.fixture(scope="session")
def evidence(model: Subject) -> Evidence:
    return Evidence(
        check="attack.evasion",
        version="1",
        subjects=(model, Subject("dataset", "prüfung", digest(b"test"))),
        parameters={"norms": ["linf", "l2"], "eps": 0.1, "nested": {"a": [1, None, True, 1e-7, 1e21]}},
        seed=7,
        budget=Budget(60.0, None),
        findings=(
            Finding("attack.evasion.broken", Severity.HIGH, model.digest, Place("", "eps=0.1"), "it “breaks”",
                    "train it adversarially", ("AML.T0015", "CWE-1039")),
        ),
        measurements=(Measurement("robust_accuracy", 0.5, 0.4, 0.6, 0.95, 100, "share", "x", {"eps": 0.1}),),
        skipped=(Skipped("l2", "the budget was spent"),),
        exhibits=(
            Chart("c", "t", "x", "y", (Line("l", (0, 1), (0.5, 0.25), (0.4, 0.2), (0.6, 0.3)),), x_scale="log"),
            Table("t", "t", ("a", "b"), ((1, "x"), (None, 2.5)), ((0, 1),)),
            Strip("s", "t", 1, 1, 1, (Picture("AA==", "/w==", "3", "8", ""),)),
        ),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
        expires="2026-04-01T00:00:00Z",
        tools={"python": "3.11.7"},
    )  # fmt: skip


@pytest.fixture(scope="session", params=list(Algorithm))
def key(request: pytest.FixtureRequest) -> PrivateKey:
    """A key of each kind: a test that takes it runs for both."""
    return generate(request.param)


@pytest.fixture(scope="session")
def stranger() -> PrivateKey:
    return generate()
