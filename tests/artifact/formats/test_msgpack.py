"""MessagePack: which rule tells of what, and a plain reader as the oracle."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.msgpack import BAD, GOOD, KERNEL, Ext, pack
from hauberk.artifact.formats.msgpack_reader import tokens
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.route import walk_content
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

RULES = {
    "pickle_in_bytes": "pickle.call", "pickle_in_text": "pickle.call", "marshalled_code": "msgpack.code",
    "numpy_objects": "msgpack.pickle", "numpy_objects_of_harmless_content": "msgpack.pickle",
    "numpy_objects_of_text_keys": "msgpack.pickle", "extension_of_nobody": "msgpack.extension",
    "timestamp_of_another_size": "msgpack.extension", "array_of_fewer_bytes": "msgpack.broken",
    "array_of_objects": "msgpack.dtype", "array_of_negative_shape": "msgpack.broken", "key_twice": "msgpack.twice",
    "key_that_is_a_map": "msgpack.broken", "data_behind": "msgpack.trailing", "second_value": "msgpack.trailing",
    "cut": "msgpack.broken", "huge_array": "msgpack.broken", "huge_text": "msgpack.broken",
    "huge_map": "msgpack.broken", "nested_deeply": "msgpack.broken", "complex_of_one": "msgpack.broken",
}  # fmt: skip


def walked(data: bytes, limits: Limits | None = None) -> Walk:
    walk = Walk(limits or Limits(), walk_content)
    walk.enter(memoryview(data), "")
    return walk


@pytest.mark.parametrize("name", list(RULES))
def test_each_trick_has_its_rule(name: str) -> None:
    assert f"artifact.{RULES[name]}" in {f.rule for f in walked(BAD[name]()).flaws}


def test_what_follows_is_walked() -> None:
    assert "artifact.pickle.call" in {f.rule for f in walked(BAD["data_behind"]()).flaws}


def test_values_are_limited() -> None:
    walk = walked(pack({"a": [300] * 500}), Limits(max_opcodes=100))
    assert walk.skipped == [("the file", "its values are too many for its size")]


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=40),
              st.binary(max_size=40)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=8), inner, max_size=5)),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PLAIN)
def test_tokens_are_all_of_the_value(value: object) -> None:
    """As many tokens as values, and the last ends where the data does."""

    def count(item: object) -> int:
        if isinstance(item, dict):
            return 1 + sum(1 + count(inner) for inner in item.values())
        return 1 + sum(count(inner) for inner in item) if isinstance(item, list) else 1

    data = pack(value)
    found = list(tokens(memoryview(data), 0))
    assert len(found) == count(value)
    assert found[-1].end == len(data)
    for size in range(len(data)):
        with pytest.raises(Broken):
            list(tokens(memoryview(data[:size]), 0))


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["flax", "numpy", "flax_chunks", "many_keys"]),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 4)), max_size=4),
)
def test_mutations_end_in_a_verdict(name: str, edits: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(GOOD[name][1]())
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    assert walked(bytes(data)).formats


def test_arrays_of_many_dimensions() -> None:
    shape = [1] * 33
    assert not walked(pack({"w": Ext(1, pack([shape, "int8", b"a"]))})).flaws
    assert walked(pack({"w": Ext(1, pack([[1] * 90, "int8", b"a"]))})).flaws
    assert not walked(pack({"w": KERNEL})).flaws
