"""TensorFlow Lite and FlatBuffers: which rule tells what; bounds; sharing; no mutation makes it raise."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import bad_names, samples
from corpus.tables import Table, Vector, build, u4
from corpus.tflite import FILE, code, custom, flex, graph, model, packed, small, tensor
from hauberk.artifact.formats import flexbuffer
from hauberk.artifact.formats.flatbuffer import Tables, Tour
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.formats.tflite_graph import builtin
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

RULES = {
    "tflite.unknown": "custom number",
    "tflite.operator": "flex_disguised flex_python flex_write",
    "tflite.flex": "flex_disguised",
    "tflite.recursion": "recursion",
    "tflite.size": "buffer_outside negative negative_tensor no_buffer no_code no_graph no_tensor shape",
    "tflite.external": "external",
    "tflite.escape": "associated",
    "tflite.broken": "offset truncated two_kinds vector",
    "tflite.field": "slot two_numbers union",
    "tflite.unread": "hidden slot",
    "tflite.trailing": "behind between",
    "archive.escape": "zip_slip",
    "payload.file": "hidden pickle_in_bytes pickle_in_texts program",
    "pickle.call": "behind behind_in_zip pickle_in_bytes pickle_in_texts",
}
BY_NAME = {sample.name: sample for sample in samples()}
PAIRS = [(name, f"artifact.{rule}") for rule, names in RULES.items() for name in names.split()]


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_rule(name: str, rule: str, tmp_path: Path) -> None:
    assert rule in rules(scan(BY_NAME[f"tflite/{name}"].write(tmp_path)))


def test_every_bad_sample_has_a_rule() -> None:
    named = {name for names in RULES.values() for name in names.split()}
    assert named == bad_names("tflite")


def test_an_operator_that_the_user_allows(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(custom())
    assert rules(scan(path)) == {"artifact.tflite.unknown"}
    assert scan(path, allow=["tflite::AcmeRunCommand"]).verdict is Verdict.HELD


def test_the_zip_behind_a_model_is_unpacked_whatever_its_offsets_count(tmp_path: Path) -> None:
    path = tmp_path / FILE
    for absolute in (True, False):
        path.write_bytes(packed(model(), absolute=absolute, labels__txt=b"cat\n"))
        assert "labels.txt" in scan(path).formats


@pytest.mark.parametrize(("number", "name"), [(0, "ADD"), (3, "CONV_2D"), (32, "CUSTOM"), (118, "IF"), (119, "WHILE")])
def test_operators_have_the_numbers_of_the_schema(number: int, name: str) -> None:
    assert builtin()[number] == name


def test_flex_options_are_read() -> None:
    assert flexbuffer.flex_node(memoryview(flex("AddV2", "WriteFile"))) == ("AddV2", "WriteFile")
    assert flexbuffer.flex_node(memoryview(b"anything else")) is None


def tour(data: bytes, steps: int = 1000) -> Tour:
    made = Tour(Tables("tflite"), memoryview(data), steps)
    made.go("Model", {})
    return made


def test_the_tables_agree_with_the_flatbuffers_package() -> None:
    flatbuffers = pytest.importorskip("flatbuffers")
    made = flatbuffers.Builder(0)
    text = made.CreateString("a model")
    made.StartObject(8)
    made.PrependUint32Slot(0, 3, 0)
    made.PrependUOffsetTRelativeSlot(3, text, 0)
    made.Finish(made.EndObject(), file_identifier=b"TFL3")
    mine = tour(bytes(made.Output()))
    table = mine.table("Model", mine.follow(0))
    assert (table.number("version"), table.text("description"), mine.gaps(), mine.overlaps()) == (3, "a model", [], [])


def test_bytes_that_nothing_refers_to_are_gaps() -> None:
    data = bytearray(small())
    assert tour(bytes(data)).gaps() == []
    data[:4] = struct.pack("<I", struct.unpack("<I", data[:4])[0] + 8)
    moved = bytes(data[:8]) + b"\0\0hidden" + bytes(data[8:])
    assert tour(moved).gaps() == [(8, 16)]


def test_a_place_that_stands_for_many_is_walked_once() -> None:
    data = build(Table(u4(3), Vector([Table()])), b"TFL3")
    at = data.index(struct.pack("<I", 1), 8)
    (offset,) = struct.unpack("<I", data[at + 4 : at + 8])
    offsets = struct.pack("<5001I", 5000, *(offset + 4 * (4999 - n) for n in range(5000)))
    many = data[:at] + offsets + data[at + 8 :]
    assert len(tour(many, 20_000).visited) == 2
    with pytest.raises(Broken):
        tour(many, 100)


HONEST = packed(model(graph(tensors=[tensor([2, 2], 1), tensor([2])]), codes=(code(0), code(3))), labels__txt=b"cat\n")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(HONEST) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_no_mutation_raises(changes: list[tuple[int, int]], cut: bool) -> None:
    from hauberk.artifact.route import walk_content
    from hauberk.artifact.walk import Walk

    data = bytearray(HONEST)
    for at, byte in changes:
        data[at] = byte
    walk_content(Walk(Limits(), walk_content), memoryview(bytes(data[: changes[0][0]] if cut else data)), FILE)
