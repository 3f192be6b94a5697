"""The decision: Cedar policies over verified evidence, on the pessimistic side of every doubt.

Any forbid denies; no permit denies; an error in any rule denies (Cedar alone would pass over it). A policy that
names what does not exist is no decision at all, but an InputError.

>>> from datetime import UTC, datetime
>>> from hauberk.core.nouns import Context, Principal, Request, Subject
>>> now = datetime(2026, 1, 2, tzinfo=UTC)
>>> model = Subject("model", "m.onnx", "sha256:" + "0" * 64)
>>> request = Request(Principal("user", "ada"), "promote", model, Context("2026-01-02T00:00:00Z"))
>>> decide("permit (principal, action, resource);", request, (), now=now).effect.value
'allow'
>>> decide(default_policy(), request, (), now=now).reasons[0].rule
'scan-missing'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from ..core.canon import digest
from ..core.errors import InputError, need
from ..core.nouns import Decision, Effect, Obligation, Reason, Request, Verified
from .facts import Believed, believe, cedar, record
from .rules import Rule, read_rules
from .schema import schema

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def default_policy() -> str:
    """The policy that ships with Hauberk; docs/reference/policy.md explains it rule by rule."""
    return (files(__package__) / "default.cedar").read_text("utf-8")


def decide(policies: str, request: Request, evidence: Sequence[Verified], *, now: datetime) -> Decision:
    """May this principal do this action to this subject, given what was verified about it?

    Costs about 12 ms of CPU with the shipped policy, most of it for holding the policy against its schema. `now`
    must have a time zone. Raises InputError when the policies are not Cedar, name attributes that no check has, or
    the request holds what Cedar cannot carry: undecidable, which is not allowed.
    """
    rules = read_rules(policies)
    believed = believe(evidence, request.subject.digest, now)
    case = _case(request, believed, now)
    _validate(policies, rules, case)
    outcome = _ask(policies, case)
    broken = _broken(rules, case) if outcome.diagnostics.errors else ()
    allowed = bool(outcome.allowed) and not outcome.diagnostics.errors
    said = [rule for rule in rules if rule.key in outcome.diagnostics.reasons]
    reasons = [_reason(rule, believed) for rule in said]
    reasons += [_error(rule, believed) for rule in broken]
    if not reasons:
        reasons = [Reason("no-permit", f"no policy permits {request.action!r} here")]
    duties = tuple(dict.fromkeys(duty for rule in said for duty in rule.obligations)) if allowed else ()
    return _decision(request, policies, allowed, (*reasons, *believed.notes), duties)


def _decision(
    request: Request, policies: str, allowed: bool, reasons: tuple[Reason, ...], duties: tuple[Obligation, ...]
) -> Decision:
    effect = Effect.ALLOW if allowed else Effect.DENY
    return Decision(effect, request, digest(policies.encode()), reasons, duties)


@dataclass(frozen=True)
class Case:
    """What Cedar is asked: the request with its context, the entities, and the attributes of both."""

    request: Mapping[str, Any]
    entities: list[dict[str, Any]]
    attributes: Mapping[str, Mapping[str, Any]]


def _case(request: Request, believed: Believed, now: datetime) -> Case:
    if _type(request.principal.kind) == _type(request.subject.kind):
        raise InputError(f"principal and subject are both of kind {request.subject.kind!r}")
    principal = {"type": _type(request.principal.kind), "id": request.principal.name}
    resource = {"type": _type(request.subject.kind), "id": request.subject.digest}
    about = {"name": request.subject.name, "digest": request.subject.digest, "kind": request.subject.kind}
    who = cedar({**request.principal.attributes, "name": request.principal.name})
    context = {
        "evidence": {name: record(item, now) for name, item in believed.by_check.items()},
        "request": cedar(request.context.attributes),
        "time": request.context.time,
    }
    entities = [
        {"uid": principal, "attrs": who, "parents": []},
        {"uid": resource, "attrs": about, "parents": []},
    ]
    asked = {"principal": principal, "action": {"type": "Action", "id": request.action}, "resource": resource}
    return Case({**asked, "context": context}, entities, {"principal": who, "resource": about})


def _type(kind: str) -> str:
    if not _TYPE.fullmatch(kind):
        raise InputError(f"{kind!r} is not the name of a kind", hint="letters, digits and _, such as user or model")
    name = kind[:1].upper() + kind[1:]
    if name == "Action":
        raise InputError("an action is neither a principal nor a subject")
    return name


def _validate(policies: str, rules: Sequence[Rule], case: Case) -> None:
    """Hold the policies against the schema. Raises InputError with Cedar's own words."""
    cedarpy = need("cedarpy", extra="audit")
    try:
        result = cedarpy.validate_policies(policies, schema(rules, case.request, case.attributes))
    except ValueError as error:
        raise InputError(f"the policy cannot be checked: {error}") from error
    if not result.validation_passed:
        names = {rule.key: rule.id for rule in rules}
        first = result.errors[0]
        raise InputError(
            f"policy {names.get(first.policy_id, first.policy_id)}: {first.error}",
            hint="the attributes that a policy may read are listed in docs/reference/policy.md",
        )


def _ask(policies: str, case: Case) -> Any:
    cedarpy = need("cedarpy", extra="audit")
    outcome = cedarpy.is_authorized(dict(case.request), policies, case.entities)
    if outcome.decision is cedarpy.Decision.NoDecision:
        raise InputError(f"Cedar cannot decide: {'; '.join(outcome.diagnostics.errors)}")
    return outcome


def _broken(rules: Sequence[Rule], case: Case) -> tuple[Rule, ...]:
    """The rules that fail when they run: each is asked alone."""
    return tuple(rule for rule in rules if _ask(rule.text, case).diagnostics.errors)


def _reason(rule: Rule, believed: Believed) -> Reason:
    return Reason(rule.id, rule.message or f"{rule.effect} by {rule.id}", _read(rule, believed))


def _error(rule: Rule, believed: Believed) -> Reason:
    missing = sorted((rule.reads or frozenset()) - set(believed.by_check))
    why = f"there is no valid evidence of {', '.join(missing)}" if missing else "something that it reads is not known"
    said = f"{rule.message}; " if rule.message else ""
    message = f"{said}the rule cannot be evaluated ({why}), and what cannot be evaluated denies"
    return Reason(rule.id, message, _read(rule, believed))


def _read(rule: Rule, believed: Believed) -> tuple[str, ...]:
    return believed.digests(believed.by_check if rule.reads is None else rule.reads)
