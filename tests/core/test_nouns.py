"""Nouns: frozen all the way, a round trip through canonical JSON, a verdict that cannot be set."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.core.canon import canonical, digest, parse_json
from hauberk.core.errors import InputError
from hauberk.core.exhibits import Chart, Line, Picture, Strip, Table
from hauberk.core.nouns import (
    Budget,
    Evidence,
    Finding,
    Measurement,
    Place,
    Severity,
    Skipped,
    Subject,
    Verdict,
    decode,
    encode,
    name_of,
)

MODEL = Subject("model", "net.onnx", digest(b"net"))
FINDING = Finding("attack.evasion.broken", Severity.HIGH, MODEL.digest, Place("", "eps=0.1"), "it breaks")
EVIDENCE = Evidence(
    check="attack.evasion",
    version="1",
    subjects=(MODEL,),
    parameters={"form": {"form": "free"}, "norms": ["linf", "l2"], "eps": 0.1, "nested": {"a": [1, None, True]}},
    seed=7,
    budget=Budget(60.0, None),
    findings=(),
    measurements=(Measurement("robust_accuracy", 0.5, 0.4, 0.6, 0.95, 100, "share", "x", {"eps": 0.1}),),
    skipped=(),
    exhibits=(
        Chart("c", "t", "x", "y", (Line("l", (0, 1), (0.5, 0.25)),), x_scale="log"),
        Table("t", "t", ("a", "b"), ((1, "x"), (None, 2.5)), ((0, 1),)),
        Strip("s", "t", 1, 1, 1, (Picture("AA==", "/w==", "3", "8", ""),)),
    ),
    started="2026-01-01T00:00:00Z",
    finished="2026-01-01T00:01:00Z",
    expires="2026-04-01T00:00:00Z",
    tools={"python": "3.11.7"},
)


def test_evidence_survives_canonical_json() -> None:
    plain = json.loads(canonical(encode(EVIDENCE)))
    again = decode(Evidence, plain)
    assert again == EVIDENCE
    assert name_of(again) == name_of(EVIDENCE)
    assert [type(e) for e in again.exhibits] == [Chart, Table, Strip]


def test_frozen_all_the_way_down() -> None:
    with pytest.raises(FrozenInstanceError):
        EVIDENCE.seed = 8  # type: ignore[misc]
    parameters: Any = EVIDENCE.parameters
    with pytest.raises(TypeError):
        parameters["eps"] = 0.2
    with pytest.raises(TypeError):
        parameters["nested"]["a"] = 1
    assert isinstance(parameters["norms"], tuple)
    assert hash(EVIDENCE) == hash(replace(EVIDENCE, parameters=encode(EVIDENCE)["parameters"]))
    assert pickle.loads(pickle.dumps(EVIDENCE)) == EVIDENCE


@pytest.mark.parametrize(
    ("findings", "skipped", "verdict"),
    [
        ((), (), Verdict.HELD),
        ((replace(FINDING, severity=Severity.INFO),), (), Verdict.HELD),
        ((), (Skipped("l2", "budget"),), Verdict.INCONCLUSIVE),
        ((FINDING,), (Skipped("l2", "budget"),), Verdict.BROKEN),
    ],
)
def test_verdict_is_computed(
    findings: tuple[Finding, ...], skipped: tuple[Skipped, ...], verdict: Verdict
) -> None:
    assert replace(EVIDENCE, findings=findings, skipped=skipped).verdict is verdict
    assert "verdict" not in {f.name for f in fields(Evidence)}


def test_fingerprint_ignores_the_wording_and_nothing_else() -> None:
    assert replace(FINDING, message="other", severity=Severity.LOW).fingerprint == FINDING.fingerprint
    assert replace(FINDING, place=Place("", "eps=0.2")).fingerprint != FINDING.fingerprint
    assert replace(FINDING, rule="other").fingerprint != FINDING.fingerprint
    assert replace(FINDING, subject=digest(b"other")).fingerprint != FINDING.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": 1}, "unknown field 'surprise'"),
        ({"seed": "7"}, "Evidence.seed: expected int, got str"),
        ({"seed": True}, "Evidence.seed: expected int, got bool"),
        ({"schema": "hauberk/evidence/2"}, "schema is 'hauberk/evidence/2'"),
        ({"findings": {}}, "expected list, got object"),
        ({"exhibits": [{"form": "applet"}]}, "unknown form 'applet'"),
        ({"subjects": [{"kind": "model", "name": "x", "digest": "md5:1"}]}, "is not sha256"),
        ({"measurements": [{"name": "x"}]}, "field 'value' is missing"),
        ({"measurements": [encode(EVIDENCE.measurements[0]) | {"at": {"eps": [1]}}]}, "at.eps: expected str or int"),
    ],
)
def test_decode_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(Evidence, encode(EVIDENCE) | change)


def test_a_missing_schema_is_refused() -> None:
    plain = encode(EVIDENCE)
    del plain["schema"]
    with pytest.raises(InputError, match="schema is None"):
        decode(Evidence, plain)


@pytest.mark.parametrize(
    ("value", "low", "high"), [(float("nan"), 0, 1), (2.0, 0, 1), (0.5, 0, float("inf")), (0.5, 0.6, 0.7)]
)
def test_a_measurement_lies_in_its_interval(value: float, low: float, high: float) -> None:
    with pytest.raises(InputError):
        Measurement("m", value, low, high, 0.95, 1, "share", "m")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_parameters_round_trip_with_one_name(parameters: dict[str, Any]) -> None:
    try:
        evidence = replace(EVIDENCE, parameters=parameters)
        first = canonical(encode(evidence))
    except InputError:
        return  # lone surrogates have no canonical form
    again = decode(Evidence, parse_json(first, what="evidence"))
    assert canonical(encode(again)) == first
