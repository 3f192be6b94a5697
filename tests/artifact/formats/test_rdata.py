"""R's serialization: which rule tells of what; where items end; text and binary say the same."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.rdata import (
    BAD,
    FRAME,
    GOOD,
    NULL,
    SYSTEM,
    UNBOUND,
    call,
    file,
    integers,
    name,
    promise,
    reals,
    strings,
    text_of,
    vector,
)
from hauberk.artifact.formats.rdata_stream import Text
from hauberk.artifact.route import walk_content
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity

RULES = {
    "promise": "promise", "promise_in_rdata": "promise", "promise_in_an_environment": "promise",
    "promise_as_a_tail": "promise", "promise_as_text": "promise", "promise_in_attributes": "promise",
    "function": "function", "function_that_shadows": "function", "function_in_an_s4_object": "function",
    "compiled": "function", "call_of_system": "call", "call_of_another_package": "call", "call_in_a_formula": "call",
    "call_of_what_is_computed": "call", "call_in_an_attribute": "call", "call_as_a_tail": "call", "builtin": "call",
    "special": "call", "expression": "call", "pointer": "pointer", "weak_reference": "unknown", "namespace": "package",
    "package": "package", "persistent": "unknown", "mapped_vector": "unknown", "old_class": "broken",
    "reference_to_nothing": "broken", "negative_length": "broken", "huge_length": "broken", "huge_list": "broken",
    "cut": "broken", "data_behind": "trailing", "text_behind": "trailing",
}  # fmt: skip


def walked(data: bytes) -> Walk:
    walk = Walk(Limits(), walk_content)
    walk.enter(memoryview(data), "")
    return walk


@pytest.mark.parametrize("label", list(RULES))
def test_each_trick_has_its_rule(label: str) -> None:
    assert f"artifact.r.{RULES[label]}" in {f.rule for f in walked(BAD[label][1]()).flaws}


def test_only_a_promise_that_was_not_kept_runs() -> None:
    assert {f.severity for f in walked(file(promise(UNBOUND, NULL))).flaws} == {Severity.CRITICAL}
    assert not walked(file(promise(reals(1.0), NULL))).flaws


def test_known_names_sharpen_the_message() -> None:
    assert [f.severity for f in walked(file(SYSTEM)).flaws] == [Severity.CRITICAL]
    assert [f.severity for f in walked(file(call("never_heard_of"))).flaws] == [Severity.HIGH]
    assert not walked(file(call("log", name("x")))).flaws


def test_what_follows_the_object_is_walked() -> None:
    assert {"artifact.r.trailing", "artifact.r.promise", "artifact.r.call"} == {
        f.rule for f in walked(BAD["data_behind"][1]()).flaws
    }


def test_deep_nesting_is_a_skip() -> None:
    walk = walked(BAD["nested_deeply"][1]())
    assert not walk.flaws
    assert "20000 deep" in walk.skipped[0][1]


def test_strings_of_the_text_form() -> None:
    stream = Text(memoryview(b' \\n\\t\\\\\\101\\x\\"end\n12'), 0)
    assert stream.string(9) == b'\n\t\\Ax"end'
    assert stream.integer() == 12


@pytest.mark.parametrize(
    "word", ["x", "1_000", "0x10", "", "1e999999999999999999999999999999999999999999999999999999999999999999"]
)
def test_words_that_are_no_numbers(word: str) -> None:
    """int() takes some of them; R's scanf does not."""
    walk = walked(text_of("13", "1", word))
    assert walk.flaws


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.integers(-(2**31), 2**31 - 1), st.text(max_size=5)), max_size=6))
def test_text_and_binary_say_the_same(values: list[int | str]) -> None:
    items, lines = [], ["19", str(len(values))]
    for value in values:
        if isinstance(value, int):
            items.append(integers(value))
            lines += ["13", "1", "NA" if value == -(2**31) else str(value)]
        else:
            raw = value.encode("utf-8", "ignore")
            items.append(strings(raw.decode()))
            escaped = "".join(f"\\{byte:03o}" for byte in raw)
            lines += ["16", "1", "262153", str(len(raw)), escaped]
    for data in (file(vector(*items)), text_of(*lines)):
        walk = walked(data)
        assert not walk.flaws
        assert not walk.skipped
        assert walk.formats[""] == "r"


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["weights", "linear_model", "references", "sequence", "as_text", "frame", "rdata"]),
    st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=4), st.integers(0, 4)), max_size=4),
)
def test_mutations_end_in_a_verdict(label: str, edits: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(GOOD[label][1]())
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    assert walked(bytes(data)).formats


def test_every_cut_is_seen() -> None:
    data = file(vector(FRAME, SYSTEM))
    for size in range(40, len(data)):
        assert walked(data[:size]).flaws, size
