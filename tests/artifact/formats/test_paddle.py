"""PaddlePaddle: which rule tells what; no mutation makes the reader raise or hang."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import bad_names, samples
from corpus.paddle import FILE, custom, parameters, small, small_json
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

RULES = {
    "paddle.operator": "json_inner json_python json_reordered load python python_in_block save",
    "paddle.unknown": "custom engine json_dialect",
    "paddle.field": "two_types two_values unknown_field",
    "paddle.broken": "parameter_behind parameter_negative truncated",
    "paddle.size": "parameter_beyond",
    "pickle.call": "pickled",
}
BY_NAME = {sample.name: sample for sample in samples()}
PAIRS = [(name, f"artifact.{rule}") for rule, names in RULES.items() for name in names.split()]


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_rule(name: str, rule: str, tmp_path: Path) -> None:
    assert rule in rules(scan(BY_NAME[f"paddle/{name}"].write(tmp_path)))


def test_every_bad_sample_has_a_rule() -> None:
    named = {name for names in RULES.values() for name in names.split()}
    assert named == bad_names("paddle")


def test_what_the_user_allows(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(custom())
    assert rules(scan(path)) == {"artifact.paddle.unknown"}
    assert scan(path, allow=["paddle::acme_op"]).verdict is Verdict.HELD


HONEST = (small(), small_json(), parameters())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(HONEST), st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_mutation_raises(honest: bytes, changes: list[tuple[int, int]]) -> None:
    from hauberk.artifact.route import walk_content
    from hauberk.artifact.walk import Walk

    data = bytearray(honest)
    for at, byte in changes:
        data[at % len(data)] = byte
    walk_content(Walk(Limits(), walk_content), memoryview(bytes(data)), "model")
