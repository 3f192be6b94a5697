"""Compressed streams and 7z: what hides behind, between and inside of them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import struct
import zlib
from collections.abc import Callable

from corpus import Sample, add

EVIL = b"cposix\nsystem\n(S'id'\ntR."
HONEST = pickle.dumps({"weights": [0.5, -1.5] * 20}, 2)
LZ4_HEAD = b"\x04\x22\x4d\x18\x60\x40\x82"


def zstd(content: bytes, *, window: int = 0) -> bytes:
    """A Zstandard frame of stored blocks, as RFC 8878 allows. window: exponent of a window that it asks for instead."""
    head = b"\x00" + bytes((window - 10 << 3,)) if window else b"\xa0" + struct.pack("<I", len(content))
    blocks, step = b"", 100_000
    for at in range(0, max(1, len(content)), step):
        piece = content[at : at + step]
        blocks += struct.pack("<I", len(piece) << 3 | (at + step >= len(content)))[:3] + piece
    return b"\x28\xb5\x2f\xfd" + head + blocks


def lz4(content: bytes, head: bytes = LZ4_HEAD) -> bytes:
    """An LZ4 frame of one stored block."""
    return head + struct.pack("<I", len(content) | 1 << 31) + content + b"\0\0\0\0"


def lz4_block(content: bytes) -> bytes:
    """A block of literals alone."""
    size = len(content)
    if size < 15:
        return bytes((size << 4,)) + content
    rest = size - 15
    return b"\xf0" + b"\xff" * (rest // 255) + bytes((rest % 255,)) + content


def lz4_zeros(size: int) -> bytes:
    """A block of an LZ4 frame that unpacks to as many zeros: one literal, one copy of it."""
    copied = size - 1 - 4 - 15
    block = b"\x1f\0\1\0" + b"\xff" * (copied // 255) + bytes((copied % 255,)) + b"\0"
    return struct.pack("<I", len(block)) + block


def passed_over(content: bytes) -> bytes:
    """A frame that readers of Zstandard and LZ4 pass over."""
    return b"\x50\x2a\x4d\x18" + struct.pack("<I", len(content)) + content


def seek_table(packed: int, unpacked: int, more: bytes = b"") -> bytes:
    """The last frame of zstd's seekable format, for one frame before it. more: further rows."""
    rows = struct.pack("<III", packed, unpacked, 0) + more
    body = rows + struct.pack("<IB", len(rows) // 12, 0x80) + b"\xb1\xea\x92\x8f"
    return b"\x5e\x2a\x4d\x18" + struct.pack("<I", len(body)) + body


def gzip_extra(content: bytes, extra: bytes) -> bytes:
    packed = gzip.compress(content, mtime=0)
    return packed[:3] + b"\x04" + packed[4:10] + struct.pack("<H", len(extra)) + extra + packed[10:]


def gzip_text(content: bytes, flag: int, text: bytes) -> bytes:
    """With a name (8) or a comment (16)."""
    packed = gzip.compress(content, mtime=0)
    return packed[:3] + bytes((flag,)) + packed[4:10] + text + b"\0" + packed[10:]


WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress, "gzip": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress,
    "xz": lzma.compress, "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE), "zstd": zstd, "lz4": lz4,
}  # fmt: skip


def number(value: int) -> bytes:
    """7z's own form of numbers below 2**14."""
    return bytes((value,)) if value < 0x80 else bytes((0x80 | value >> 8, value & 0xFF))


def seven(
    *files: tuple[str, bytes],
    method: bytes = b"\x00",
    properties: bytes = b"",
    packed: bytes | None = None,
    gap: bytes = b"",
    tail: bytes = b"",
    mode: int = 0o100644,
    crc: int | None = None,
    more: bytes = b"",
    count: int | None = None,
) -> bytes:
    """A 7z archive of one folder. packed: its bytes. gap: before the header. more: properties of the files."""
    content = b"".join(data for _, data in files)
    body = content if packed is None else packed
    coder = bytes((len(method) | (0x20 if properties else 0),)) + method
    coder += number(len(properties)) + properties if properties else b""
    folder = b"\x07\x0b\x01\x00\x01" + coder + b"\x0c" + number(len(content)) + b"\x00"
    sizes = b"".join(number(len(data)) for _, data in files[:-1])
    crcs = b"".join(struct.pack("<I", zlib.crc32(data) if crc is None else crc) for _, data in files)
    parts = b"\x08\x0d" + number(len(files)) + (b"\x09" + sizes if sizes else b"") + b"\x0a\x01" + crcs + b"\x00"
    streams = b"\x04\x06\x00\x01\x09" + number(len(body)) + b"\x00" + folder + parts + b"\x00"
    names = b"\0" + b"".join((name + "\0").encode("utf-16-le", "surrogatepass") for name, _ in files)
    modes = b"\x01\x00" + struct.pack("<I", mode << 16 | 0x8000) * len(files)
    listed = b"\x05" + number(len(files) if count is None else count)
    listed += b"\x11" + number(len(names)) + names + b"\x15" + number(len(modes)) + modes + more + b"\x00"
    header = b"\x01" + streams + listed + b"\x00"
    start = struct.pack("<QQI", len(body) + len(gap), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + body + gap + header + tail


ONE = ("model.pkl", HONEST)
LZMA2 = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]


def seven_lzma2(content: bytes) -> bytes:
    packed = lzma.compress(content, lzma.FORMAT_RAW, filters=LZMA2)
    return seven(("model.pkl", content), method=b"\x21", properties=b"\x10", packed=packed)


BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    **{f"payload_in_{name}": ("a pickle in a stream", lambda w=w: w(EVIL)) for name, w in WRITERS.items()},
    **{f"payload_behind_{name}": ("behind the end", lambda w=w: w(HONEST) + EVIL) for name, w in WRITERS.items()},
    **{
        f"data_behind_{name}": ("behind the end", lambda w=w: w(HONEST) + b"\xfe\xfd\xfc")
        for name, w in WRITERS.items()
    },
    **{f"cut_{name}": ("truncated", lambda w=w: w(HONEST)[:-3]) for name, w in WRITERS.items()},
    **{
        f"payload_cut_between_two_{name}": ("readers join them", lambda w=w: w(EVIL[:9]) + w(EVIL[9:]))
        for name, w in WRITERS.items()
    },
    "gzip_wrong_checksum": ("readers differ in whether they look", lambda: WRITERS["gzip"](HONEST)[:-8] + bytes(8)),
    "gzip_then_bz2": ("the second is of another kind", lambda: WRITERS["gzip"](HONEST) + bz2.compress(EVIL)),
    "gzip_padded_then_payload": (
        "Python passes over zeros",
        lambda: gzip.compress(EVIL[:9]) + bytes(99) + gzip.compress(EVIL[9:]),
    ),
    "gzip_extra_field": (
        "a header that holds anything",
        lambda: gzip_extra(HONEST, b"XX" + struct.pack("<H", len(EVIL)) + EVIL),
    ),
    "gzip_field_of_dictzip_that_is_none": (
        "a header that holds anything",
        lambda: gzip_extra(HONEST, b"RA" + struct.pack("<H", len(EVIL)) + EVIL),
    ),
    "gzip_comment": ("a program as the comment", lambda: gzip_text(HONEST, 0x10, EVIL.replace(b"\0", b"\1"))),
    "gzip_name": ("a program as the name", lambda: gzip_text(HONEST, 0x8, b"\x7fELF\2\1\1" + b"\1" * 99)),
    "gzip_name_leaves": ("CWE-22: gunzip --name", lambda: gzip_text(HONEST, 0x8, b"../../bin/sh")),
    "gzip_in_gzip_in_gzip": ("nested", lambda: gzip.compress(gzip.compress(gzip.compress(EVIL)))),
    "zstd_passed_over": ("a frame that readers pass over", lambda: zstd(HONEST) + passed_over(EVIL)),
    "zstd_passed_over_first": ("a frame that readers pass over", lambda: passed_over(EVIL) + zstd(HONEST)),
    "zstd_seek_table_that_lies": (
        "a table of frames that are not there",
        lambda: zstd(HONEST) + seek_table(len(zstd(HONEST)) - 1, len(HONEST)),
    ),
    "zstd_seek_table_of_checksums": (
        "a table that carries more than the frames that there are",
        lambda: zstd(HONEST) + seek_table(len(zstd(HONEST)), len(HONEST), b"\0" * 8 + b"evil"),
    ),
    "zstd_size_of_what_is_not_there": (
        "a frame of four bytes that are no size",
        lambda: passed_over(b"evil") + zstd(HONEST),
    ),
    "zstd_of_a_huge_window": ("a bomb of memory", lambda: zstd(HONEST, window=31)),
    "zstd_of_another_size": (
        "the header lies",
        lambda: zstd(HONEST).replace(struct.pack("<I", len(HONEST)), b"\5\0\0\0", 1),
    ),
    "lz4_header_checksum": ("the header lies", lambda: lz4(HONEST, LZ4_HEAD[:-1] + b"\0")),
    "lz4_with_a_dictionary": ("content that is not in it", lambda: lz4(HONEST, b"\x04\x22\x4d\x18\x61\x40\x82")),
    "lz4_block_beyond_its_frame": ("a block larger than told", lambda: lz4(bytes(70_000))),
    "lz4_copy_before_the_beginning": (
        "reads what is not there",
        lambda: LZ4_HEAD + struct.pack("<I", 5) + b"\x10a\xff\xff\0" + bytes(4),
    ),
    "lz4_legacy_payload": (
        "the older form",
        lambda: b"\x02\x21\x4c\x18" + struct.pack("<I", len(lz4_block(EVIL))) + lz4_block(EVIL),
    ),
    "lz4_bomb": ("255 to one", lambda: LZ4_HEAD[:4] + b"\x60\x70\x73" + lz4_zeros(4 << 20) * 40 + bytes(4)),
    "zlib_bomb": ("1000 to one", lambda: zlib.compress(bytes(66 << 20), 1)),
    "bz2_bomb": ("a million to one", lambda: bz2.compress(bytes(70 << 20))),
    "xz_bomb": ("7000 to one", lambda: lzma.compress(bytes(70 << 20), preset=0)),
    "bomb_in_two_layers": (
        "each layer is below the limit",
        lambda: zlib.compress(zlib.compress(bytes(80 << 20), 9) + bytes(1 << 20)),
    ),
    "seven_payload": ("a pickle in 7z", lambda: seven(("model.pkl", EVIL))),
    "seven_payload_in_lzma2": ("a pickle in 7z", lambda: seven_lzma2(EVIL)),
    "seven_second_file": ("a pickle behind another", lambda: seven(ONE, ("b.pkl", EVIL))),
    "seven_escape": ("CWE-22", lambda: seven(("../a.pkl", HONEST))),
    "seven_absolute": ("CWE-22", lambda: seven(("/tmp/a.pkl", HONEST))),
    "seven_link": ("CWE-59", lambda: seven(("a", b"/etc/passwd"), mode=0o120777)),
    "seven_duplicate": ("two of one name", lambda: seven(ONE, ONE)),
    "seven_duplicate_by_case": ("two of one name", lambda: seven(ONE, ("MODEL.pkl", HONEST))),
    "seven_wrong_checksum": ("readers differ in whether they look", lambda: seven(ONE, crc=5)),
    "seven_encrypted": ("no scanner can read it", lambda: seven(ONE, method=b"\x06\xf1\x07\x01", properties=b"\x13\0")),
    "seven_ppmd": ("a method that is not read", lambda: seven(ONE, method=b"\x03\x04\x01", properties=b"\6\0\0\0\1")),
    "seven_method_of_nobody": ("a method that is not known", lambda: seven(ONE, method=b"\x7f\x7f")),
    "seven_gap": ("bytes that no file owns", lambda: seven(ONE, gap=EVIL)),
    "seven_tail": ("bytes behind the archive", lambda: seven(ONE, tail=EVIL)),
    "seven_stored_of_another_size": ("sizes that lie", lambda: seven(ONE, packed=HONEST + b"x")),
    "seven_lzma2_with_a_tail": (
        "bytes behind the end of the stream",
        lambda: seven(
            ONE, method=b"\x21", properties=b"\x10", packed=lzma.compress(HONEST, lzma.FORMAT_RAW, filters=LZMA2) + EVIL
        ),
    ),
    "seven_comment": ("a part of the header that is not understood", lambda: seven(ONE, more=b"\x16\x04evil")),
    "seven_dummy_with_data": ("padding that holds data", lambda: seven(ONE, more=b"\x19\x04evil")),
    "seven_names_twice": ("two lists of names", lambda: seven(ONE, more=b"\x11\x05\0b\0\0\0")),
    "seven_empty_streams_twice": ("two lists of what is empty", lambda: seven(ONE, more=b"\x0e\1\0\x0e\1\0")),
    "seven_more_files_than_streams": ("counts that lie", lambda: seven(ONE, count=2)),
    "seven_cut": ("truncated", lambda: seven(ONE)[:-9]),
    "seven_header_checksum": ("the header lies", lambda: seven(ONE)[:-1] + b"\1"),
    "rar": ("recognised, not read", lambda: b"Rar!\x1a\x07\x01\x00" + bytes(40)),
    "lzip": ("recognised, not read", lambda: b"LZIP\x01\x0c" + bytes(40)),
}
for _name, (_why, _build) in BAD.items():
    add(
        Sample(
            f"compressed/{_name}",
            "7z" if _name.startswith("seven") else "compressed",
            _why,
            "model.bin",
            "",
            _build,
            True,
        )
    )

GOOD: dict[str, tuple[str, Callable[[], bytes]]] = {
    **{
        f"honest_{name}": (f"a pickle in {name}, as joblib and others write", lambda w=w: w(HONEST))
        for name, w in WRITERS.items()
    },
    **{
        f"honest_two_{name}": ("streams that readers join", lambda w=w: w(HONEST[:40]) + w(HONEST[40:]))
        for name, w in WRITERS.items()
    },
    "honest_gzip_padded": ("zeros to the end of a tape's block", lambda: gzip.compress(HONEST) + bytes(300)),
    "honest_bgzip": ("bgzip's extra field", lambda: gzip_extra(HONEST, b"BC\x02\x00\x1b\x00")),
    "honest_gzip_name": ("the name of the file, as gzip writes", lambda: gzip_text(HONEST, 0x8, b"model v1~2.pkl")),
    "honest_gzip_comment": ("a comment", lambda: gzip_text(HONEST, 0x10, b"/usr/bin/trainer, 3 epochs")),
    "honest_dictzip": (
        "dictzip's extra field",
        lambda: gzip_extra(HONEST, b"RA\x08\0\1\0\x40\xe3\1\0\x63\0"),
    ),
    "honest_pzstd": (
        "pzstd: each frame's size is told before it",
        lambda: b"".join(passed_over(struct.pack("<I", len(f))) + f for f in map(zstd, (HONEST[:40], HONEST[40:]))),
    ),
    "honest_seekable_zstd": (
        "the table of the seekable format",
        lambda: zstd(HONEST) + seek_table(len(zstd(HONEST)), len(HONEST)),
    ),
    "honest_lz4_legacy": (
        "the older form",
        lambda: b"\x02\x21\x4c\x18" + struct.pack("<I", len(lz4_block(HONEST))) + lz4_block(HONEST),
    ),
    "honest_zeros": (
        "near miss: constant weights compress a thousandfold",
        lambda: zlib.compress(pickle.dumps(bytes(9 << 20))),
    ),
    "honest_seven": ("7z, stored", lambda: seven(ONE, ("sub/b.pkl", HONEST))),
    "honest_seven_lzma2": ("7z, LZMA2", lambda: seven_lzma2(HONEST)),
    "honest_seven_deflate": (
        "7z, deflate",
        lambda: seven(ONE, method=b"\x04\x01\x08", packed=zlib.compress(HONEST)[2:-4]),
    ),
    "honest_seven_bz2": (
        "7z, bzip2 in two streams",
        lambda: seven(ONE, method=b"\x04\x02\x02", packed=bz2.compress(HONEST[:9]) + bz2.compress(HONEST[9:])),
    ),
}
for _name, (_why, _build) in GOOD.items():
    _form = "7z" if "seven" in _name else "compressed"
    add(Sample(f"compressed/{_name}", _form, _why, "model.bin", "", _build, False))
