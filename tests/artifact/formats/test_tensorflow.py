"""TensorFlow: which rule tells what; the layouts and operators against the registry; no mutation makes it raise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import bad_names, samples
from corpus.tensorflow import FILE, HEADER, X, call, custom, entry, function, graph, index, node, saved, saver, text
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.formats.proto_text import tree
from hauberk.artifact.formats.tensorflow import root
from hauberk.artifact.formats.tensorflow_bundle import entries
from hauberk.artifact.formats.tensorflow_graph import pack
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Verdict

RULES = {
    "tensorflow.operator": "abort dataset debug descriptor immutable matching native nested_graph nested_graph_alone"
    " prints_to_file python python_eager read_file remote summary write_file write_in_function write_in_unused"
    " text_write text_disguised text_function json_read",
    "caffe.python": "caffe_python",
    "tensorflow.unknown": "custom lookalike",
    "tensorflow.nested": "nested_graph nested_graph_alone",
    "tensorflow.path": "restore_literal save_decoded save_default save_joined save_literal save_through_functions"
    " save_variable table_literal",
    "tensorflow.escape": "asset_outside",
    "tensorflow.external": "bundle_alone",
    "tensorflow.unread": "bundle_beyond bundle_overlap bundle_unread",
    "tensorflow.size": "bundle_shape size size_less",
    "tensorflow.shadow": "shadow",
    "tensorflow.field": "two_graphs two_keys two_kinds two_operators unknown_field text_unknown",
    "tensorflow.broken": "bundle_restarts nested",
    "keras.lambda": "keras_lambda keras_lambda_inside",
    "payload.file": "pickled",
    "pickle.call": "bundle_pickle pickled",
    "onnx.broken": "trailing",
}
BY_NAME = {sample.name: sample for sample in samples()}
PAIRS = [(name, f"artifact.{rule}") for rule, names in RULES.items() for name in names.split()]


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_rule(name: str, rule: str, tmp_path: Path) -> None:
    assert rule in rules(scan(BY_NAME[f"tensorflow/{name}"].write(tmp_path)))


def test_every_bad_sample_has_a_rule() -> None:
    named = {name for names in RULES.values() for name in names.split()} | {"text_broken"}
    assert named == bad_names("tensorflow")


@pytest.mark.parametrize(
    ("data", "kind"),
    [(graph(X), "GraphDef"), (saved(graph(X)), "SavedModel"), (saved(graph(X))[4:], "MetaGraphDef"), (b"\n\x02hi", ""),
     (b"\n" * 40, ""), (b"", "")],
)  # fmt: skip
def test_root(data: bytes, kind: str) -> None:
    assert root(memoryview(data)) == kind


def test_an_operator_that_the_user_allows(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(custom())
    assert rules(scan(path)) == {"artifact.tensorflow.unknown"}
    assert scan(path, allow=["tensorflow::AcmeZeroOut"]).verdict is Verdict.HELD


def test_what_reaches_out_is_never_allowed() -> None:
    names = {"ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "MatchingFiles", "DatasetFromGraph", "RemoteCall"}
    assert names <= set(pack().refused)
    assert not pack().allow & (set(pack().refused) | set(pack().paths))


def test_writing_is_worse_than_reading(tmp_path: Path) -> None:
    path = tmp_path / FILE
    for op, severity in (("SaveV2", Severity.CRITICAL), ("RestoreV2", Severity.HIGH)):
        path.write_bytes(graph(text("/root/x"), node(op, "text", "n", "n")))
        assert {f.severity for f in scan(path).findings} == {severity}


def test_a_path_handed_to_one_argument_of_two(tmp_path: Path) -> None:
    inner = function("f", node("SaveV2", "b", "n", "n", "w"), arguments=("a", "b"))
    path = tmp_path / FILE
    for inputs, expected in ((("x", "text"), {"artifact.tensorflow.path"}), (("text", "x"), set())):
        path.write_bytes(graph(X, text("/root/x"), call("f", *inputs), functions=(inner,)))
        assert rules(scan(path)) == expected


@pytest.mark.parametrize(
    ("text_", "fields"),
    [(b"a: 1 b { c: 'x' 'y' }", [("a", "1"), ("b", [("c", b"xy")])]),
     (b'a: [1, 2] b: "\\101\\n"', [("a", "1"), ("a", "2"), ("b", b"A\n")]),
     (b"a <b: true> # end", [("a", [("b", "true")])]),
     (b"a: [{b: 1}, {b: 2}]", [("a", [("b", "1")]), ("a", [("b", "2")])])],
)  # fmt: skip
def test_text_is_read(text_: bytes, fields: object) -> None:
    assert tree(text_) == fields


@pytest.mark.parametrize("text_", [b"a {", b"a: }", b"a", b"{", b"a: \x01", b"a" + b" { a" * 200])
def test_text_that_is_none(text_: bytes) -> None:
    with pytest.raises(Broken):
        tree(text_)


def test_an_index_gives_its_keys() -> None:
    data = index(HEADER, entry(b"a", (2,), 0, 8), entry(b"ab", (2,), 8, 8))
    assert [key for key, _ in entries(memoryview(data))] == [b"", b"a", b"ab"]


HONEST = (saver(), index(HEADER, entry(b"a", (2,), 0, 8)))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(HONEST), st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_mutation_raises(honest: bytes, changes: list[tuple[int, int]]) -> None:
    from hauberk.artifact.route import walk_content
    from hauberk.artifact.walk import Walk

    data = bytearray(honest)
    for at, byte in changes:
        data[at % len(data)] = byte
    walk_content(Walk(Limits(), walk_content), memoryview(bytes(data)), FILE)
