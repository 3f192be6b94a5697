"""Zip: which rule tells of what, limits, and Python's zipfile as the oracle."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.zip import (
    EVIL,
    FLAGS,
    HONEST,
    MISMATCHES,
    ONE,
    PAIRS,
    archive,
    archive_in_the_comment,
    end_in_the_comment,
    nested,
    squeeze,
    streamed,
    two_directories,
    two_ends_that_fit,
)
from hauberk.artifact.formats.member_names import folded
from hauberk.artifact.formats.zip import open_zip, read, sniff
from hauberk.artifact.route import walk_content
from hauberk.artifact.scan import Scanned
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Verdict

Scanner = Callable[..., Scanned]

RULES = {
    "encrypted": "encrypted", "strongly": "encrypted", "masked": "encrypted", "aes": "encrypted", "patched": "flags",
    "reserved": "flags", "asks": "flags", "on": "flags", "descriptor": "mismatch", "zip64": "mismatch",
    "unicode": "name", "extra": "extra", "symbolic": "link", "windows": "link", "device": "link", "pipe": "link",
    "folder": "folder", "file": "folder", "comment": "comment", "no": "name", "name": "name", "escape": "escape",
}  # fmt: skip


OTHER = {"extra_link", "descriptor_unsigned_and_longer", "zip64_missing"}
"""Samples of those names that are told under another rule."""


def rules(seen: Scanned) -> set[str]:
    return {f.rule for f in seen.findings}


def opened(data: bytes) -> Walk:
    walk = Walk(Limits(), walk_content)
    walk.enter(memoryview(data), "")
    return walk


@pytest.mark.parametrize("name", [n for n in FLAGS if n.split("_")[0] in RULES and n not in OTHER])
def test_each_oddity_has_its_rule(scanned: Scanner, name: str) -> None:
    assert f"artifact.archive.{RULES[name.split('_')[0]]}" in rules(scanned(archive(FLAGS[name])))


@pytest.mark.parametrize("name", list(MISMATCHES))
def test_each_disagreement_names_what_differs(scanned: Scanner, name: str) -> None:
    found = [f for f in scanned(archive(MISMATCHES[name])).findings if f.rule == "artifact.archive.mismatch"]
    assert len(found) == 1
    words = {"method": "compression", "crc": "checksum", "crc_zero": "checksum", "sizes_zero": "checksum"}
    assert words.get(name, name.split("_")[0]) in found[0].message


@pytest.mark.parametrize("name", list(PAIRS))
def test_names_that_some_reader_takes_for_one(name: str) -> None:
    one, two, flags = PAIRS[name]
    walk = opened(archive(replace(ONE, name=one, flags=flags), replace(ONE, name=two, flags=flags)))
    assert "artifact.archive.duplicate" in {f.rule for f in walk.flaws}
    assert folded("a.pkl") != folded("b.pkl")


@pytest.mark.parametrize("tail", [b"\0", EVIL, b"PK"])
def test_bytes_behind_the_end_of_a_stream(scanned: Scanner, tail: bytes) -> None:
    """zipfile reads on to the size it was told and never looks at the rest."""
    data = archive(replace(ONE, method=8, stored=squeeze(HONEST) + tail))
    assert zipfile.ZipFile(io.BytesIO(data)).read("model.pkl") == HONEST
    found = scanned(data).findings
    assert [f.rule for f in found] == ["artifact.zip.broken"]
    assert f"hides {len(tail)} bytes" in found[0].message


def test_a_damaged_member_does_not_hide_the_others(scanned: Scanner) -> None:
    data = archive(replace(ONE, name=b"a", method=8, stored=b"\xff" * 9), replace(ONE, name=b"b", content=EVIL))
    assert {"artifact.zip.broken", "artifact.pickle.call"} <= rules(scanned(data))


def test_a_wrong_checksum_does_not_stop_the_walk(scanned: Scanner) -> None:
    """CVE-2025-10156: torch loads it all the same."""
    assert rules(scanned(archive(replace(ONE, content=EVIL, crc=1)))) == {"artifact.zip.broken", "artifact.pickle.call"}


def test_what_stands_in_front_is_walked(scanned: Scanner) -> None:
    seen = scanned(archive(ONE, prefix=archive(replace(ONE, content=EVIL))[:-22]))
    assert "artifact.archive.hidden" in rules(seen)
    assert {f.severity for f in seen.findings if f.rule == "artifact.archive.hidden"} == {Severity.HIGH}
    seen = scanned(archive(ONE, prefix=b"cposix\nsystem\n(S'id'\ntR."))
    assert "artifact.pickle.call" in rules(seen)


@pytest.mark.parametrize("build", [two_ends_that_fit, end_in_the_comment, archive_in_the_comment])
def test_end_records_that_could_be_taken_instead(build: Callable[[], bytes]) -> None:
    told = [f.message for f in opened(build()).flaws if f.rule == "artifact.archive.hidden"]
    assert "another end record could be taken for the archive's; readers differ in which to take" in told


def test_the_end_record_of_an_archive_in_the_archive_is_none() -> None:
    assert not opened(nested()).flaws


def test_two_directories() -> None:
    """One stands where the offset says, one where the size says; zipfile takes the second, miniz the first."""
    data = two_directories()
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["evil0.pkl"]
    assert ["two central directories" in f.message for f in opened(data).flaws] == [True]


def test_overlapping_members_are_not_unpacked() -> None:
    from corpus.zip import overlapping

    walk = opened(overlapping())
    assert walk.expanded == 0
    assert "artifact.archive.hidden" in {f.rule for f in walk.flaws}
    assert walk.skipped


def test_a_quine_ends() -> None:
    """An archive that unpacks to itself, twice: depth and members are limited, whatever the content."""
    data = archive()
    for _ in range(70):
        data = archive(replace(ONE, name=b"a", content=data, method=8))
    walk = opened(data)
    assert any("deep" in why for _, why in walk.skipped)


def test_bombs_are_bounded_by_the_whole(scanned: Scanner) -> None:
    zeros = b"\0" * (40 << 20)
    one = replace(ONE, content=b"", method=8, stored=squeeze(zeros), crc=zlib.crc32(zeros), size=len(zeros))
    walk = opened(archive(*(replace(one, name=b"%d" % n) for n in range(5))))
    assert walk.expanded <= 128 << 20
    assert any("times its size" in why for _, why in walk.skipped)


def test_a_tar_of_a_zip_is_a_tar(scanned: Scanner) -> None:
    """zipfile would open it as well; what it finds is the tar's member, which is walked."""
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in (("a", HONEST), ("weights.zip", archive(ONE))):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    assert zipfile.is_zipfile(io.BytesIO(buffer.getvalue()))
    seen = scanned(buffer.getvalue())
    assert (seen.formats[""], seen.verdict) == ("tar", Verdict.HELD)


SEEDS = [
    archive(ONE, replace(ONE, name=b"b/c", method=8), replace(ONE, name=b"d/", content=b"")),
    streamed(),
    archive(replace(ONE, content=archive(replace(ONE, method=8)))),
]


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(range(len(SEEDS))), st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=3))
def test_what_is_clean_reads_as_zipfile_reads_it(seed: int, edits: list[tuple[int, int]]) -> None:
    """Whatever bytes change: if nothing is told, then zipfile finds the same members with the same content."""
    data = bytearray(SEEDS[seed])
    for at, value in edits:
        data[at % len(data)] = value
    if not sniff(memoryview(data)):
        return
    walk = opened(bytes(data))
    if walk.flaws or walk.skipped:
        return
    archive_ = open_zip(Walk(Limits(), walk_content), memoryview(bytes(data)), "")
    assert archive_ is not None
    with zipfile.ZipFile(io.BytesIO(data)) as oracle:
        assert [m.name for m in archive_.members] == oracle.namelist()
        for member in archive_.members:
            content = read(walk, archive_, member, "")
            assert content is not None
            assert bytes(content) == oracle.read(member.name)
