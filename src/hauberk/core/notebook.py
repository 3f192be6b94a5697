"""A check's notebook: what it writes down while it looks, closed into Evidence.

    def run(self, inputs, limits, seed):
        book = Notebook(self, inputs, limits, seed)
        book.measure(rate("clean_accuracy", hits, n))
        return book.evidence()
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta

from .. import __version__
from .canon import Json
from .errors import InputError, LimitExceeded
from .exhibits import Exhibit
from .limits import Limits
from .nouns import Evidence, Finding, Measurement, Place, Severity, Skipped, Subject
from .ports import Check, Inputs, stamp

VALID_DAYS = 90
"""Evidence expires after a quarter: models, data and attacks move on; AISVS asks for regular re-tests."""


class Notebook:
    """Collects findings, measurements, skips and exhibits of one run of one check."""

    def __init__(self, check: Check, inputs: Inputs, limits: Limits, seed: int) -> None:
        self.check, self.inputs, self.limits, self.seed = check, inputs, limits, seed
        self.parameters = dict(parameters(check, inputs.options))
        self._started = inputs.clock.now()
        self._deadline = None if limits.wall_s is None else inputs.clock.monotonic() + limits.wall_s
        self._findings: list[Finding] = []
        self._measurements: list[Measurement] = []
        self._skipped: list[Skipped] = []
        self._exhibits: list[Exhibit] = []

    def find(
        self,
        rule: str,
        severity: Severity,
        role: str,
        place: Place,
        message: str,
        *,
        remedy: str,
        references: tuple[str, ...] = (),
    ) -> None:
        """Write down a finding about the subject in that role (`model`, `test`, `train`)."""
        subject = self.inputs.subjects[role].digest
        self._findings.append(Finding(rule, severity, subject, place, message, remedy, references))

    def measure(self, measurement: Measurement) -> None:
        """Write down a number."""
        self._measurements.append(measurement)

    def skip(self, what: str, why: str) -> None:
        """Write down what was not looked at."""
        self._skipped.append(Skipped(what, why))

    def show(self, exhibit: Exhibit) -> None:
        """Keep a chart, a table or pictures."""
        self._exhibits.append(exhibit)

    def note(self, name: str, value: Json) -> None:
        """Record a parameter that was settled while running (a radius chosen from the data)."""
        if name in self.check.defaults and self.parameters[name] is not None:
            raise InputError(f"{self.check.id}: parameter {name!r} was given and cannot be settled again")
        self.parameters[f"settled_{name}" if name in self.check.defaults else name] = value

    def seconds_left(self) -> float:
        """Seconds of the wall-clock budget left; infinite without one; never below 0."""
        if self._deadline is None:
            return float("inf")
        return max(0.0, self._deadline - self.inputs.clock.monotonic())

    def check_time(self) -> None:
        """Raise LimitExceeded once the wall-clock budget is spent."""
        if self.seconds_left() <= 0:
            raise LimitExceeded(f"{self.check.id}: {self.limits.wall_s:g} s are spent", hint="raise --max-seconds")

    def evidence(self) -> Evidence:
        """Close the notebook."""
        clock = self.inputs.clock
        return Evidence(
            check=self.check.id,
            version=self.check.version,
            subjects=subjects_of(self.check, self.inputs),
            parameters=self.parameters,
            seed=self.seed,
            budget=self.limits.budget,
            findings=tuple(self._findings),
            measurements=tuple(self._measurements),
            skipped=tuple(self._skipped),
            exhibits=tuple(self._exhibits),
            started=stamp(self._started),
            finished=stamp(clock.now()),
            expires=stamp(self._started + timedelta(days=VALID_DAYS)),
            tools=tool_versions(self.check),
        )


def subjects_of(check: Check, inputs: Inputs) -> tuple[Subject, ...]:
    """The subjects that a check's evidence is about: those of its roles that were given."""
    return tuple(inputs.subjects[role] for role in check.roles if role in inputs.subjects)


def parameters(check: Check, options: Mapping[str, Json]) -> Mapping[str, Json]:
    """A check's defaults with the options laid over them. Raises InputError for an unknown option."""
    if unknown := sorted(set(options) - set(check.defaults)):
        known = ", ".join(sorted(check.defaults)) or "none"
        raise InputError(f"{check.id}: unknown option {unknown[0]!r}", hint=f"it takes: {known}")
    return {**check.defaults, **options}


def tool_versions(check: Check) -> Mapping[str, str]:
    """Versions of Python, Hauberk and the distributions that the check names and that are installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "hauberk": __version__}
    if not check.tools:
        return found
    from importlib.metadata import PackageNotFoundError, version  # only here: it costs as much as all the rest

    for name in check.tools:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
