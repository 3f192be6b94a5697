"""HDF5: which rule tells what, the limits of the reader, and h5py as its oracle."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import hdf5, hdf5_recorded, hdf5_texts
from corpus.hdf5_writer import (
    ATTRIBUTE,
    FLOAT,
    SCALAR,
    Maker,
    attribute,
    contiguous,
    hard,
    header,
    linked,
    message,
    shape,
    string,
    text,
)
from hauberk.artifact.formats.hdf5 import Reader
from hauberk.artifact.formats.hdf5_content import FREE_TRIALS, Content
from hauberk.artifact.formats.hdf5_file import File, checksum
from hauberk.artifact.formats.hdf5_header import Header
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.route import walk_content
from hauberk.artifact.scan import Scanned
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]

CONFIG = b'{"class_name": "Dense", "config": {}}'
RULES = {
    "external_link": "artifact.hdf5.external",
    "external_link_continued": "artifact.hdf5.external",
    "external_data": "artifact.hdf5.external",
    "virtual_data": "artifact.hdf5.external",
    "family_driver": "artifact.hdf5.external",
    "user_link": "artifact.hdf5.unknown",
    "unknown_message": "artifact.hdf5.unknown",
    "cache_image": "artifact.hdf5.unknown",
    "unknown_filter": "artifact.hdf5.filter",
    "shape_bomb": "artifact.hdf5.bomb",
    "attribute_twice": "artifact.hdf5.duplicate",
    "link_twice": "artifact.hdf5.duplicate",
    "hidden_bytes": "artifact.hdf5.hidden",
    "pickle_between": "artifact.hdf5.hidden",
    "trailing": "artifact.hdf5.trailing",
    "overlap": "artifact.hdf5.broken",
    "wrong_checksum": "artifact.hdf5.broken",
    "endless_header": "artifact.hdf5.broken",
    "foreign_reference": "artifact.hdf5.reference",
    "legacy_lambda_in_heap": "artifact.keras.lambda",
    "text_behind_zero": "artifact.keras.lambda",
    "text_behind_space": "artifact.keras.lambda",
    "text_of_odd_bytes": "artifact.keras.lambda",
    "text_nested": "artifact.hdf5.broken",
    "pickled_attribute": "artifact.pickle.call",
    "pickled_data": "artifact.pickle.call",
    "pickled_opaque": "artifact.pickle.call",
    "program_in_data": "artifact.executable",
}


def sample(name: str) -> Callable[[], bytes]:
    build: Callable[[], bytes] = getattr(hdf5, name, None) or getattr(hdf5_texts, name)
    return build


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), RULES.items())
def test_each_sample_is_told_by_its_rule(scanned: Scanner, name: str, rule: str) -> None:
    assert rule in rules(scanned(sample(name)()))


def test_a_finding_says_which_object_and_which_file(scanned: Scanner) -> None:
    found = next(f for f in scanned(hdf5.external_link_deep()).findings)
    assert found.place.part == "/layers/dense/vars/kernel"
    assert "/etc/passwd" in found.message
    assert "CVE-2026-1669" in found.references


def test_a_cycle_of_groups_ends(scanned: Scanner) -> None:
    maker = Maker()
    root = len(maker.blocks)
    assert scanned(maker.done(maker.group(hard("self", root), hard("again", root)))).verdict is Verdict.HELD


def test_the_checksum_is_lookup3() -> None:
    """Values of Bob Jenkins' own driver5."""
    assert checksum(memoryview(b"")) == 0xDEADBEEF
    assert checksum(memoryview(b"Four score and seven years ago")) == 0x17770551


def test_a_name_of_control_characters_is_escaped(scanned: Scanner) -> None:
    maker = Maker()
    seen = scanned(maker.done(maker.group(linked("\x1b[2J", 64, b"\0f\0/\0"))))
    assert "\x1b" not in seen.findings[0].place.part


def test_more_objects_than_the_limit_is_a_skip(scanned: Scanner) -> None:
    maker = Maker()
    links = [hard(f"g{n}", maker.group()) for n in range(20)]
    data = maker.done(maker.group(*links))
    assert scanned(data).verdict is Verdict.HELD
    assert scanned(data, limits=Limits(max_members=10)).verdict is Verdict.INCONCLUSIVE


def test_many_links_to_overlapping_headers_are_refused_soon(scanned: Scanner) -> None:
    """Each would be read to the end of the file; the bytes read are bounded by the file's size."""
    maker = Maker()
    at = maker.put(header(message(ATTRIBUTE, bytes(4000))) * 50)
    links = [hard(f"g{n}", at + n) for n in range(3000)]
    assert "artifact.hdf5.broken" in rules(scanned(maker.done(maker.group(*links))))


def test_a_million_short_texts_are_not_all_parsed(scanned: Scanner) -> None:
    maker = Maker()
    seen = scanned(maker.done(maker.group(hard("w", maker.data(b"{{{{{{{{" * 20_000, string(8), 20_000)))))
    assert any("than are tried" in gap.why for gap in seen.skipped)
    assert not seen.findings


def test_a_million_links_are_told_a_hundred_times(scanned: Scanner) -> None:
    maker = Maker()
    links = (linked(f"{n:05d}", 64, b"\0f\0/\0") for n in range(3000))
    assert len(scanned(maker.done(maker.group(*links))).findings) == 100


def test_a_compound_of_members_that_overlap_is_refused(scanned: Scanner) -> None:
    """Each of its items would be read once for every member."""
    member = b"a\0\0" + string(4)
    compound = bytes((0x36, 200, 0, 0)) + struct.pack("<I", 4) + member * 200
    maker = Maker()
    seen = scanned(maker.done(maker.group(hard("w", maker.data(bytes(400), compound, 100)))))
    assert "overlap" in seen.findings[0].message


def test_a_block_that_is_read_again_and_again_is_refused() -> None:
    file = File(memoryview(hdf5.plain_weights() + bytes(1 << 17)))
    file.peek(0, len(file.data))
    file.peek(0, len(file.data))
    with pytest.raises(Broken, match="more than once"):
        file.peek(0, len(file.data))


def test_two_data_sets_of_the_same_bytes_are_refused(scanned: Scanner) -> None:
    maker = Maker()
    at = maker.put(bytes(range(24)))
    one, two = (maker.data_set(contiguous(at, 24), FLOAT, shape(2, 3)) for _ in range(2))
    seen = scanned(maker.done(maker.group(hard("a", one), hard("b", two))))
    assert "begin at the same byte" in seen.findings[0].message


def test_no_more_texts_are_parsed_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr("hauberk.artifact.formats.keras.walk_text", lambda walk, data, path: parsed.append(path))
    content = Content(Walk(Limits(), walk_content), "", 6400)
    for _ in range(FREE_TRIALS + 1000):
        content.text(memoryview(b"{{{{{{{{"), "/w")
    assert len(parsed) == FREE_TRIALS + 100 - 1


def test_metadata_is_read_twice_at_most() -> None:
    maker = Maker()
    file = File(memoryview(maker.done(maker.group(*(text(f"a{n}", b"x" * 100) for n in range(500))))))
    assert len(list(Header(file, file.super.root).messages())) == 502
    assert file.spent < 2 * len(file.data)


def test_an_attribute_that_claims_more_than_it_has_is_broken(scanned: Scanner) -> None:
    maker = Maker()
    short = attribute("a", string(4000), SCALAR, b"short")
    assert rules(scanned(maker.done(maker.group(short)))) == {"artifact.hdf5.broken"}


@pytest.mark.parametrize("name", ["new_lambda", "old_lambda"])
def test_attributes_of_h5py_are_read_where_they_lie(scanned: Scanner, name: str) -> None:
    seen = scanned(getattr(hdf5_recorded, name)())
    assert [(f.rule, f.place.path) for f in seen.findings] == [("artifact.keras.lambda", "/@model_config")]
    assert not seen.skipped


def test_every_chunk_and_link_of_h5py_is_met() -> None:
    walk = Walk(Limits(), walk_content)
    reader = Reader(walk, File(memoryview(hdf5_recorded.new())), "")
    texts: list[bytes] = []
    reader.content.text = lambda text, name: texts.append(bytes(text))  # type: ignore[method-assign]
    reader.run()
    assert len(reader.seen) == 1 + 12 + 4
    assert sorted(texts) == sorted([b"%02d" % n for n in range(24)] * 2 + [b"in a heap", CONFIG])
    assert not walk.flaws


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mutated_file_gets_a_verdict(data: st.DataObject) -> None:
    """Checksums are mended, so that the mutation reaches the parsers behind them."""
    names = ("plain_weights", "texts_in_a_heap", "one_chunk", "virtual_data", "external_data", "legacy_model")
    content = bytearray(sample(data.draw(st.sampled_from(names)))())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    _mend(content)
    walk_content(Walk(Limits(), walk_content), memoryview(bytes(content)), "")


def _mend(content: bytearray) -> None:
    at = content.find(b"OHDR")
    while at >= 0:
        size = int.from_bytes(content[at + 6 : at + 10], "little") + 10
        if content[at + 5] & 63 == 2 and at + size + 4 <= len(content):
            content[at + size : at + size + 4] = struct.pack("<I", checksum(memoryview(content)[at : at + size]))
        at = content.find(b"OHDR", at + 4)
