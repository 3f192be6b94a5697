"""Conducting an audit, from a configuration to a dossier: the main job on one page.

(1) name the model (2) look at its bytes (3) refuse what may not be loaded (4) look at model and data
(5) plan (6) take what is already proven from the store (7) run the rest (8) sign and keep each result as it
comes. Ctrl-C at any moment keeps what is finished; the rest is written down as inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from hauberk.artifact.manifest import subject
from hauberk.core.canon import Json
from hauberk.core.codec import decode, encode
from hauberk.core.errors import Denied, HauberkError, LimitExceeded
from hauberk.core.notebook import Notebook, subjects_of, tool_versions
from hauberk.core.nouns import Dossier, Evidence, NotTested, Skipped, Subject, Verdict
from hauberk.core.ports import Clock, Done, Inputs, Job, Need, Runner, SystemClock, stamp

from .checks import CHECKS, check
from .config import AuditConfig
from .plan import Look, Plan, Planned, known_only, plan

BYTES = frozenset({"artifact.digest", "artifact.scan", "artifact.signature", "artifact.weights"})
"""Checks that read bytes and never load: they run first, and decide whether the rest may load the model."""

LOADED: tuple[str, ...] = (Need.MODEL, Need.GRADIENT, Need.REFIT, Need.TEST, Need.TRAIN)
"""What is only there once model and data are loaded."""

Watch = Callable[[Job, int, int, str], None]
"""watch(job, done, total, note): told how far each job is."""


class Keep(Protocol):
    """Where evidence goes as it comes: signed, stored, in the dossier folder."""

    signer: str

    def put(self, evidence: Evidence, *, final: bool) -> None:
        """Sign and keep. final: false for a run that was cut short, which must not be taken as proof later."""

    def proven(self, check: str, subject: str) -> Iterator[Evidence]:
        """Earlier evidence, newest first, whose signature by our own key verifies and that is not expired."""


@dataclass
class Audit:
    """One audit under way. resume: take from the store what is already proven."""

    config: AuditConfig
    keep: Keep
    runner: Runner
    workers: int = 1
    resume: bool = False
    command: str = ""
    watch: Watch = lambda job, done, total, note: None
    ended: Callable[[Done], None] = lambda done: None
    kept: Callable[[Evidence], None] = lambda evidence: None
    clock: Clock = field(default_factory=SystemClock)
    subjects: dict[str, Subject] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    interrupted: bool = False

    def conduct(self) -> Dossier:
        """Run the audit. Raises InputError when model and data do not fit, Denied when the scan refuses."""
        known_only(self.config, CHECKS.ids())
        checks = [check(name) for name in CHECKS.ids()]
        first, rest = [c for c in checks if c.id in BYTES], [c for c in checks if c.id not in BYTES]
        if self.config.artifact is not None:
            self.subjects["model"] = subject(self.config.artifact)
        missing: dict[str, str] = {} if self.config.artifact else {Need.ARTIFACT: "the model is not a file"}
        bytes_plan = plan(self.config, first, missing, self.workers)
        self._run(bytes_plan.planned)
        refusal = self._refusal()
        look = Look({}, {}, refusal) if refusal else self._look()
        self.subjects |= look.subjects
        loaded_plan = plan(self.config, rest, {**missing, **look.missing}, self.workers, look.queries)
        self._run(loaded_plan.planned)
        return self._dossier(look, bytes_plan, loaded_plan)

    def _look(self) -> Look:
        job = Job("first look", "hauberk.audit.job:look", self._argument())
        try:
            if self.interrupted:
                raise KeyboardInterrupt
            (done,) = self.runner.run([job], self.watch)
        except KeyboardInterrupt:
            if "model" not in self.subjects:
                raise  # nothing is known about an endpoint yet: there is nothing to keep
            self.interrupted = True
            return Look({}, {}, dict.fromkeys(LOADED, "interrupted before the model was looked at"))
        self.ended(done)
        if done.error is not None:
            raise done.error
        return decode(Look, done.result)

    def _argument(self) -> dict[str, Json]:
        subjects: Json = {role: encode(subject) for role, subject in self.subjects.items()}
        return {"config": encode(self.config), "subjects": subjects}

    def _refusal(self) -> Mapping[str, str]:
        """Why the model may not be loaded, by need; empty when it may."""
        if self.config.artifact is None:
            return {}
        scan = self.evidence.get("artifact.scan")
        if scan is not None and scan.verdict is Verdict.HELD:
            return {}
        why = "the model was not loaded: " + (
            "its scan was left out" if scan is None
            else "its scan found what must not run" if scan.verdict is Verdict.BROKEN
            else "its scan is inconclusive: " + "; ".join(f"{s.what}: {s.why}" for s in scan.skipped)
        )  # fmt: skip
        return dict.fromkeys(LOADED, why)

    def _run(self, planned: Sequence[Planned]) -> None:
        waiting = {}
        for item in planned:
            if (found := self._proven(item)) is not None:
                self._finish(found, final=True)
                self.kept(found)
            else:
                waiting[item.check.id] = item
        if not self.interrupted and waiting:
            try:
                self._work(waiting)
            except KeyboardInterrupt:
                self.interrupted = True
        for item in waiting.values():
            if item.check.id not in self.evidence:
                self._finish(self._unfinished(item, "interrupted before it finished"), final=False)

    def _work(self, waiting: Mapping[str, Planned]) -> None:
        jobs = [Job(name, "hauberk.audit.job:run_check", self._task(item)) for name, item in waiting.items()]
        for done in self.runner.run(jobs, self.watch):
            self._end(waiting[done.job.name], done)
            self.ended(done)

    def _task(self, item: Planned) -> dict[str, Json]:
        return self._argument() | {
            "check": item.check.id,
            "options": dict(item.options),
            "wall_s": item.limits.wall_s,
            "queries": item.limits.queries,
            "seed": item.seed,
        }

    def _end(self, item: Planned, done: Done) -> None:
        if done.error is None:
            self._finish(decode(Evidence, done.result), final=True)
        else:
            self._finish(self._unfinished(item, _why(done.error)), final=isinstance(done.error, LimitExceeded))

    def _finish(self, evidence: Evidence, *, final: bool) -> None:
        self.keep.put(evidence, final=final)
        self.evidence[evidence.check] = evidence

    def _unfinished(self, item: Planned, why: str) -> Evidence:
        inputs = Inputs(subjects=self.subjects, options=item.options, clock=self.clock)
        book = Notebook(item.check, inputs, item.limits, item.seed)
        book.skip(item.check.id, why)
        return book.evidence()

    def _proven(self, item: Planned) -> Evidence | None:
        """Earlier evidence for the same digests, parameters, seed, budget and versions; None without resume."""
        about = subjects_of(item.check, Inputs(subjects=self.subjects))
        if not self.resume or not about:
            return None
        for evidence in self.keep.proven(item.check.id, about[0].digest):
            if _same(evidence, item, about):
                return evidence
        return None

    def _dossier(self, look: Look, *plans: Plan) -> Dossier:
        order = {name: i for i, name in enumerate(CHECKS.ids())}
        not_tested: list[NotTested] = [item for part in plans for item in part.not_tested]
        return Dossier(
            name=self.subjects["model"].name,
            subjects=self.subjects,
            facts=look.facts,
            evidence=tuple(sorted(self.evidence.values(), key=lambda e: order[e.check])),
            not_tested=tuple(sorted(not_tested, key=lambda n: order[n.check])),
            titles={name: check(name).title for name in order},
            command=self.command,
            created=stamp(self.clock.now()),
            signer=self.keep.signer,
        )


def _why(error: Exception) -> str:
    if not isinstance(error, HauberkError):
        return f"{type(error).__name__}: {error}"
    return f"{error} ({error.hint})" if error.hint else str(error)


def _same(evidence: Evidence, item: Planned, about: tuple[Subject, ...]) -> bool:
    asked = encode(item.parameters)
    return (
        evidence.version == item.check.version
        and [s.digest for s in evidence.subjects] == [s.digest for s in about]
        and {name: encode(evidence.parameters.get(name)) for name in asked} == asked
        and evidence.seed == item.seed
        and evidence.budget == item.limits.budget
        and dict(evidence.tools) == dict(tool_versions(item.check))
    )


def refused(dossier: Dossier) -> Denied | None:
    """The refusal to report when the scan stopped the audit; None otherwise."""
    scan = next((e for e in dossier.evidence if e.check == "artifact.scan"), None)
    if scan is None or scan.verdict is not Verdict.BROKEN:
        return None
    worst = max(scan.findings, key=lambda f: f.severity.rank)
    return Denied(f"{dossier.name} was not loaded: {worst.message}", hint=worst.remedy)


def without_sandbox(evidence: Evidence, why: str) -> Evidence:
    """The same evidence, saying that the model ran unconfined while it was made."""
    return replace(evidence, skipped=(*evidence.skipped, Skipped("sandbox", why)))

