"""The decision: every rule of the shipped policy from both sides, and every doubt on the side of no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.core.canon import digest
from hauberk.core.errors import InputError
from hauberk.core.nouns import (
    Budget,
    Context,
    Decision,
    Evidence,
    Finding,
    Measurement,
    Obligation,
    Place,
    Principal,
    Request,
    Severity,
    Skipped,
    Subject,
    Verified,
    name_of,
)
from hauberk.core.ports import stamp
from hauberk.policy.decide import decide, default_policy
from hauberk.policy.facts import attribute, believe, decimal
from hauberk.policy.rules import obligations, read_rules

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MODEL = Subject("model", "m.onnx", digest(b"model"))
REQUEST = Request(Principal("user", "ada"), "promote", MODEL, Context(stamp(NOW)))
PERMIT = "permit (principal, action, resource);"


def verified(
    check: str,
    *,
    measured: dict[str, tuple[float, float, float]] | None = None,
    worst: Severity | None = None,
    skipped: int = 0,
    age: timedelta = timedelta(days=1),
    valid: timedelta = timedelta(days=400),
    subject: Subject = MODEL,
    signer: str = "key-1",
) -> Verified:
    """Evidence of one check, finished `age` ago, as if its signature had been verified."""
    findings = () if worst is None else (Finding("x.y", worst, subject.digest, Place(), "bad"),)
    numbers = tuple(
        Measurement(name, value, low, high, 0.95, 100, "share", "test")
        for name, (value, low, high) in (measured or {}).items()
    )
    finished = NOW - age
    evidence = Evidence(
        check=check,
        version="1",
        subjects=(subject,),
        parameters={},
        seed=0,
        budget=Budget(),
        findings=findings,
        measurements=numbers,
        skipped=tuple(Skipped(f"thing {i}", "no time") for i in range(skipped)),
        exhibits=(),
        started=stamp(finished),
        finished=stamp(finished),
        expires=stamp(finished + valid),
        tools={},
    )
    return Verified(evidence, signer)


def good() -> dict[str, Verified]:
    return {
        "artifact.scan": verified("artifact.scan"),
        "model.quality": verified("model.quality", measured={"accuracy": (0.95, 0.93, 0.97)}),
        "attack.evasion": verified("attack.evasion", worst=Severity.MEDIUM),
        "attack.membership": verified("attack.membership", measured={"membership.tpr_at_1pct_fpr": (0.02, 0.01, 0.04)}),
    }


def asked(evidence: dict[str, Verified], policy: str | None = None, request: Request = REQUEST) -> Decision:
    return decide(policy or default_policy(), request, list(evidence.values()), now=NOW)


def rules(decision: Decision) -> set[str]:
    return {reason.rule for reason in decision.reasons}


def test_a_model_with_all_core_checks_is_promoted() -> None:
    decision = asked(good())
    assert decision.allowed
    assert rules(decision) == {"promote"}
    assert decision.policy == digest(default_policy().encode())


def drop(check: str) -> Callable[[dict[str, Verified]], None]:
    return lambda evidence: evidence.pop(check) and None


def swap(check: str, **changes: object) -> Callable[[dict[str, Verified]], None]:
    def change(evidence: dict[str, Verified]) -> None:
        evidence[check] = verified(check, **changes)  # type: ignore[arg-type]

    return change


LATE = timedelta(days=90, hours=1)
IN_TIME = timedelta(days=90)
QUALITY = {"accuracy": (0.95, 0.93, 0.97)}


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("scan-missing", drop("artifact.scan")),
        ("scan-dangerous", swap("artifact.scan", worst=Severity.MEDIUM)),
        ("scan-dangerous", swap("artifact.scan", worst=Severity.HIGH)),
        ("scan-dangerous", swap("artifact.scan", worst=Severity.CRITICAL)),
        ("scan-incomplete", swap("artifact.scan", skipped=1)),
        ("scan-incomplete", swap("artifact.scan", skipped=1, worst=Severity.LOW)),
        ("quality-missing", drop("model.quality")),
        ("quality-missing", swap("model.quality", measured={})),
        ("evasion-missing", drop("attack.evasion")),
        ("evasion-incomplete", swap("attack.evasion", skipped=1)),
        ("membership-leak", swap("attack.membership", measured={"membership.tpr_at_1pct_fpr": (0.1, 0.0501, 0.2)})),
        ("scan-stale", swap("artifact.scan", age=LATE)),
        ("quality-stale", swap("model.quality", age=LATE, measured=QUALITY)),
        ("evasion-stale", swap("attack.evasion", age=LATE)),
    ],
)
def test_each_shipped_rule_denies_alone(rule: str, spoil: Callable[[dict[str, Verified]], None]) -> None:
    evidence = good()
    spoil(evidence)
    decision = asked(evidence)
    assert not decision.allowed
    assert rules(decision) == {rule}


@pytest.mark.parametrize(
    "spare",
    [
        swap("artifact.scan", worst=Severity.LOW),
        swap("artifact.scan", age=IN_TIME),
        swap("model.quality", age=IN_TIME, measured=QUALITY),
        swap("attack.evasion", age=IN_TIME),
        swap("attack.evasion", worst=Severity.HIGH),
        swap("attack.membership", measured={"membership.tpr_at_1pct_fpr": (0.1, 0.05, 0.9)}),
        drop("attack.membership"),
    ],
)
def test_near_misses_stay_quiet(spare: Callable[[dict[str, Verified]], None]) -> None:
    evidence = good()
    spare(evidence)
    assert asked(evidence).allowed


def test_every_shipped_rule_has_an_id_and_a_message_and_a_test() -> None:
    tested = {mark.args[0] for mark in _cases()}
    for rule in read_rules(default_policy()):
        assert rule.message
        assert not rule.id.startswith("policy")
        assert rule.effect == "permit" or rule.id in tested


def _cases() -> list[pytest.param]:  # type: ignore[valid-type]
    marks = test_each_shipped_rule_denies_alone.pytestmark  # type: ignore[attr-defined]
    return [type("Case", (), {"args": case}) for case in marks[0].args[1]]


def test_loading_needs_only_a_clean_scan() -> None:
    load = replace(REQUEST, action="load")
    assert asked({"s": verified("artifact.scan")}, request=load).allowed
    assert not asked({"s": verified("artifact.scan", worst=Severity.HIGH)}, request=load).allowed


def test_a_missing_attribute_denies_and_says_what_to_run() -> None:
    floor = '@id("floor") @message("accuracy may be low") forbid (principal, action, resource) when '
    floor += '{ context.evidence.model_quality.measured.accuracy.low.lessThan(decimal("0.9")) };'
    decision = asked({}, PERMIT + floor)
    assert not decision.allowed
    assert "model_quality" in decision.reasons[-1].message
    assert asked({"q": good()["model.quality"]}, PERMIT + floor).allowed


def test_an_erroring_forbid_denies_although_cedar_passes_over_it() -> None:
    overflow = '@id("o") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };'
    decision = asked({}, PERMIT + overflow)
    assert not decision.allowed
    assert "o" in rules(decision)


def test_an_erroring_permit_denies_beside_a_good_one() -> None:
    broken = '@id("o") permit (principal, action, resource) when { 9223372036854775807 + 1 == 0 };'
    assert not asked({}, PERMIT + broken).allowed


def test_no_permit_denies() -> None:
    decision = asked(good(), 'permit (principal, action == Action::"load", resource);')
    assert not decision.allowed
    assert rules(decision) == {"no-permit"}


def test_an_empty_policy_denies() -> None:
    assert not asked(good(), "// nothing").allowed


def test_expired_evidence_is_not_counted() -> None:
    evidence = good() | {"artifact.scan": verified("artifact.scan", valid=timedelta(hours=24))}
    decision = asked(evidence)
    assert rules(decision) == {"scan-missing", "evidence.not-counted"}


def test_evidence_from_the_future_is_not_counted() -> None:
    evidence = good() | {"artifact.scan": verified("artifact.scan", age=-timedelta(hours=1))}
    assert rules(asked(evidence)) == {"scan-missing", "evidence.not-counted"}


def test_evidence_about_another_model_is_not_counted() -> None:
    other = Subject("model", "m.onnx", digest(b"another"))
    evidence = good() | {"artifact.scan": verified("artifact.scan", subject=other)}
    assert rules(asked(evidence)) == {"scan-missing"}


def test_the_newest_evidence_counts_and_a_disagreement_is_told() -> None:
    evidence = good() | {"older": verified("artifact.scan", worst=Severity.CRITICAL, age=timedelta(days=2))}
    decision = asked(evidence)
    assert decision.allowed
    note = next(r for r in decision.reasons if r.rule == "evidence.disagrees")
    assert len(note.evidence) == 2
    newer = good() | {"newer": verified("artifact.scan", worst=Severity.CRITICAL, age=timedelta(hours=1))}
    assert not asked(newer).allowed


def test_of_two_of_one_second_the_worse_counts() -> None:
    twin = good() | {"twin": verified("artifact.scan", worst=Severity.CRITICAL)}
    assert not asked(twin).allowed
    assert not asked(dict(reversed(twin.items()))).allowed


def test_reasons_cite_the_evidence_that_the_rule_reads() -> None:
    evidence = good() | {"artifact.scan": verified("artifact.scan", worst=Severity.HIGH)}
    reason = next(r for r in asked(evidence).reasons if r.rule == "scan-dangerous")
    assert reason.evidence == (name_of(evidence["artifact.scan"].evidence),)


def test_a_rule_that_reads_all_evidence_cites_all_of_it() -> None:
    rule = '@id("all") permit (principal, action, resource) when { context.evidence == context.evidence };'
    decision = asked(good(), rule)
    assert len(decision.reasons[0].evidence) == len(good())


@pytest.mark.parametrize(
    "policy",
    [
        "permit ((",
        'forbid (principal, action, resource) when { context.evidence.artefact_scan.verdict == "held" };',
        "forbid (principal, action, resource) when { context.evidence.artifact_scan.worst > 3 };",
        'forbid (principal, action, resource) when { context.evidence.artifact_scan.age_days == "old" };',
        'permit (principal, action, resource == Robot::"x");' + "permit (principal is Nobody::Here, action, resource);",
        '@id("a") permit (principal, action, resource); @id("a") permit (principal, action, resource);',
        '@obligation("top k") permit (principal, action, resource);',
        "permit (principal == ?principal, action, resource);",
    ],
)
def test_a_policy_that_cannot_be_understood_is_an_error_and_no_decision(policy: str) -> None:
    with pytest.raises(InputError):
        asked(good(), policy)


def test_obligations_travel_with_the_permission_only() -> None:
    permit = '@id("p") @obligation("top_k(1); log_input") permit (principal, action, resource);'
    decision = asked({}, permit)
    assert decision.obligations == (Obligation("top_k", (1,)), Obligation("log_input"))
    assert asked({}, permit + "forbid (principal, action, resource);").obligations == ()


def test_obligation_arguments() -> None:
    assert obligations('step_up("urn:x"); round(2, true, loose)') == (
        Obligation("step_up", ("urn:x",)),
        Obligation("round", (2, True, "loose")),
    )


HOSTILE = ['"; permit (principal, action, resource); //', "a\n\\\"b'", "\u202e\u0000x", 'User::"root"', "*", "é" * 300]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_from_outside_stay_text(text: str) -> None:
    only = 'permit (principal == User::"root", action, resource);'
    who = Principal("user", text, {"team": text})
    request = Request(who, text, Subject("model", text, MODEL.digest), Context(text, {"note": text}))
    evil = {"s": verified("artifact.scan", signer=text)}
    assert not asked(evil, only, request).allowed
    team = PERMIT + '@id("t") forbid (principal, action, resource) when { principal.team == "red" };'
    assert asked(evil, team, request).allowed


def test_a_check_named_as_policy_text_changes_nothing() -> None:
    evil = verified('x"; permit (principal, action, resource); //')
    assert rules(asked({"e": evil}, "// nothing")) == {"no-permit"}


@pytest.mark.parametrize("name", ["__entity", "__extn", "__expr"])
def test_cedar_escapes_in_attributes_are_refused(name: str) -> None:
    who = Principal("user", "eve", {"role": {name: {"type": "Role", "id": "admin"}}})
    with pytest.raises(InputError):
        asked({}, PERMIT, replace(REQUEST, principal=who))


def test_a_principal_cannot_pose_as_an_action() -> None:
    with pytest.raises(InputError):
        asked({}, PERMIT, replace(REQUEST, principal=Principal("action", "promote")))


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_rounding_never_flatters(value: float) -> None:
    exact = Decimal(repr(value))
    low, high = (Decimal(decimal(value, r)["__extn"]["arg"]) for r in (ROUND_FLOOR, ROUND_CEILING))  # type: ignore[index]
    assert low <= exact <= high
    assert high - low <= Decimal("0.0001")


def test_a_low_end_just_below_the_threshold_denies() -> None:
    floor = "forbid (principal, action, resource) when { context.evidence.model_quality.measured.accuracy.low"
    floor = PERMIT + floor + '.lessThan(decimal("0.9000")) };'
    near = {"q": verified("model.quality", measured={"accuracy": (0.95, 0.89999999, 0.97)})}
    exact = {"q": verified("model.quality", measured={"accuracy": (0.95, 0.9, 0.97)})}
    assert not asked(near, floor).allowed
    assert asked(exact, floor).allowed


def test_huge_numbers_are_left_out() -> None:
    assert decimal(1e300, ROUND_FLOOR) is None
    assert decimal(5e-324, ROUND_CEILING) == {"__extn": {"fn": "decimal", "arg": "0.0001"}}


def test_age_is_rounded_up() -> None:
    rule = PERMIT + "forbid (principal, action, resource) when { context.evidence.artifact_scan.age_days > 3 };"
    assert asked({"s": verified("artifact.scan", age=timedelta(days=3))}, rule).allowed
    assert not asked({"s": verified("artifact.scan", age=timedelta(days=3, seconds=1))}, rule).allowed


def test_names_become_attributes() -> None:
    assert [attribute(n) for n in ("a.b-c", "1a", "__extn", "é", "")] == ["a_b_c", "", "", "", ""]


def test_two_checks_of_one_attribute_are_both_left_out() -> None:
    believed = believe([verified("a.b"), verified("a_b")], MODEL.digest, NOW)
    assert believed.by_check == {}
    assert [note.rule for note in believed.notes] == ["evidence.not-counted"]


def test_the_same_question_has_the_same_answer() -> None:
    forward = asked(good())
    backward = asked(dict(reversed(good().items())))
    assert name_of(forward) == name_of(backward)
