"""The Cedar schema that policies are held against before they decide: a misspelt attribute is an error, not a denial.

It is made of the checks that Hauberk ships (`known.json`), the evidence at hand and the attributes of the request.
Every attribute is declared as present: whether it is there is not a question of spelling, and one that is missing
denies when the policy runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from .facts import attribute
from .rules import Rule

PRINCIPALS, RESOURCES, ACTIONS = ("User", "Service"), ("Model", "Dataset"), ("promote", "load", "predict")
STRING, LONG, BOOLEAN = {"type": "String"}, {"type": "Long"}, {"type": "Boolean"}
DECIMAL = {"type": "Extension", "name": "decimal"}
SEVERITIES = ("info", "low", "medium", "high", "critical", "worst")


def record(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A record type."""
    return {"type": "Record", "attributes": dict(attributes)}


BOUNDS = record({"value": DECIMAL, "low": DECIMAL, "high": DECIMAL, "n": LONG})


@cache
def known() -> Mapping[str, frozenset[str]]:
    """The checks that Hauberk ships and what they measure, as attributes."""
    table = json.loads((files(__package__) / "known.json").read_text("utf-8"))
    return {attribute(check): frozenset(map(attribute, names)) for check, names in table["checks"].items()}


def check_type(measured: Iterable[str]) -> dict[str, Any]:
    """The type of one check's evidence."""
    return record({
        "verdict": STRING, "age_days": LONG, "signer": STRING, "digest": STRING, "skipped": LONG,
        "findings": record(dict.fromkeys(SEVERITIES, LONG)),
        "measured": record(dict.fromkeys(sorted(measured), BOUNDS)),
    })  # fmt: skip


def type_of(value: Any) -> dict[str, Any]:
    """The type of a Cedar JSON value."""
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return LONG
    if isinstance(value, str):
        return STRING
    if isinstance(value, list):
        return {"type": "Set", "element": type_of(value[0]) if value else STRING}
    return DECIMAL if "__extn" in value else record({name: type_of(item) for name, item in value.items()})


def schema(rules: Iterable[Rule], request: Mapping[str, Any], attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """The schema as Cedar JSON. request: as Cedar takes it. attributes: of its principal and resource;
    every kind of principal is declared with them, for a policy may speak of several kinds.
    """
    named = [pair for rule in rules for pair in rule.entities]
    actions = {*ACTIONS, request["action"]["id"], *(name for kind, name in named if kind == "Action" and name)}
    principals = {*PRINCIPALS, request["principal"]["type"]}
    resources = {*RESOURCES, request["resource"]["type"]}
    groups = {kind for kind, _ in named if "::" not in kind} - principals - resources - {"Action"}
    kinds = {kind: _entity(attributes["principal"], groups) for kind in principals}
    kinds |= {kind: _entity(attributes["resource"], groups) for kind in resources}
    kinds |= {kind: _entity({}, set()) for kind in groups}
    applies = {
        "principalTypes": sorted(principals),
        "resourceTypes": sorted(resources),
        "context": _context(request["context"]),
    }
    verbs = {name: {"appliesTo": applies} for name in sorted(actions)}
    return json.dumps({"": {"entityTypes": kinds, "actions": verbs}})


def _entity(attributes: Mapping[str, Any], groups: set[str]) -> dict[str, Any]:
    return {"shape": type_of(dict(attributes)), "memberOfTypes": sorted(groups)}


def _context(context: Mapping[str, Any]) -> dict[str, Any]:
    measured: dict[str, set[str]] = {check: set(names) for check, names in known().items()}
    for check, facts in context["evidence"].items():
        measured.setdefault(check, set()).update(facts["measured"])
    evidence = {check: check_type(names) for check, names in sorted(measured.items())}
    rest = {name: type_of(value) for name, value in context.items() if name != "evidence"}
    return record({**rest, "evidence": record(evidence)})
