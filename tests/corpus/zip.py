"""Zip: archives that two readers understand differently, and those of real writers."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from corpus import bad, honest

EVIL = b"cposix\nsystem\n(S'id'\ntR."
HONEST = pickle.dumps({"weights": [0.5, -1.5]}, 2)
DUPLICATE, ESCAPE = "two readers take two members", "CWE-22, zip slip"


@dataclass(frozen=True)
class Entry:
    """A member as it is written: what is None in `local` is as in the directory.

    stored: the bytes that stand in the file. after: bytes behind them (a descriptor). skew: added to the offset.
    """

    name: bytes = b"model.pkl"
    content: bytes = HONEST
    method: int = 0
    flags: int = 0
    needed: int = 20
    host: int = 3
    mode: int = 0o100644
    attributes: int = 0
    extra: bytes = b""
    local_extra: bytes = b""
    comment: bytes = b""
    disk: int = 0
    crc: int | None = None
    size: int | None = None
    packed: int | None = None
    stored: bytes | None = None
    after: bytes = b""
    skew: int = 0
    local: dict[str, int | bytes] = field(default_factory=dict)
    listed: bool = True

    @property
    def body(self) -> bytes:
        """The bytes in the file."""
        if self.stored is not None:
            return self.stored
        return squeeze(self.content) if self.method == 8 else self.content

    def numbers(self) -> tuple[int, int, int]:
        """Checksum, packed size, size."""
        crc = zlib.crc32(self.content) if self.crc is None else self.crc
        packed = len(self.body) if self.packed is None else self.packed
        return crc, packed, len(self.content) if self.size is None else self.size


def squeeze(content: bytes) -> bytes:
    state = zlib.compressobj(9, zlib.DEFLATED, -15)
    return state.compress(content) + state.flush()


def head(entry: Entry) -> bytes:
    crc, packed, size = entry.numbers()
    values: dict[str, int | bytes] = {
        "name": entry.name, "flags": entry.flags, "method": entry.method, "crc": crc, "packed": packed, "size": size,
    }  # fmt: skip
    values |= entry.local
    name = values["name"]
    assert isinstance(name, bytes)
    numbers = (values["flags"], values["method"], 0, 0x21, values["crc"], values["packed"], values["size"])
    lengths = struct.pack("<HH", len(name), len(entry.local_extra))
    return b"PK\x03\x04" + struct.pack("<HHHHHIII", entry.needed, *numbers) + lengths + name + entry.local_extra


def listing(entry: Entry, offset: int) -> bytes:
    crc, packed, size = entry.numbers()
    first = (entry.host << 8 | 20, entry.needed, entry.flags, entry.method, 0, 0x21, crc, packed, size)
    lengths = (len(entry.name), len(entry.extra), len(entry.comment), entry.disk, 0)
    outer = (entry.mode << 16 | entry.attributes, offset + entry.skew)
    fixed = struct.pack("<HHHHHHIIIHHHHHII", *first, *lengths, *outer)
    return b"PK\x01\x02" + fixed + entry.name + entry.extra + entry.comment


def ending(
    count: int, size: int, offset: int, comment: bytes = b"", *, disk: int = 0, here: int | None = None
) -> bytes:
    here = count if here is None else here
    return b"PK\x05\x06" + struct.pack("<HHHHIIH", disk, disk, here, count, size, offset, len(comment)) + comment


def archive(
    *entries: Entry, prefix: bytes = b"", gap: bytes = b"", comment: bytes = b"", counted: bool = True
) -> bytes:
    """An archive of these members. gap: before the directory. counted: whether offsets count the prefix."""
    body, listed = bytearray(prefix), []
    for entry in entries:
        if entry.listed:
            listed.append(listing(entry, len(body) - (0 if counted else len(prefix))))
        body += head(entry) + entry.body + entry.after
    body += gap
    directory, at = b"".join(listed), len(body) - (0 if counted else len(prefix))
    return bytes(body) + directory + ending(len(listed), len(directory), at, comment)


def zip64_ending(
    count: int, size: int, offset: int, at: int, *, reloff: int | None = None, here: int | None = None
) -> bytes:
    record = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count if here is None else here, count, size, offset)
    locator = struct.pack("<IQI", 0, at if reloff is None else reloff, 1)
    return b"PK\x06\x06" + record + b"PK\x06\x07" + locator


def descriptor(entry: Entry, *, wide: bool = False, signed: bool = True) -> bytes:
    return (b"PK\x07\x08" if signed else b"") + struct.pack("<IQQ" if wide else "<III", *entry.numbers())


def extra(tag: int, body: bytes) -> bytes:
    return struct.pack("<HH", tag, len(body)) + body


def second_name(name: bytes, other: bytes) -> bytes:
    """Info-ZIP's Unicode path."""
    return extra(0x7075, struct.pack("<BI", 1, zlib.crc32(name)) + other)


ONE = Entry()
AES = extra(0x9901, b"\x02\0AE\x03\x08\0")
MISMATCHES: dict[str, Entry] = {
    "name": replace(ONE, name=b"m/data.txt", content=EVIL, local={"name": b"m/data.pkl"}),
    "name_of_another_length": replace(ONE, local={"name": b"other.pkl.long"}),
    "method": replace(ONE, local={"method": 8}),
    "flags": replace(ONE, local={"flags": 1}),
    "flag_of_utf8": replace(ONE, local={"flags": 0x800}),
    "crc": replace(ONE, local={"crc": 1}),
    "crc_zero": replace(ONE, local={"crc": 0}),
    "size": replace(ONE, local={"size": 5}),
    "packed": replace(ONE, local={"packed": 5}),
    "sizes_zero": replace(ONE, local={"size": 0, "packed": 0, "crc": 0}),
}


def _each(form: str, why: str, table: dict[str, Callable[[], bytes]]) -> None:
    from corpus import Sample, add

    for name, build in table.items():
        add(Sample(f"zip/{name}", form, why, f"{name}.zip", "", build, True))


_each("zip", "CVE-2025-1944, CVE-2025-1945: local header and directory disagree",
      {f"mismatch_{name}": (lambda entry=entry: archive(entry, replace(ONE, name=b"second.pkl")))
       for name, entry in MISMATCHES.items()})  # fmt: skip

STREAMED = replace(ONE, flags=8, local={"crc": 0, "packed": 0, "size": 0})
WIDE = struct.pack("<QQ", len(HONEST), len(HONEST))
ONES = {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}
FLAGS: dict[str, Entry] = {
    "encrypted": replace(ONE, flags=1),
    "strongly_encrypted": replace(ONE, flags=0x41, needed=50),
    "masked_headers": replace(ONE, flags=0x2000),
    "patched": replace(ONE, flags=0x20),
    "reserved_flag": replace(ONE, flags=0x8000),
    "asks_for_version_25": replace(ONE, needed=250),
    "on_another_disk": replace(ONE, disk=1),
    "aes": replace(ONE, flags=1, method=99, extra=AES, local_extra=AES),
    "deflate64": replace(ONE, method=9, stored=squeeze(HONEST)),
    "ppmd": replace(ONE, method=98, stored=b"\0" * 20),
    "method_of_nobody": replace(ONE, method=77),
    "stored_of_two_sizes": replace(ONE, size=len(HONEST) - 4, crc=zlib.crc32(HONEST[:-4])),
    "wrong_crc": replace(ONE, content=EVIL, crc=7),
    "deflate_with_a_tail": replace(ONE, method=8, stored=squeeze(HONEST) + EVIL),
    "deflate_with_one_byte_more": replace(ONE, method=8, stored=squeeze(HONEST) + b"\0"),
    "deflate_that_does_not_end": replace(ONE, method=8, stored=squeeze(HONEST)[:-1]),
    "deflate_of_another_size": replace(ONE, method=8, size=3, crc=zlib.crc32(HONEST[:3])),
    "descriptor_of_other_sizes": replace(STREAMED, after=descriptor(replace(ONE, size=4))),
    "descriptor_of_another_crc": replace(STREAMED, after=descriptor(replace(ONE, crc=4))),
    "descriptor_missing": STREAMED,
    "descriptor_unsigned_and_longer": replace(STREAMED, after=descriptor(ONE, signed=False) + b"\0\0"),
    "zip64_in_local_of_other_sizes": replace(ONE, local=ONES, local_extra=extra(1, struct.pack("<QQ", 4, 4))),
    "zip64_in_directory_unasked": replace(ONE, extra=extra(1, struct.pack("<QQ", 4, 4))),
    "zip64_missing": replace(ONE, packed=0xFFFFFFFF, size=0xFFFFFFFF),
    "zip64_twice": replace(ONE, **ONES, extra=extra(1, WIDE) + extra(1, struct.pack("<QQ", 4, 4))),
    "zip64_of_seven_bytes": replace(ONE, size=0xFFFFFFFF, extra=extra(1, b"\0" * 7)),
    "unicode_path": replace(ONE, name=b"m/0", content=EVIL, extra=second_name(b"m/0", b"m/data.pkl")),
    "unicode_path_in_local": replace(ONE, local_extra=second_name(b"model.pkl", b"other.pkl")),
    "unicode_path_of_another_crc": replace(ONE, extra=extra(0x7075, struct.pack("<BI", 1, 5) + b"model.pkl")),
    "extra_of_nobody": replace(ONE, extra=extra(0xBEEF, EVIL)),
    "extra_times_with_data": replace(ONE, local_extra=extra(0x5455, b"\7" + EVIL * 3)),
    "extra_owner_with_data": replace(ONE, local_extra=extra(0x7875, b"\1\4" + EVIL)),
    "extra_jar_with_data": replace(ONE, extra=extra(0xCAFE, EVIL)),
    "extra_alignment_with_data": replace(ONE, local_extra=extra(0xD935, b"\4\0" + EVIL)),
    "extra_growth_with_data": replace(ONE, local_extra=extra(0xA220, b"\x28\xa0\0\0" + EVIL)),
    "extra_comment_that_is_a_program": replace(ONE, extra=extra(0x6375, bytes(5) + b"\x80\4" + EVIL)),
    "extra_that_is_cut": replace(ONE, extra=struct.pack("<HH", 0x5455, 400) + b"\1"),
    "extra_padding_with_data": replace(ONE, local_extra=extra(0x4246, EVIL)),
    "extra_zeros_with_data": replace(ONE, local_extra=extra(0, EVIL)),
    "extra_link": replace(ONE, extra=extra(0x756E, struct.pack("<IHIHH", 0, 0o120777, 6, 0, 0) + b"target")),
    "symbolic_link": replace(ONE, content=b"/etc/passwd", mode=0o120777),
    "windows_link": replace(ONE, mode=0, attributes=0x400),
    "device": replace(ONE, mode=0o020600),
    "pipe": replace(ONE, mode=0o010600),
    "folder_with_content": replace(ONE, name=b"folder/", content=EVIL),
    "folder_with_harmless_content": replace(ONE, name=b"folder/"),
    "file_marked_as_folder": replace(ONE, mode=0o040755),
    "file_marked_as_folder_in_dos": replace(ONE, attributes=0x10),
    "comment_of_a_member": replace(ONE, comment=b"\x80\x04\x8c\x05posix\x8c\x06system\x93."),
    "no_name": replace(ONE, name=b""),
    "name_with_zero_byte": replace(ONE, name=b"data.pkl\0.txt"),
    "name_with_newline": replace(ONE, name=b"data\n.pkl"),
    "name_with_escape": replace(ONE, name=b"\x1b[31mdata.pkl"),
    "name_that_is_no_utf8": replace(ONE, name=b"\xff\xfe.pkl", flags=0x800),
    "name_right_to_left": replace(ONE, name="lkp.\u202eatad".encode(), flags=0x800),
    "name_of_dots": replace(ONE, name=b"a/./b.pkl"),
    "name_with_empty_part": replace(ONE, name=b"a//b.pkl"),
    "name_of_a_device": replace(ONE, name=b"m/NUL.pkl"),
    "escape_upwards": replace(ONE, name=b"../a.pkl"),
    "escape_absolute": replace(ONE, name=b"/etc/a.pkl"),
    "escape_drive": replace(ONE, name=b"C:a.pkl"),
    "escape_backslash": replace(ONE, name=b"a\\..\\..\\b.pkl"),
    "escape_home": replace(ONE, name=b"~/.bashrc"),
    "place_beyond_the_file": replace(ONE, skew=4000),
    "place_in_the_middle": replace(ONE, skew=3),
}  # fmt: skip
SECOND = replace(ONE, name=b"second.bin")
_each(
    "zip",
    "an oddity of one member, which readers resolve differently or cannot read",
    {name: (lambda entry=entry: archive(entry, SECOND)) for name, entry in FLAGS.items()},
)

PAIRS: dict[str, tuple[bytes, bytes, int]] = {
    "exact": (b"a.pkl", b"a.pkl", 0),
    "case": (b"m/data.pkl", b"m/DATA.pkl", 0),
    "slash": (b"m/data.pkl", b"m\\data.pkl", 0),
    "two_slashes": (b"m/data.pkl", b"m//data.pkl", 0),
    "trailing_dot": (b"m/data.pkl", b"m/data.pkl.", 0),
    "trailing_space": (b"m/data.pkl", b"m/data.pkl ", 0),
    "dot_part": (b"data.pkl", b"./data.pkl", 0),
    "unicode_form": ("caf\u00e9.pkl".encode(), "cafe\u0301.pkl".encode(), 0x800),
    "wide_letters": (b"data.pkl", "\uff44ata.pkl".encode(), 0x800),
    "file_and_folder": (b"data", b"data/", 0),
}


def pair(one: bytes, two: bytes, flags: int) -> bytes:
    """Two members of these names."""
    first = replace(ONE, name=one, flags=flags)
    return archive(first, replace(first, name=two, content=b"" if two.endswith(b"/") else HONEST))


_each("zip", DUPLICATE, {f"duplicate_{name}": (lambda of=of: pair(*of)) for name, of in PAIRS.items()})


@bad("zip", "a member that the directory does not list, in front of those that it does", file="hidden.zip")
def hidden_in_front() -> bytes:
    return archive(replace(ONE, name=b"evil.pkl", content=EVIL, listed=False), ONE)


@bad("zip", "a member that the directory does not list, between two others", file="hidden.zip")
def hidden_between() -> bytes:
    return archive(ONE, replace(ONE, name=b"evil.pkl", content=EVIL, listed=False), replace(ONE, name=b"b"))


@bad("zip", "bytes before the directory", file="hidden.zip")
def hidden_before_the_directory() -> bytes:
    return archive(ONE, gap=EVIL)


@bad("zip", "a script in front, as in self-extracting archives", file="model.zip")
def script_in_front() -> bytes:
    return archive(ONE, prefix=b"#!/bin/sh\nid\nexit\n")


@bad("zip", "a program of every system in front, as in a llamafile", file="model.llamafile")
def program_in_front() -> bytes:
    return archive(ONE, prefix=b"MZqFpD='\n" + b"\0" * 500)


@bad("zip", "a pickle in front: pickle.load reads it, zipfile the archive", file="model.pkl")
def pickle_in_front() -> bytes:
    return archive(ONE, prefix=EVIL)


@bad(
    "zip",
    "a harmless picture of bytes in front, which the offsets do not count; only some readers add it",
    file="model.zip",
)
def prefix_that_is_not_counted() -> bytes:
    return archive(ONE, prefix=b"\x89PNG" + b"\0" * 60, counted=False)


@bad("zip", "two archives one behind the other", file="model.zip")
def two_archives() -> bytes:
    return archive(replace(ONE, content=EVIL)) + archive(ONE)


@bad("zip", "bytes behind the end record", file="model.zip")
def bytes_behind() -> bytes:
    return archive(ONE) + b"\0" * 30


@bad(
    "zip",
    "an archive in the comment: some readers take the last end record, others the one that fits",
    file="model.zip",
)
def archive_in_the_comment() -> bytes:
    return archive(ONE, comment=archive(replace(ONE, content=EVIL)))


@bad("zip", "an end record cut in the comment: the last signature is taken, and fails", file="model.zip")
def end_in_the_comment() -> bytes:
    return archive(ONE, comment=b"PK\x05\x06 is how archives end")


@bad("zip", "two end records that both reach the end of the file: the first is in the last member", file="model.zip")
def two_ends_that_fit() -> bytes:
    inner = archive(replace(ONE, content=EVIL))
    shown = replace(ONE, name=b"shown", content=HONEST)
    for size in range(20, 400):
        fake = inner[:-2] + struct.pack("<H", size)
        whole = archive(shown, replace(ONE, name=b"raw", content=fake))
        if whole.endswith(fake + whole[len(whole) - size :]):
            return whole
    raise AssertionError


@bad("zip", "a pickle in the comment", file="model.zip")
def pickle_in_the_comment() -> bytes:
    return archive(ONE, comment=EVIL)


@bad("zip", "binary data in the comment", file="model.zip")
def data_in_the_comment() -> bytes:
    return archive(ONE, comment=bytes(range(64)))


@bad("zip", "the directory lists more than its end says: zipfile reads all, miniz the number", file="model.zip")
def more_members_than_counted() -> bytes:
    data = archive(ONE, replace(ONE, name=b"evil.pkl", content=EVIL))
    return data[:-14] + struct.pack("<HH", 1, 1) + data[-10:]


@bad("zip", "two directories: one where the offset says, one where the size says", file="model.zip")
def two_directories() -> bytes:
    good, evil = ONE, replace(ONE, name=b"evil.pkl", content=EVIL)
    body = head(good) + good.body
    second = len(body)
    body += head(evil) + evil.body
    first, other = listing(replace(good), 0), listing(replace(evil, name=b"evil0.pkl"), second)
    return body + first + other + ending(1, len(other), len(body))


@bad("zip", "one part of several", file="model.zip")
def part_of_several() -> bytes:
    data = archive(ONE)
    return data[:-22] + ending(1, len(listing(ONE, 0)), len(data) - 22 - len(listing(ONE, 0)), disk=1)


@bad("zip", "the end says two numbers of members", file="model.zip")
def two_counts() -> bytes:
    data = archive(ONE)
    return data[:-22] + ending(1, len(listing(ONE, 0)), len(data) - 22 - len(listing(ONE, 0)), here=0)


def _with_zip64(data: bytes, *, reloff: int | None = None, here: int | None = None, count: int = 1) -> bytes:
    size, offset = struct.unpack("<II", data[-10:-2])
    return data[:-22] + zip64_ending(count, size, offset, len(data) - 22, reloff=reloff, here=here) + data[-22:]


@bad("zip", "zip64's locator names another record than the one before it: miniz and zipfile differ", file="model.zip")
def zip64_locator_elsewhere() -> bytes:
    return _with_zip64(archive(ONE), reloff=0)


@bad("zip", "zip64's end says another number of members", file="model.zip")
def zip64_other_count() -> bytes:
    return _with_zip64(archive(ONE), count=2)


@bad("zip", "zip64's end says two numbers of members", file="model.zip")
def zip64_two_counts() -> bytes:
    return _with_zip64(archive(ONE), here=3)


@bad("zip", "members that share their bytes, as in Fifield's bomb", file="bomb.zip")
def overlapping() -> bytes:
    body = head(ONE) + ONE.body
    directory = listing(ONE, 0) + listing(replace(ONE, name=b"again.bin"), 0)
    return body + directory + ending(2, len(directory), len(body))


@bad("zip", "a bomb by ratio", file="bomb.zip")
def bomb() -> bytes:
    return archive(replace(ONE, name=b"zeros", content=b"\0" * (70 << 20), method=8))


@bad("zip", "a bomb of many members, each below what one may expand to", file="bomb.zip")
def bomb_of_many() -> bytes:
    zeros = b"\0" * (30 << 20)
    packed = squeeze(zeros)
    one = Entry(content=b"", method=8, stored=packed, crc=zlib.crc32(zeros), size=len(zeros))
    return archive(*(replace(one, name=b"%d" % n) for n in range(6)))


@bad("zip", "a bomb in a bomb", file="bomb.zip")
def bomb_in_a_bomb() -> bytes:
    inner = archive(replace(ONE, name=b"zeros", content=b"\0" * (60 << 20), method=8))
    return archive(*(replace(ONE, name=b"%d" % n, content=inner, method=8) for n in range(20)))


@bad("zip", "cut before its directory", file="model.zip")
def truncated() -> bytes:
    return archive(ONE)[:-40]


@bad("zip", "a payload ten archives deep", file="model.zip")
def deep() -> bytes:
    data = EVIL
    for level in range(10):
        data = archive(replace(ONE, name=b"%d" % level, content=data, method=8 * (level % 2)))
    return data


@honest("zip", "Python's zipfile, stored", file="model.zip")
def plain() -> bytes:
    return archive(
        ONE, replace(ONE, name=b"sub/", content=b"", mode=0o040755, attributes=0x10), replace(ONE, name=b"sub/b.pkl")
    )


@honest("zip", "deflated, with a folder whose empty stream is two bytes, as jar writes", file="model.jar")
def deflated() -> bytes:
    return archive(replace(ONE, method=8), replace(ONE, name=b"sub/", content=b"", method=8))


@honest("zip", "written to a pipe: sizes follow the content", file="model.zip")
def streamed() -> bytes:
    two = replace(STREAMED, name=b"b", after=descriptor(ONE, signed=False))
    wide = replace(STREAMED, name=b"c", after=descriptor(ONE, wide=True), local={"crc": 0, **ONES},
                   local_extra=extra(1, struct.pack("<QQ", 0, 0)))  # fmt: skip
    return archive(replace(STREAMED, after=descriptor(ONE)), two, wide)


@honest("zip", "near miss: a comment that is text", file="model.zip")
def text_comment() -> bytes:
    return archive(ONE, comment="geschrieben für Ünit tests\n".encode())


@honest("zip", "near miss: an archive stored in an archive has an end record of its own", file="model.zip")
def nested() -> bytes:
    return archive(replace(ONE, content=archive(ONE)))


@honest("zip", "zip64 records that repeat the others, as torch writes", file="model.zip")
def zip64() -> bytes:
    return _with_zip64(archive(replace(ONE, **ONES, extra=extra(1, WIDE), local_extra=extra(1, WIDE))))


@honest("zip", "made on Windows: no modes, backslashes, times of NTFS, a name in the old code page", file="model.zip")
def windows() -> bytes:
    ntfs = extra(0x000A, b"\0" * 4 + struct.pack("<HH", 1, 24) + b"\1" * 24)
    one = replace(ONE, host=0, mode=0, attributes=0x20, extra=ntfs, name=b"folder\\model.pkl")
    return archive(one, replace(one, name=b"\x9aber.pkl"))


@honest("zip", "Info-ZIP's Unicode path that says what the name says", file="model.zip")
def unicode_path_that_agrees() -> bytes:
    name = "über.pkl".encode()
    return archive(replace(ONE, name=name, extra=second_name(name, name)))


@honest(
    "zip", "aligned for Android, with the mark of a jar, with the growth hint of Microsoft's packages", file="model.zip"
)
def aligned() -> bytes:
    first = replace(ONE, extra=extra(0xCAFE, b""), local_extra=extra(0xCAFE, b"") + extra(0xD935, b"\4\0\0"))
    return archive(first, replace(SECOND, local_extra=extra(0xA220, b"\x28\xa0\x1c\0" + bytes(28))))


@honest("zip", "every method that zipfile writes", file="model.zip")
def methods() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            file.writestr(f"{method}.pkl", HONEST, compress_type=method)
    return buffer.getvalue()


@honest("zip", "an empty archive, and an empty member", file="model.zip")
def empty() -> bytes:
    return archive(replace(ONE, name=b"inner.zip", content=archive()), replace(ONE, name=b"__init__.py", content=b""))


@honest("zip", "numpy.savez_compressed", file="model.npz", needs="numpy")
def npz() -> bytes:
    import numpy

    buffer = io.BytesIO()
    numpy.savez_compressed(buffer, a=numpy.arange(1000.0), b=numpy.eye(4))
    return buffer.getvalue()
