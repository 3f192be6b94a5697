"""Files that two readers understand differently: each was clean while some reader found a payload in it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from hauberk.artifact.scan import Scanned
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]
EVIL = b"cposix\nsystem\n(S'id'\ntR."
END, ZIP64 = 22, 76


def rules(seen: Scanned) -> set[str]:
    return {f.rule for f in seen.findings}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_zip64(data: bytes, count: int, size: int, offset: int) -> bytes:
    """The archive with a second end record, which Python and torch take for the true one."""
    at = len(data) - END
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, offset)
    return data[:at] + record + b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1) + data[at:]


def directory(data: bytes) -> tuple[int, int, int]:
    return struct.unpack("<HII", data[-END + 10 : -END + 20])


def test_second_end_record_that_agrees(scanned: Scanner) -> None:
    """As torch writes every archive."""
    data = zipped({"m/data.pkl": pickle.dumps(1), "m/version": b"3\n"})
    assert scanned(with_zip64(data, *directory(data))).verdict is Verdict.HELD


def test_second_end_record_of_another_directory(scanned: Scanner) -> None:
    """The first says that all is well; zipfile reads the second, and in it a member inside of a tensor."""
    inner = zipped({"m/data.pkl": EVIL})
    _, size, offset = directory(inner)
    entry = bytearray(inner[offset : offset + size])
    head = zipped({"m/version": b"3\n", "m/data/0": b""})
    place = head.index(b"m/data/0") + len("m/data/0")
    entry[42:46] = struct.pack("<I", place)
    swallow = zipped({"m/version": b"3\n", "m/data/0": inner[:offset] + bytes(entry)})
    outer = directory(swallow)
    entry[32:34] = struct.pack("<H", outer[1])  # its comment is the first directory
    data = zipped({"m/version": b"3\n", "m/data/0": inner[:offset] + bytes(entry)})
    data = with_zip64(data, 1, size + outer[1], outer[2] - size)
    assert zipfile.ZipFile(io.BytesIO(data)).read("m/data.pkl") == EVIL
    assert [f.message for f in scanned(data).findings] == ["zip: the two end records disagree about the directory"]


def test_seventy_six_bytes_before_the_end_record(scanned: Scanner) -> None:
    """As long as a second end record, and none: zipfile moves the directory by as much."""
    data = zipped({"m/version": b"3\n"})
    assert "artifact.archive.hidden" in rules(scanned(data[:-END] + b"\0" * ZIP64 + data[-END:]))


def test_second_name_of_a_member(scanned: Scanner) -> None:
    """Info-ZIP's extra field 0x7075 renames a member for some readers."""
    info = zipfile.ZipInfo("m/data/0")
    buffer = io.BytesIO()
    info.extra = struct.pack("<HHBI", 0x7075, 5 + 10, 1, 0) + b"m/data.pkl"
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, EVIL)
    assert "artifact.archive.name" in rules(scanned(buffer.getvalue()))


def safetensors_like(opcodes: bytes, first: int) -> bytes:
    """A safetensors file whose first byte is `first`, and whose tensor holds these bytes."""
    header = b'{"t":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(opcodes), len(opcodes))
    header = header.ljust(0x100 + first)
    return struct.pack("<Q", len(header)) + header + opcodes


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_program_cut_between_two_streams(scanned: Scanner, compress: Callable[[bytes], bytes]) -> None:
    """Readers join streams that follow one another; each half alone is a whole file of something harmless."""
    first = safetensors_like(b"\x80\x02X\x40\x00\x00\x00", 0x4E)
    data = compress(first) + compress(first)
    assert rules(scanned(data)) == {"artifact.safetensors.broken"}
    assert scanned(compress(first)).verdict is Verdict.HELD
    halves = pickle.dumps(list(range(9)))
    assert scanned(compress(halves[:7]) + compress(halves[7:])).verdict is Verdict.HELD


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_bomb_is_cut_while_it_unpacks(scanned: Scanner, compress: Callable[[bytes], bytes]) -> None:
    """64 KiB of bzip2 make a gigabyte: it is never all unpacked at once."""
    import tracemalloc

    data = compress(b"\0" * (300 << 20))
    tracemalloc.start()
    seen = scanned(data, limits=Limits(max_ratio=10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert peak < 160 << 20


def test_pickle_that_is_an_old_tar(scanned: Scanner) -> None:
    """torch.load opens it as a tar, whatever its first member is called."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("N.")
        info.size = len(EVIL)
        archive.addfile(info, io.BytesIO(EVIL))
    data = bytearray(buffer.getvalue())
    data[0:8] = b"\x80\x02B" + struct.pack("<I", len(data) - 7) + b"x"
    data[257:265] = b"\0" * 8
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + sum(data[156:512]) + 256)
    with tarfile.open(fileobj=io.BytesIO(bytes(data))) as archive:
        assert archive.next() is not None
    assert "artifact.polyglot" in rules(scanned(bytes(data) + b"."))


@pytest.mark.parametrize("at", [512, 1024, 4096])
def test_pickle_with_hdf5_behind_it(scanned: Scanner, at: int) -> None:
    """Keras opens HDF5 behind a block of the user's own."""
    body = b"x" * (at - 7) + b"\x89HDF\r\n\x1a\n" + b"\0" * 100
    assert rules(scanned(b"\x80\x02B" + struct.pack("<I", len(body)) + body + b".")) == {"artifact.polyglot"}


@pytest.mark.parametrize("other", ["m/constants.pkl", "m/data.pkl", "m/archive_format"])
def test_archive_of_two_formats(scanned: Scanner, other: str) -> None:
    """skops reads the schema, torch the rest: each judges what the other does not."""
    schema = b'{"__module__":"os","__class__":"system","__loader__":"FunctionNode"}'
    assert "artifact.polyglot" in rules(scanned(zipped({"schema.json": schema, other: pickle.dumps(1, 2)})))
