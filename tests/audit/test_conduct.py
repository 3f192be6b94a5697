"""Conducting an audit in a world in memory: what runs, what is kept, what a killed or stopped run leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from hauberk.audit import conduct, plan
from hauberk.audit.config import AuditConfig
from hauberk.core.codec import decode, encode
from hauberk.core.errors import InputError, LimitExceeded
from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Evidence, Place, Severity, Subject, Verdict
from hauberk.core.ports import Done, Inputs, Job, Need


@dataclass
class Fake:
    """A check that sees what it is told to see."""

    id: str
    needs: tuple[Need, ...]
    roles: tuple[str, ...] = ("model",)
    version: str = "1"
    title: str = "fake"
    defaults: Mapping[str, Any] = field(default_factory=lambda: {"eps": 0.1, "allow": []})
    tools: tuple[str, ...] = ()
    severity: Severity | None = None

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        book = Notebook(self, inputs, limits, seed)
        if self.severity:
            book.find(f"{self.id}.bad", self.severity, "model", Place(), "it is bad", remedy="mend it")
        return book.evidence()


@dataclass
class Memory:
    """Keeps evidence in a list instead of a store."""

    kept: list[tuple[Evidence, bool]] = field(default_factory=list)
    signer: str = "sha256:" + "0" * 64

    def put(self, evidence: Evidence, *, final: bool) -> None:
        self.kept.append((evidence, final))

    def proven(self, check: str, subject: str) -> Iterator[Evidence]:
        for evidence, final in reversed(self.kept):
            if final and evidence.check == check and any(s.digest == subject for s in evidence.subjects):
                yield evidence


@dataclass
class Here:
    """Runs jobs in this process; raises or answers as told for a job of that name."""

    checks: Mapping[str, Fake]
    look: plan.Look
    trouble: dict[str, BaseException] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def run(self, jobs: Iterable[Job], progress: Callable[[Job, int, int, str], None]) -> Iterator[Done]:
        for job in jobs:
            trouble = self.trouble.get(job.name)
            if isinstance(trouble, Exception):
                yield Done(job, error=trouble)
            elif trouble is not None:
                raise trouble
            else:
                self.ran.append(job.name)
                yield Done(job, self._answer(job))

    def _answer(self, job: Job) -> Any:
        if job.name == "first look":
            return encode(self.look)
        argument: Any = job.argument
        subjects = {role: decode(Subject, s) for role, s in argument["subjects"].items()}
        limits = Limits(wall_s=argument["wall_s"], queries=argument["queries"])
        check = self.checks[argument["check"]]
        return encode(check.run(Inputs(subjects=subjects, options=argument["options"]), limits, argument["seed"]))


@dataclass
class World:
    checks: dict[str, Fake]
    keep: Memory
    runner: Here
    config: AuditConfig

    def audit(self, **changes: Any) -> conduct.Audit:
        self.runner.ran.clear()
        return conduct.Audit(self.config, self.keep, self.runner, **changes)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    checks = {
        "artifact.scan": Fake("artifact.scan", (Need.ARTIFACT,)),
        "model.quality": Fake("model.quality", (Need.MODEL,)),
        "attack.evasion": Fake("attack.evasion", (Need.MODEL,)),
        "data.labels": Fake("data.labels", (Need.TRAIN,)),
    }

    class Table:
        def ids(self) -> tuple[str, ...]:
            return tuple(checks)

    monkeypatch.setattr(conduct, "CHECKS", Table())
    monkeypatch.setattr(conduct, "check", checks.__getitem__)
    (tmp_path / "net.onnx").write_bytes(b"net")
    runner = Here(checks, plan.Look({"format": "onnx"}, {}, {Need.TRAIN: "no --train was given"}, 20))
    return World(checks, Memory(), runner, AuditConfig(str(tmp_path / "net.onnx")))


def test_what_can_run_runs_and_what_cannot_says_what_to_give(world: World) -> None:
    dossier = world.audit().conduct()
    assert [e.check for e in dossier.evidence] == ["artifact.scan", "model.quality", "attack.evasion"]
    assert dossier.verdict is Verdict.HELD
    (missing,) = dossier.not_tested
    assert (missing.check, missing.why) == ("data.labels", "no --train was given")
    assert "--train FILE" in missing.give


def test_a_model_whose_scan_finds_something_is_never_looked_at(world: World) -> None:
    world.checks["artifact.scan"].severity = Severity.CRITICAL
    dossier = world.audit().conduct()
    assert world.runner.ran == ["artifact.scan"]
    assert {n.check for n in dossier.not_tested} == {"model.quality", "attack.evasion", "data.labels"}
    refusal = conduct.refused(dossier)
    assert refusal is not None
    assert "it is bad" in str(refusal)


@pytest.mark.parametrize("how", ["skip", "fails"])
def test_a_model_that_was_not_scanned_is_not_loaded(world: World, how: str) -> None:
    if how == "skip":
        world.config = replace(world.config, skip=("artifact.scan",))
    else:
        world.runner.trouble["artifact.scan"] = LimitExceeded("too large")
    dossier = world.audit().conduct()
    assert "first look" not in world.runner.ran
    assert all("not loaded" in n.why or n.check == "artifact.scan" for n in dossier.not_tested)
    assert dossier.verdict is Verdict.INCONCLUSIVE


def test_ctrl_c_keeps_what_is_finished_and_marks_the_rest(world: World) -> None:
    world.runner.trouble["attack.evasion"] = KeyboardInterrupt()
    dossier = world.audit().conduct()
    verdicts = {e.check: e.verdict for e in dossier.evidence}
    assert verdicts["model.quality"] is Verdict.HELD
    assert verdicts["attack.evasion"] is Verdict.INCONCLUSIVE
    assert {e.check: final for e, final in world.keep.kept}["attack.evasion"] is False


def test_ctrl_c_before_anything_is_known_leaves_nothing(world: World) -> None:
    world.config = replace(world.config, model="http://127.0.0.1:1/v2/models/m")
    world.runner.trouble["first look"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        world.audit().conduct()
    assert world.keep.kept == []


def test_ctrl_c_during_the_first_look_keeps_the_scan(world: World) -> None:
    world.runner.trouble["first look"] = KeyboardInterrupt()
    dossier = world.audit().conduct()
    assert [e.check for e in dossier.evidence] == ["artifact.scan"]
    assert all("interrupted" in n.why for n in dossier.not_tested)


def test_resume_runs_only_what_lacks_evidence(world: World) -> None:
    world.runner.trouble["attack.evasion"] = KeyboardInterrupt()
    world.audit().conduct()
    world.runner.trouble.clear()
    dossier = world.audit(resume=True).conduct()
    assert world.runner.ran == ["first look", "attack.evasion"]
    assert dossier.verdict is Verdict.HELD
    world.audit().conduct()
    assert "model.quality" in world.runner.ran, "without --resume everything runs"


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"max_queries": 100},
        {"checks": {"model.quality": {"eps": 0.2}}},
    ],
)
def test_resume_runs_again_what_was_asked_otherwise(world: World, change: dict[str, Any]) -> None:
    world.audit().conduct()
    world.config = replace(world.config, **change)
    world.audit(resume=True).conduct()
    assert "model.quality" in world.runner.ran


def test_resume_runs_again_after_a_new_version_or_another_model(world: World) -> None:
    world.audit().conduct()
    world.checks["model.quality"].version = "2"
    world.audit(resume=True).conduct()
    assert world.runner.ran == ["first look", "model.quality"]
    Path(world.config.model).write_bytes(b"another net")
    world.audit(resume=True).conduct()
    assert world.runner.ran == ["artifact.scan", "first look", "model.quality", "attack.evasion"]


def test_a_check_that_fails_is_inconclusive_and_says_why(world: World) -> None:
    world.runner.trouble["model.quality"] = InputError("the endpoint answers 500", hint="look at its log")
    dossier = world.audit().conduct()
    quality = next(e for e in dossier.evidence if e.check == "model.quality")
    assert quality.verdict is Verdict.INCONCLUSIVE
    assert quality.skipped[0].why == "the endpoint answers 500 (look at its log)"
    assert len(dossier.evidence) == 3, "the others ran"


def test_a_first_look_that_fails_is_an_error(world: World) -> None:
    world.runner.trouble["first look"] = InputError("the data holds NaN")
    with pytest.raises(InputError, match="NaN"):
        world.audit().conduct()


def test_a_check_that_does_not_exist_is_named(world: World) -> None:
    world.config = replace(world.config, only=("model.qualty",))
    with pytest.raises(InputError, match=r"no check 'model\.qualty'"):
        world.audit().conduct()


def test_what_the_first_look_left_of_a_budget_is_shared_out(world: World) -> None:
    world.config = replace(world.config, max_queries=720, max_seconds=70.0)
    evidence = {e.check: e for e in world.audit().conduct().evidence}
    assert (evidence["model.quality"].budget.queries, evidence["attack.evasion"].budget.queries) == (100, 600)
    assert evidence["artifact.scan"].budget.queries is None
    spent = [evidence[name].budget.wall_s for name in ("model.quality", "attack.evasion")]
    assert sum(s for s in spent if s is not None) == pytest.approx(70.0)
