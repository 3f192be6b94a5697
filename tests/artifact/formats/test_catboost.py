"""CatBoost: which rule tells of what."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.catboost import BAD, GOOD, model
from hauberk.artifact.route import walk_content
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

OTHER = {"slot_of_nobody": "field", "data_behind": "trailing"}
SKIPPED = ("part_of_nobody", "texts")


def walked(data: bytes) -> Walk:
    walk = Walk(Limits(), walk_content)
    walk.enter(memoryview(data), "")
    return walk


@pytest.mark.parametrize("name", [name for name in BAD if name not in SKIPPED])
def test_each_flaw_has_its_rule(name: str) -> None:
    assert f"artifact.catboost.{OTHER.get(name, 'broken')}" in {flaw.rule for flaw in walked(BAD[name]()).flaws}


@pytest.mark.parametrize("name", SKIPPED)
def test_what_is_not_read_is_a_skip(name: str) -> None:
    assert "is not read" in walked(BAD[name]()).skipped[0][1]


def test_what_follows_is_walked() -> None:
    assert "artifact.pickle.call" in {flaw.rule for flaw in walked(BAD["data_behind"]()).flaws}


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=4), st.integers(0, 4)), max_size=4),
)
def test_mutations_end_in_a_verdict(name: str, edits: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(GOOD[name][1]())
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    assert walked(bytes(data)).formats


def test_every_cut_is_seen() -> None:
    data = model()
    for size in range(4, len(data)):
        walk = walked(data[:size])
        assert walk.flaws or walk.skipped, size
