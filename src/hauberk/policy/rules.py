"""Cedar policies as rules: who they are, what they say in words, which evidence they read.

>>> text = '@id("a") forbid (principal, action, resource) when { context.evidence.x.verdict == "broken" };'
>>> rule = read_rules(text)[0]
>>> rule.id, sorted(rule.reads)
('a', ['x'])
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.canon import Scalar
from ..core.errors import InputError, need
from ..core.nouns import Obligation

_DUTY = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(?:\(([^()]*)\))?\s*")


@dataclass(frozen=True)
class Rule:
    """One policy. key: what Cedar calls it. id: its @id, or that. text: alone, as Cedar.

    reads: the checks whose evidence it mentions, by attribute; None when it may read all of it.
    """

    key: str
    id: str
    effect: str
    message: str
    obligations: tuple[Obligation, ...]
    reads: frozenset[str] | None
    entities: frozenset[tuple[str, str]]
    text: str


def read_rules(policies: str) -> tuple[Rule, ...]:
    """Parse a policy text. Raises InputError for bad syntax, templates, two rules of one @id, a bad obligation."""
    cedarpy = need("cedarpy", extra="audit")
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(policies))
    except ValueError as error:
        raise InputError(f"the policy is not Cedar: {error}", hint="see docs/reference/policy.md") from error
    if parsed.get("templates"):
        raise InputError("the policy has templates (?principal, ?resource), which nothing fills in here")
    rules = tuple(_rule(key, body) for key, body in sorted(parsed["staticPolicies"].items(), key=_position))
    ids = [rule.id for rule in rules]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise InputError(f"two policies have the @id {twice[0]!r}", hint="reasons name rules by id: make each its own")
    return rules


def _position(item: tuple[str, Any]) -> tuple[int, str]:
    digits = item[0].removeprefix("policy")
    return (int(digits) if digits.isdecimal() else 0), item[0]


def _rule(key: str, body: dict[str, Any]) -> Rule:
    cedarpy = need("cedarpy", extra="audit")
    notes = body.get("annotations", {})
    alone = {"staticPolicies": {key: body}, "templates": {}, "templateLinks": []}
    chains = list(_chains(body.get("conditions", [])))
    touched = [chain[1] if len(chain) > 1 else None for chain in chains if chain[:1] == ("evidence",)]
    everything = () in chains or None in touched
    return Rule(
        key,
        notes.get("id") or key,
        body["effect"],
        notes.get("message") or "",
        obligations(notes.get("obligation") or ""),
        None if everything else frozenset(name for name in touched if name),
        frozenset(_entities(body)),
        cedarpy.policies_from_json_str(json.dumps(alone)),
    )


def _chains(node: Any) -> Iterator[tuple[str, ...]]:
    """Attribute paths from `context` that an expression mentions: ('evidence', 'model_quality', …)."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            path = _path(item)
            if path is None:
                todo.extend(item.values())
            else:
                yield path
        elif isinstance(item, list):
            todo.extend(item)


def _path(node: dict[str, Any]) -> tuple[str, ...] | None:
    names: list[str] = []
    here: Any = node
    while isinstance(here, dict):
        if here.get("Var") == "context":
            return tuple(reversed(names))
        inner = here.get(".") or here.get("has")
        if not isinstance(inner, dict) or "attr" not in inner:
            return None
        names.append(inner["attr"])
        here = inner.get("left")
    return None


def _entities(node: Any) -> Iterator[tuple[str, str]]:
    """(type, id) of every entity that a policy names, and (type, '') of types alone."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if isinstance(item.get("type"), str) and isinstance(item.get("id"), str):
                yield item["type"], item["id"]
            if isinstance(item.get("entity_type"), str):
                yield item["entity_type"], ""
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def obligations(text: str) -> tuple[Obligation, ...]:
    """Duties written as `top_k(1); label_only; step_up("urn:mfa")`. Raises InputError.

    >>> obligations("top_k(1); log_input")
    (Obligation(name='top_k', arguments=(1,)), Obligation(name='log_input', arguments=()))
    """
    found = []
    for piece in filter(str.strip, text.split(";")):
        match = _DUTY.fullmatch(piece)
        if match is None:
            raise InputError(f"obligation {piece.strip()!r} is not a name with arguments", hint="top_k(1); label_only")
        given = match[2] if match[2] and match[2].strip() else None
        found.append(Obligation(match[1], tuple(map(_argument, given.split(","))) if given else ()))
    return tuple(found)


def _argument(text: str) -> Scalar:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    if isinstance(value, str | int | float | bool):
        return value
    raise InputError(f"obligation argument {text.strip()!r} is not a number, text or truth value")
