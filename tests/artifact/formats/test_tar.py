"""tar: which rule tells of what, and Python's tarfile as the oracle."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.tar import BAD, END, HONEST, LONG_NAME, git, header, member, pax, pax_times, records, written
from hauberk.artifact.formats import tar
from hauberk.artifact.route import walk_content
from hauberk.artifact.scan import Scanned
from hauberk.artifact.walk import Walk, printable
from hauberk.core.limits import Limits

Scanner = Callable[..., Scanned]
RULES = {
    "symbolic_link": "archive.link", "hard_link": "archive.link", "pipe": "archive.link",
    "character_device": "archive.link", "escape_upwards": "archive.escape", "escape_in_pax": "archive.escape",
    "escape_in_the_prefix": "archive.escape", "escape_in_a_long_name": "archive.escape",
    "escape_in_the_short_name": "archive.escape", "pax_size": "tar.broken", "pax_size_negative": "tar.broken",
    "pax_for_all_of_the_path": "archive.mismatch", "pax_capability": "archive.extra", "pax_of_nobody": "archive.extra",
    "long_name_of_another": "archive.mismatch", "type_of_nobody": "archive.type", "duplicate": "archive.duplicate",
    "duplicate_by_dots": "archive.duplicate", "wrong_checksum": "tar.broken", "signed_checksum": "tar.broken",
    "size_with_underscore": "tar.broken", "data_behind_the_end": "archive.hidden",
    "one_block_of_zeros": "archive.hidden", "padding_with_data": "archive.hidden",
    "header_with_data_behind": "archive.extra", "prefix_of_another_mark": "archive.name",
    "folder_with_content": "tar.broken", "link_with_content": "tar.broken",
}  # fmt: skip


def walked(data: bytes, limits: Limits | None = None) -> Walk:
    walk = Walk(limits or Limits(), walk_content)
    walk.enter(memoryview(data), "")
    return walk


@pytest.mark.parametrize("name", list(RULES))
def test_each_trick_has_its_rule(name: str) -> None:
    walk = walked(BAD[name][1]())
    assert f"artifact.{RULES[name]}" in {f.rule for f in walk.flaws}
    assert walk.formats[""] == "tar"


@pytest.mark.parametrize("name", ["data_behind_the_end", "one_block_of_zeros"])
def test_what_follows_the_end_is_walked(name: str) -> None:
    assert "artifact.pickle.call" in {f.rule for f in walked(BAD[name][1]()).flaws}


def test_sparse_files_are_skips() -> None:
    assert [why for _, why in walked(BAD["sparse"][1]()).skipped] == ["it is stored as a sparse file"]
    mapped = bytearray(header(size=512, kind=b"S", magic=b"ustar  \0"))
    mapped[482] = 1
    mapped[148:156] = b"%06o\0 " % (sum(mapped[:148]) + sum(mapped[156:]) + 256)
    more = bytes(504) + b"\1" + bytes(7) + bytes(512)
    walk = walked(bytes(mapped) + more + bytes(512) + member(b"evil.pkl", b"cposix\nsystem\n(S'id'\ntR.") + END)
    assert "artifact.pickle.call" in {f.rule for f in walk.flaws}, "the member behind its map is found"


def test_members_are_limited() -> None:
    data = b"".join(member(b"%d.pkl" % n) for n in range(20)) + END
    assert any("more than 10 members" in why for _, why in walked(data, Limits(max_members=10)).skipped)


SEEDS = [
    written(tarfile.USTAR_FORMAT, a=HONEST, sub__b=HONEST),
    written(tarfile.GNU_FORMAT, **{"a": HONEST, LONG_NAME: HONEST}),
    written(tarfile.PAX_FORMAT, **{"a": HONEST, LONG_NAME: HONEST}),
    git(),
    pax_times(),
    pax(records(path=b"a.pkl")) + member() + END,
]


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(range(len(SEEDS))),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=3),
    st.booleans(),
)
def test_what_is_clean_reads_as_tarfile_reads_it(seed: int, edits: list[tuple[int, int]], mend: bool) -> None:
    """Whatever bytes change (checksums mended or not): if nothing is told, tarfile finds the same members."""
    data = bytearray(SEEDS[seed])
    for at, value in edits:
        data[at % len(data)] = value
        if mend:
            begin = at % len(data) // 512 * 512
            total = sum(data[begin : begin + 148]) + sum(data[begin + 156 : begin + 512]) + 256
            data[begin + 148 : begin + 156] = b"%06o\0 " % total
    walk = walked(bytes(data))
    if walk.flaws or walk.skipped or not tar.sniff(memoryview(data)):
        return
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as oracle:
        files = [m for m in oracle.getmembers() if m.isfile()]
        assert {printable(m.name) for m in files} == set(walk.formats) - {""}
        assert len(oracle.getmembers()) <= walk.members
