"""ExecuTorch, ONNX Runtime's format, compiled models: which rule tells what; no mutation makes it raise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import bad_names, samples
from corpus.executorch import FILE, custom, flat, ort_small, segment, small
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

RULES = {
    "executorch.unknown": "custom from_file",
    "executorch.native": "native",
    "executorch.size": "flat_beyond header segment_beyond",
    "executorch.trailing": "behind",
    "executorch.unread": "between",
    "executorch.broken": "offset",
    "onnx.domain": "ort_compiled ort_custom",
    "onnx.external": "ort_external",
    "onnx.size": "ort_size",
    "onnx.trailing": "ort_behind",
    "pickle.call": "behind ort_behind",
}
BY_NAME = {sample.name: sample for sample in samples()}
PAIRS = [(name, f"artifact.{rule}") for rule, names in RULES.items() for name in names.split()]


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_rule(name: str, rule: str, tmp_path: Path) -> None:
    assert rule in rules(scan(BY_NAME[f"executorch/{name}"].write(tmp_path)))


SKIPPED = ("delegate", "mobile", "rknn", "tensorrt")


@pytest.mark.parametrize("name", SKIPPED)
def test_skipped(name: str, tmp_path: Path) -> None:
    """What is recognised and not read: no finding, and no pass."""
    seen = scan(BY_NAME[f"executorch/{name}"].write(tmp_path))
    assert (seen.verdict, seen.findings) == (Verdict.INCONCLUSIVE, ())


def test_every_bad_sample_has_a_rule() -> None:
    named = {name for names in RULES.values() for name in names.split()} | set(SKIPPED)
    assert named == bad_names("executorch")


def test_what_the_user_allows(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(custom())
    assert rules(scan(path)) == {"artifact.executorch.unknown"}
    assert scan(path, allow=["executorch::acme::run"]).verdict is Verdict.HELD


HONEST = (small(), segment(), flat(), ort_small())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(HONEST), st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_mutation_raises(honest: bytes, changes: list[tuple[int, int]]) -> None:
    from hauberk.artifact.route import walk_content
    from hauberk.artifact.walk import Walk

    data = bytearray(honest)
    for at, byte in changes:
        data[at % len(data)] = byte
    walk_content(Walk(Limits(), walk_content), memoryview(bytes(data)), "model")
