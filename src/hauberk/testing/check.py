"""The exam of a Check: its name, its promises, and that the same seed gives the same evidence."""

from __future__ import annotations

import re
from dataclasses import replace

from hauberk.core.canon import canonical, parse_json
from hauberk.core.codec import decode, encode
from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.notebook import subjects_of
from hauberk.core.nouns import Evidence
from hauberk.core.ports import Check, Inputs, Need
from hauberk.core.taxonomy import lookup

_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_CLOCK_DEPENDENT = ("seconds", "per_second")


def check_check(check: Check, inputs: Inputs, *, limits: Limits | None = None, seed: int = 0) -> Evidence:
    """Run the exam on inputs that meet the check's needs; return the evidence of its run.

    Raises AssertionError that says which promise is broken. Costs two runs of the check.
    """
    limits = limits or Limits()
    _declares(check)
    evidence = check.run(inputs, limits, seed)
    _keeps_its_word(check, inputs, limits, seed, evidence)
    _survives_a_round_trip(evidence)
    _references_are_known(evidence)
    _refuses_an_unknown_option(check, inputs, limits, seed)
    again = check.run(inputs, limits, seed)
    assert _reproducible(again) == _reproducible(evidence), f"{check.id}: the same seed gave other results"
    return evidence


def _declares(check: Check) -> None:
    assert _ID.fullmatch(check.id), f"{check.id!r}: an id is dotted lower case, such as data.labels"
    assert check.title, f"{check.id}: has no title"
    assert check.version, f"{check.id}: has no version"
    assert all(isinstance(need, Need) for need in check.needs), f"{check.id}: a need is not a core.ports.Need"
    assert check.roles, f"{check.id}: is about nothing: name the roles of its subjects"
    canonical(encode(dict(check.defaults)))


def _keeps_its_word(check: Check, inputs: Inputs, limits: Limits, seed: int, evidence: Evidence) -> None:
    assert (evidence.check, evidence.version) == (check.id, check.version), f"{check.id}: signs as another check"
    assert evidence.subjects == subjects_of(check, inputs), f"{check.id}: is about other subjects than its roles"
    assert evidence.seed == seed, f"{check.id}: wrote down another seed"
    assert evidence.budget == limits.budget, f"{check.id}: wrote down another budget"
    missing = set(check.defaults) - set(evidence.parameters)
    assert not missing, f"{check.id}: parameters {sorted(missing)} are not in the evidence"
    digests = {s.digest for s in evidence.subjects}
    for finding in evidence.findings:
        assert finding.subject in digests, f"{check.id}: finding {finding.rule} is about something else"
        assert _ID.fullmatch(finding.rule), f"{check.id}: rule {finding.rule!r} is not a dotted id"
        assert finding.remedy, f"{check.id}: finding {finding.rule} does not say what to do"


def _survives_a_round_trip(evidence: Evidence) -> None:
    plain = parse_json(canonical(encode(evidence)), what=evidence.check)
    assert decode(Evidence, plain) == evidence, f"{evidence.check}: evidence changes in a round trip"


def _references_are_known(evidence: Evidence) -> None:
    for finding in evidence.findings:
        for reference in finding.references:
            if not reference.startswith(("CVE-", "GHSA-")):
                lookup(reference)


def _refuses_an_unknown_option(check: Check, inputs: Inputs, limits: Limits, seed: int) -> None:
    try:
        check.run(replace(inputs, options={**inputs.options, "no_such_option": 1}), limits, seed)
    except InputError:
        return
    raise AssertionError(f"{check.id}: takes an option that it does not know")


def _reproducible(evidence: Evidence) -> tuple[object, ...]:
    steady = [m for m in evidence.measurements if not m.name.endswith(_CLOCK_DEPENDENT)]
    return (
        sorted(f.fingerprint for f in evidence.findings), steady, evidence.skipped,
        {name: encode(value) for name, value in evidence.parameters.items()},
    )  # fmt: skip
