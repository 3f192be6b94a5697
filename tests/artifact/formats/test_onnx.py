"""ONNX: which rule tells what; the layout against the onnx package; no mutation makes the reader raise or hang."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import bad_names, samples
from corpus.onnx import FILE, WEIGHTS, model, node, outside, small, tensor
from corpus.wire import field
from hauberk.artifact.formats.onnx_external import leaves
from hauberk.artifact.formats.protobuf import Layout, count_varints, shape_of, signed, varints
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

RULES = {
    "onnx.domain": "aten compiled custom_domain custom_in_body graph_first python_operator python_training"
    " unknown_operator text_custom json_custom",
    "onnx.escape": "compiled external_absolute external_backslash external_drive external_home external_in_branch"
    " external_in_default external_in_sparse external_in_training external_memory external_parent external_twice"
    " external_url text_external",
    "onnx.external": "external_key external_missing",
    "onnx.size": "external_beyond external_length external_negative no_values size_less size_more size_overflow"
    " wrong_field",
    "onnx.unread": "external_model_as_weights external_unread",
    "onnx.overlap": "external_overlap",
    "onnx.shadow": "shadow shadow_long_name",
    "onnx.recursion": "recursion recursion_in_branch",
    "onnx.bomb": "bomb",
    "onnx.field": "attribute_type inside_and_outside two_graphs two_initializers two_names two_values unknown_field"
    " unknown_field_inside wrong_wire external_twice",
    "onnx.broken": "group negative nested trailing truncated",
    "payload.file": "encoded_attribute encoded_metadata machine_program pickle_in_bytes pickle_in_texts",
    "payload.code": "program_metadata",
    "pickle.call": "encoded_attribute encoded_metadata external_pickle pickle_in_bytes pickle_in_texts zip_behind",
}
BY_NAME = {sample.name: sample for sample in samples()}
PAIRS = [(name, f"artifact.{rule}") for rule, names in RULES.items() for name in names.split()]


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


def scanned(data: bytes, folder: Path, limits: Limits | None = None) -> Scanned:
    path = folder / FILE
    path.write_bytes(data)
    return scan(path, limits)


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_rule(name: str, rule: str, tmp_path: Path) -> None:
    assert rule in rules(scan(BY_NAME[f"onnx/{name}"].write(tmp_path)))


def test_every_bad_sample_has_a_rule() -> None:
    named = {name for names in RULES.values() for name in names.split()} | {"own_text"}
    assert named == bad_names("onnx")


def test_a_hard_link_to_a_file_outside(tmp_path: Path) -> None:
    """CVE-2026-34446: the name is the model's, the file is somebody else's."""
    secret, folder = tmp_path / "secret", tmp_path / "model"
    folder.mkdir()
    secret.write_bytes(WEIGHTS)
    os.link(secret, folder / "w.data")
    (folder / FILE).write_bytes(model(tensors=(outside("w.data"),)))
    assert "artifact.onnx.hardlink" in rules(scan(folder))
    os.link(folder / "w.data", folder / "v.data")
    secret.unlink()
    (folder / FILE).write_bytes(model(tensors=(outside("w.data"), outside("v.data").replace(b"\x01w", b"\x01v"))))
    assert scan(folder).verdict is Verdict.HELD


def test_an_operator_that_the_user_allows(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(model(node("Steal", "com.acme")))
    assert rules(scan(path)) == {"artifact.onnx.domain"}
    assert scan(path, allow=["com.acme::Steal"]).verdict is Verdict.HELD


def test_more_fields_than_the_limit(tmp_path: Path) -> None:
    seen = scanned(model(*[node("Relu")] * 100), tmp_path, Limits(max_opcodes=50))
    assert rules(seen) == {"artifact.onnx.broken"}


def test_the_layout_is_that_of_the_onnx_package() -> None:
    onnx = pytest.importorskip("onnx")
    for kind in ("ModelProto", "GraphProto", "NodeProto", "AttributeProto", "TensorProto", "FunctionProto"):
        theirs = {f.number: f.name for f in getattr(onnx, kind).DESCRIPTOR.fields}
        assert {n: spec.name for n, spec in Layout("onnx").fields(kind).items()} == theirs


@pytest.mark.parametrize("kind", range(1, 24))
def test_sizes_are_those_of_the_onnx_package(kind: int, tmp_path: Path) -> None:
    onnx, numpy = pytest.importorskip("onnx"), pytest.importorskip("numpy")
    if kind == onnx.TensorProto.STRING:
        pytest.skip("texts have no size")
    array = numpy.zeros(5, onnx.helper.tensor_dtype_to_np_dtype(kind))
    made = onnx.helper.make_tensor("w", kind, [5], array, raw=False)
    raw = onnx.helper.make_tensor("v", kind, [5], onnx.numpy_helper.from_array(array).raw_data, raw=True)
    seen = scanned(model(tensors=(made.SerializeToString(), raw.SerializeToString())), tmp_path)
    assert seen.verdict is Verdict.HELD, seen.findings


@pytest.mark.parametrize(
    ("location", "expected"),
    [("w.data", False), ("./w.data", False), ("a/b..c", False), ("..", True), ("a/..", True), ("\\\\host\\x", True),
     ("file:w", True), ("~root/x", True), (".", False), ("w\0.data", True), ("/w", True)],
)  # fmt: skip
def test_leaves(location: str, expected: bool) -> None:
    assert leaves(location) is expected


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=20))
def test_varints_come_back(numbers: list[int]) -> None:
    from corpus.wire import varint

    packed = memoryview(b"".join(varint(n) for n in numbers))
    assert [signed(n) for n in varints(packed)] == numbers
    assert count_varints(packed) == len(numbers)


def test_shape_of_tells_a_truncated_message() -> None:
    assert shape_of(memoryview(small())) == {1: 0, 2: 2, 7: 2, 8: 2}
    assert (shape_of(memoryview(small()[:-1])) or {}).get(0) == 0
    assert shape_of(memoryview(b"\x07\x07")) is None


HONEST = model(
    node("Add"), tensors=(tensor("w", (2,), WEIGHTS), tensor("s", (1,), kind=8, more=field(6, "a label of a class")))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(HONEST) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_no_mutation_raises(changes: list[tuple[int, int]], cut: bool) -> None:
    from hauberk.artifact.route import walk_content
    from hauberk.artifact.walk import Walk

    data = bytearray(HONEST)
    for at, byte in changes:
        data[at] = byte
    walk_content(Walk(Limits(), walk_content), memoryview(bytes(data[: changes[0][0]] if cut else data)), FILE)
