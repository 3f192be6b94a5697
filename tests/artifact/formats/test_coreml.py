"""Core ML: which rule tells what; no mutation makes the reader raise or hang."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import bad_names, samples
from corpus.coreml import FILE, blob, custom_layer, network, operation, program, two_blobs, unknown_operator
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

RULES = {
    "coreml.custom": "custom_in_pipeline custom_layer custom_model",
    "coreml.linked": "linked linked_inside",
    "coreml.unknown": "unknown_operator",
    "coreml.escape": "weights_absolute weights_elsewhere weights_outside",
    "coreml.field": "two_kinds two_layers unknown_layer",
    "coreml.broken": "truncated",
    "coreml.weights": "blob_behind blob_between blob_beyond blob_count",
    "payload.code": "program_in_metadata",
    "pickle.call": "custom_model",
}
BY_NAME = {sample.name: sample for sample in samples()}
PAIRS = [(name, f"artifact.{rule}") for rule, names in RULES.items() for name in names.split()]


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_rule(name: str, rule: str, tmp_path: Path) -> None:
    assert rule in rules(scan(BY_NAME[f"coreml/{name}"].write(tmp_path)))


SKIPPED = ("serialized",)


@pytest.mark.parametrize("name", SKIPPED)
def test_skipped(name: str, tmp_path: Path) -> None:
    """What is recognised and not read: no finding, and no pass."""
    seen = scan(BY_NAME[f"coreml/{name}"].write(tmp_path))
    assert (seen.verdict, seen.findings) == (Verdict.INCONCLUSIVE, ())


def test_every_bad_sample_has_a_rule() -> None:
    named = {name for names in RULES.values() for name in names.split()} | set(SKIPPED)
    assert named == bad_names("coreml")


def test_what_the_user_allows(tmp_path: Path) -> None:
    path = tmp_path / FILE
    for data, name in ((custom_layer(), "RunShell"), (unknown_operator(), "acme.run")):
        path.write_bytes(data)
        assert scan(path).verdict is Verdict.BROKEN
        assert scan(path, allow=[f"coreml::{name}"]).verdict is Verdict.HELD


HONEST = (network(), program(operation("relu"), blob("@model_path/weights/w.bin")), two_blobs())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(HONEST), st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_mutation_raises(honest: bytes, changes: list[tuple[int, int]]) -> None:
    from hauberk.artifact.route import walk_content
    from hauberk.artifact.walk import Walk

    data = bytearray(honest)
    for at, byte in changes:
        data[at % len(data)] = byte
    walk_content(Walk(Limits(), walk_content), memoryview(bytes(data)), "model")
