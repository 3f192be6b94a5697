"""The JSON Schema (2020-12) of a predicate, derived from the dataclasses so that it cannot drift from them.

`docs/reference/evidence.schema.json` is `evidence_schema()`, for those who read evidence without Hauberk.

>>> evidence_schema()["$id"]
'urn:hauberk:evidence:1'
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

from ..core.nouns import Evidence
from .attest import EVIDENCE

Schema = dict[str, Any]

DIGEST: Schema = {"pattern": "^sha256:[0-9a-f]{64}$"}
MOMENT: Schema = {"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$", "format": "date-time"}
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}

# What the types cannot say, and `verify_evidence` holds all the same.
FORMS: dict[tuple[str, str], Schema] = {
    ("Subject", "digest"): DIGEST,
    ("Finding", "subject"): DIGEST,
    ("Evidence", "subjects"): {"minItems": 1},
    ("Evidence", "expires"): MOMENT,
    ("Measurement", "confidence"): {"minimum": 0, "exclusiveMaximum": 1},
    ("Measurement", "n"): {"minimum": 0},
}


def evidence_schema() -> Schema:
    """The schema of predicates of type `urn:hauberk:evidence:1`. Costs about a millisecond."""
    defs: dict[str, Schema] = {}
    _noun(Evidence, defs)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": EVIDENCE, "title": "Evidence"}
    return head | defs.pop("Evidence") | {"$defs": dict(sorted(defs.items()))}


def _noun(cls: type, defs: dict[str, Schema]) -> None:
    if cls.__name__ in defs:
        return
    defs[cls.__name__] = {}  # found again while its own fields are walked
    tags = {tag: {"const": getattr(cls, tag)} for tag in ("schema", "form") if hasattr(cls, tag)}
    hints = typing.get_type_hints(cls)
    inner = {
        f.name: _schema(hints[f.name], defs) | FORMS.get((cls.__name__, f.name), {})
        for f in fields(cls)
    }
    defs[cls.__name__] = {
        "description": " ".join((cls.__doc__ or "").split()),
        "type": "object",
        "properties": tags | inner,
        "required": sorted(tags | inner),
        "additionalProperties": False,
    }


def _schema(hint: Any, defs: dict[str, Schema]) -> Schema:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _union(typing.get_args(hint), defs)
    if origin is tuple:
        return _tuple(typing.get_args(hint), defs)
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(typing.get_args(hint)[1], defs)}
    if is_dataclass(hint):
        _noun(typing.cast(type, hint), defs)
        return {"$ref": f"#/$defs/{typing.cast(type, hint).__name__}"}
    if issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    return {"type": KINDS[hint]}


def _union(options: tuple[Any, ...], defs: dict[str, Schema]) -> Schema:
    if any(typing.get_origin(option) is Sequence for option in options):  # Json: anything
        return {}
    parts = [_schema(option, defs) for option in options]
    if all("type" in part for part in parts):
        return {"type": [part["type"] for part in parts]}
    return {"oneOf": parts}


def _tuple(items: tuple[Any, ...], defs: dict[str, Schema]) -> Schema:
    if len(items) == 2 and items[1] is Ellipsis:
        return {"type": "array", "items": _schema(items[0], defs)}
    parts = [_schema(item, defs) for item in items]
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}
