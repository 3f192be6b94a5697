"""Compressed streams and 7z: which rule tells of what, limits, and the libraries themselves as oracles."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.compressed import BAD, EVIL, HONEST, LZMA2, ONE, WRITERS, lz4, seven, zstd
from hauberk.artifact.formats import lz4 as lz4_reader
from hauberk.artifact.formats import unpack
from hauberk.artifact.formats import zstd as zstd_reader
from hauberk.artifact.formats.opcodes import Broken
from hauberk.artifact.route import walk_content
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

RULES = {
    **{f"payload_behind_{name}": "pickle.call" for name in WRITERS if name not in ("zlib", "lz4")},
    **{f"data_behind_{name}": "compressed.trailing" for name in WRITERS},
    **{f"cut_{name}": "compressed.broken" for name in WRITERS},
    "gzip_wrong_checksum": "compressed.broken", "gzip_then_bz2": "pickle.call", "gzip_extra_field": "compressed.hidden",
    "gzip_padded_then_payload": "pickle.call", "gzip_in_gzip_in_gzip": "pickle.call",
    "zstd_passed_over": "compressed.hidden", "zstd_passed_over_first": "pickle.call",
    "zstd_of_a_huge_window": "compressed.broken", "lz4_header_checksum": "compressed.broken",
    "lz4_copy_before_the_beginning": "compressed.broken", "lz4_legacy_payload": "pickle.call",
    "seven_payload_in_lzma2": "pickle.call", "seven_second_file": "pickle.call", "seven_escape": "archive.escape",
    "seven_link": "archive.link", "seven_duplicate_by_case": "archive.duplicate", "seven_gap": "archive.hidden",
    "seven_tail": "archive.hidden", "seven_wrong_checksum": "archive.mismatch", "seven_comment": "archive.extra",
    "seven_lzma2_with_a_tail": "7z.broken", "seven_header_checksum": "7z.broken", "seven_cut": "7z.broken",
}  # fmt: skip


def walked(data: bytes, limits: Limits | None = None) -> Walk:
    walk = Walk(limits or Limits(), walk_content)
    walk.enter(memoryview(data), "")
    return walk


@pytest.mark.parametrize("name", list(RULES))
def test_each_trick_has_its_rule(name: str) -> None:
    assert f"artifact.{RULES[name]}" in {f.rule for f in walked(BAD[name][1]()).flaws}


@pytest.mark.parametrize("name", ["seven_encrypted", "seven_ppmd", "rar", "zlib_bomb", "lz4_bomb"])
def test_what_is_not_read_is_a_skip(name: str) -> None:
    walk = walked(BAD[name][1]())
    assert walk.skipped
    assert not walk.flaws


def bare_lzma(content: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """An LZMA stream that does not say where it ends: the first chunk of LZMA2, and its filter with properties."""
    packed = lzma.compress(content, lzma.FORMAT_RAW, filters=LZMA2)
    assert packed[0] >= 0xE0, "a chunk that begins anew"
    size = int.from_bytes(packed[3:5], "big") + 1
    return packed[6 : 6 + size], [(lzma.FILTER_LZMA1, packed[5:6] + (1 << 20).to_bytes(4, "little"))]


@pytest.mark.parametrize("content", [b"abc" * 40, bytes(3000), b"".join(b"%d," % n for n in range(900))])
@pytest.mark.parametrize("tail", [EVIL, bytes(100), b"\xff" * 16])
def test_bare_lzma_hides_nothing_behind_its_end(content: bytes, tail: bytes) -> None:
    """The decoder is done before it was given the last bytes: they are not of the stream."""
    packed, filters = bare_lzma(content)
    assert unpack.unmarked(lambda: unpack.raw_lzma(filters), memoryview(packed), len(content), "it") == content
    with pytest.raises(Broken, match="hides"):
        unpack.unmarked(lambda: unpack.raw_lzma(filters), memoryview(packed + tail), len(content), "it")
    with pytest.raises(Broken):
        unpack.unmarked(lambda: unpack.raw_lzma(filters), memoryview(packed[:-9]), len(content), "it")


def test_properties_that_crash_the_standard_library() -> None:
    """A filter for machine code without properties: `lzma._decode_filter_properties` ends the process."""
    assert unpack.raw_lzma([(lzma.FILTER_X86, b""), (lzma.FILTER_LZMA2, b"\x10")]) is not None
    for kind, raw in ((lzma.FILTER_LZMA1, b""), (lzma.FILTER_LZMA2, b"\x28"), (lzma.FILTER_X86, b"\1")):
        with pytest.raises(ValueError, match="propert"):
            unpack.raw_lzma([(kind, raw)])
    with pytest.raises(ValueError, match="dictionary"):
        unpack.raw_lzma([(lzma.FILTER_LZMA2, b"\x27")])


def test_zstd_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> object:
        if name.endswith(".zstd") and not name.startswith("hauberk"):
            raise ImportError(name)
        return real(name, package)

    zstd_reader._library.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(importlib, "import_module", missing)
        walk = walked(zstd(HONEST))
    assert [why for _, why in walk.skipped] == ["compressed: Zstandard is not read here"]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000), st.integers(0, 200), st.integers(1, 7))
def test_lz4_blocks_are_what_their_copies_say(seed: int, length: int, width: int) -> None:
    """A block of random literals and copies, against the plainest way to carry them out."""
    rng, plain, block = random.Random(seed), bytearray(), bytearray()
    for _ in range(length):
        literals = rng.randbytes(rng.randrange(1, 40))
        plain += literals
        copied, distance = rng.randrange(4, 400), rng.randrange(1, min(len(plain), 4**width) + 1)
        more_literals, more_copied = max(0, len(literals) - 15), max(0, copied - 4 - 15)
        block.append(min(15, len(literals)) << 4 | min(15, copied - 4))
        block += _extended(more_literals) if len(literals) >= 15 else b""
        block += literals + distance.to_bytes(2, "little")
        block += _extended(more_copied) if copied - 4 >= 15 else b""
        for _ in range(copied):
            plain.append(plain[-distance])
    assert lz4_reader.unblock(memoryview(block), 1 << 22, bytearray()) == plain


def _extended(count: int) -> bytes:
    return b"\xff" * (count // 255) + bytes((count % 255,))


def test_lz4_blocks_that_refer_to_those_before() -> None:
    """A hundred thousand blocks of one byte, of which the reader keeps but the last window."""
    head = b"\x04\x22\x4d\x18\x40\x40\xc0"
    data = head + (b"\x01\0\0\x80" + b"a") * 100_000 + bytes(4)
    assert b"".join(content for _, content in lz4_reader.pieces(memoryview(data))) == b"a" * 100_000


SEEDS = [writer(HONEST) for writer in WRITERS.values()]
SEEDS += [seven(ONE, ("b", EVIL)), seven(ONE, method=b"\x21", properties=b"\x10",
          packed=lzma.compress(HONEST, lzma.FORMAT_RAW, filters=LZMA2)), lz4(HONEST) * 2]  # fmt: skip


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, len(SEEDS) - 1),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 4)), max_size=4),
)
def test_mutations_end_in_a_verdict(seed: int, edits: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(SEEDS[seed])
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    walk = walked(bytes(data))
    assert walk.flaws or walk.skipped or walk.formats


@pytest.mark.parametrize("open_", [gzip.open, bz2.open, lzma.open])
@pytest.mark.parametrize("cut", [1, 40, 80])
def test_streams_are_joined_as_python_joins_them(open_: object, cut: int) -> None:
    import io

    name = {gzip.open: "gzip", bz2.open: "bz2", lzma.open: "xz"}[open_]  # type: ignore[index]
    data = WRITERS[name](HONEST[:cut]) + WRITERS[name](HONEST[cut:])
    with open_(io.BytesIO(data)) as file:  # type: ignore[operator]
        assert file.read() == HONEST
    walk = walked(data)
    assert not walk.flaws
    assert walk.formats[""] == "pickle"


def test_a_stream_of_nothing() -> None:
    assert walked(zlib.compress(b"")).skipped
