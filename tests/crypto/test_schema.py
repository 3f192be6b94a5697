"""The published JSON Schema accepts what Hauberk writes and refuses what Hauberk refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hauberk.core.errors import InputError
from hauberk.core.nouns import Evidence, decode, encode
from hauberk.crypto.schema import FORMS, evidence_schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "evidence.schema.json"
OTHERS: list[Any] = [None, True, 7, -1, 7.5, "x", [], ["x"], {}, {"x": 1}]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(evidence_schema())
    return Draft202012Validator(evidence_schema())


def test_the_published_schema_is_that_of_the_dataclasses() -> None:
    written = json.dumps(evidence_schema(), indent=2, ensure_ascii=False) + "\n"
    assert PUBLISHED.read_text(encoding="utf-8") == written, "write evidence_schema() to docs/reference again"


def test_it_accepts_evidence(validator: Draft202012Validator, evidence: Evidence) -> None:
    validator.validate(json.loads(json.dumps(encode(evidence))))


def spots(plain: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside, except inside free JSON."""
    for key, value in list(plain.items() if isinstance(plain, dict) else enumerate(plain)):
        yield plain, key
        if isinstance(value, dict | list) and key != "parameters":
            yield from spots(value)


def read_by_hauberk(plain: Any) -> bool:
    try:
        return bool(encode(decode(Evidence, plain)) == plain)
    except InputError:
        return False


def test_it_refuses_what_hauberk_refuses(validator: Draft202012Validator, evidence: Evidence) -> None:
    """Every value replaced, every field dropped, every object grown: the two agree, but for what types cannot say."""
    plain = copy.deepcopy(encode(evidence))
    maps = (plain["parameters"], plain["tools"], plain["measurements"][0]["at"])
    compared, stricter = 0, set()
    for container, key in list(spots(plain)):
        before = container[key]
        for other in OTHERS:
            container[key] = other
            ours, theirs = read_by_hauberk(plain), validator.is_valid(plain)
            if ours and not theirs:
                stricter.add(key)  # forms that verify_evidence holds, not the codec
            if theirs and not ours:
                assert key in {"value", "low", "high", "x", "y", "rows", "columns", 0, 1}, (key, other)
            compared += 1
        container[key] = before
        if isinstance(container, dict):
            del container[key]
            assert validator.is_valid(plain) is any(container is free for free in maps), key
            container[key] = before
            container["surprise"] = {}
            assert validator.is_valid(plain) is (container is plain["parameters"]), key
            del container["surprise"]
    assert compared > 500
    cells = {"eps", 0, 1}  # scalars, where the codec lets a list pass
    assert stricter <= {name for _, name in FORMS} | cells


@pytest.mark.parametrize("version", ["hauberk/evidence/2", None])
def test_it_is_of_one_version(validator: Draft202012Validator, evidence: Evidence, version: Any) -> None:
    assert not validator.is_valid(encode(evidence) | {"schema": version})
