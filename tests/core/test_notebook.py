"""A check's notebook closes into evidence that holds all that was written, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from platform import python_version

import pytest

from hauberk.core.canon import Json, canonical, digest, parse_json
from hauberk.core.errors import InputError, LimitExceeded
from hauberk.core.exhibits import Table
from hauberk.core.limits import Limits
from hauberk.core.notebook import VALID_DAYS, Notebook, parameters, subjects_of
from hauberk.core.nouns import Budget, Evidence, Place, Severity, Subject, Verdict, decode, encode
from hauberk.core.ports import Inputs, Need
from hauberk.core.stats import exact, rate

MODEL, TEST = Subject("model", "m.onnx", digest(b"m")), Subject("dataset", "t.npz", digest(b"t"))


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.moment, self.seconds = datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC), 100.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.moment, self.seconds = self.moment + timedelta(seconds=seconds), self.seconds + seconds


class Look:
    """A check that takes two options."""

    id, version, title = "example.look", "3", "Look"
    needs: tuple[Need, ...] = (Need.MODEL,)
    roles: tuple[str, ...] = ("model", "train", "test")
    defaults: Mapping[str, Json] = {"eps": None, "steps": 10}
    tools: tuple[str, ...] = ("pytest", "no-such-distribution")

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        return Notebook(self, inputs, limits, seed).evidence()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def book(clock: Clock, limits: Limits | None = None, **options: Json) -> Notebook:
    inputs = Inputs(subjects={"test": TEST, "model": MODEL}, options=options, clock=clock)
    return Notebook(Look(), inputs, limits or Limits(), seed=7)


def test_it_records_what_is_needed_to_see_it_again(clock: Clock) -> None:
    notes = book(clock, Limits(wall_s=60, queries=500), steps=20)
    clock.pass_(30)
    evidence = notes.evidence()
    assert (evidence.check, evidence.version, evidence.seed) == ("example.look", "3", 7)
    assert evidence.budget == Budget(60, 500)
    assert dict(evidence.parameters) == {"eps": None, "steps": 20}
    assert (evidence.started, evidence.finished) == ("2026-01-02T03:04:05Z", "2026-01-02T03:04:35Z")
    assert evidence.expires == "2026-04-02T03:04:05Z"
    assert VALID_DAYS == 90
    assert evidence.verdict is Verdict.HELD


def test_subjects_are_those_of_its_roles_that_were_given(clock: Clock) -> None:
    assert book(clock).evidence().subjects == (MODEL, TEST)
    others = Inputs(subjects={"model": MODEL, "reference": TEST})
    assert subjects_of(Look(), others) == (MODEL,)


def test_everything_written_is_in_the_evidence_in_order(clock: Clock) -> None:
    notes = book(clock)
    notes.measure(rate("accuracy", 9, 10))
    notes.measure(exact("queries", 3, unit="queries"))
    notes.find("example.look.bad", Severity.HIGH, "test", Place("", "row 3"), "it is bad", remedy="mend it",
               references=("CWE-20",))  # fmt: skip
    notes.skip("l2", "no gradient")
    notes.show(Table("t", "T", ("a",), ((1,),)))
    evidence = notes.evidence()
    assert [m.name for m in evidence.measurements] == ["accuracy", "queries"]
    assert [(f.rule, f.subject, f.references) for f in evidence.findings] == [
        ("example.look.bad", TEST.digest, ("CWE-20",))
    ]
    assert [(s.what, s.why) for s in evidence.skipped] == [("l2", "no gradient")]
    assert [e.name for e in evidence.exhibits] == ["t"]
    assert evidence.verdict is Verdict.BROKEN
    assert decode(Evidence, parse_json(canonical(encode(evidence)), what="evidence")) == evidence


def test_a_finding_about_a_role_that_was_not_given(clock: Clock) -> None:
    with pytest.raises(KeyError):
        book(clock).find("r", Severity.LOW, "train", Place(), "m", remedy="")


def test_unknown_options_are_refused(clock: Clock) -> None:
    with pytest.raises(InputError, match=r"example\.look: unknown option 'epsilon'") as caught:
        book(clock, epsilon=1)
    assert caught.value.hint == "it takes: eps, steps"
    assert parameters(Look(), {"eps": 1}) == {"eps": 1, "steps": 10}
    assert Look.defaults == {"eps": None, "steps": 10}


def test_what_is_settled_while_running_is_recorded(clock: Clock) -> None:
    notes = book(clock)
    notes.note("eps", 0.25)
    notes.note("radii", [1, 2])
    assert dict(notes.evidence().parameters) == {"eps": None, "settled_eps": 0.25, "steps": 10, "radii": (1, 2)}


def test_what_was_given_is_not_settled_again(clock: Clock) -> None:
    with pytest.raises(InputError, match="'steps' was given"):
        book(clock).note("steps", 11)
    with pytest.raises(InputError, match="'eps' was given"):
        book(clock, eps=0.5).note("eps", 0.25)


def test_the_wall_clock_budget(clock: Clock) -> None:
    notes = book(clock, Limits(wall_s=10))
    assert notes.seconds_left() == 10
    clock.pass_(9.5)
    notes.check_time()
    assert notes.seconds_left() == 0.5
    clock.pass_(1)
    assert notes.seconds_left() == 0
    with pytest.raises(LimitExceeded, match=r"example\.look: 10 s are spent"):
        notes.check_time()


def test_without_a_budget_there_is_always_time(clock: Clock) -> None:
    notes = book(clock)
    clock.pass_(1e9)
    notes.check_time()
    assert notes.seconds_left() == float("inf")


def test_versions_of_what_is_installed(clock: Clock) -> None:
    tools = book(clock).evidence().tools
    assert dict(tools) == {"python": python_version(), "hauberk": version("hauberk"), "pytest": version("pytest")}
