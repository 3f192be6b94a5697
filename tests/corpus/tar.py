"""tar: archives that two readers go through differently, and those of real writers."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable

from corpus import Sample, add, honest

EVIL = b"cposix\nsystem\n(S'id'\ntR."
HONEST = pickle.dumps({"weights": [0.5, -1.5]}, 2)
END = bytes(1024)


def header(
    name: bytes = b"model.pkl",
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    link: bytes = b"",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    mode: bytes = b"0000644\0",
    tail: bytes = b"",
    checksum: int = 0,
) -> bytes:
    """A header block. size: a number, or the field itself. tail: what stands behind. checksum: by how much it lies."""
    length = size if isinstance(size, bytes) else b"%011o\0" % size
    block = name.ljust(100, b"\0") + mode + b"0000000\0" * 2 + length + b"00000000000\0" + b" " * 8 + kind
    block += link.ljust(100, b"\0") + magic.ljust(8, b"\0") + bytes(64) + bytes(16) + prefix.ljust(155, b"\0")
    block = (block + tail).ljust(512, b"\0")
    assert len(block) == 512
    return block[:148] + b"%06o\0 " % (sum(block) + checksum) + block[156:]


def padded(content: bytes, filler: bytes = b"\0") -> bytes:
    return content + filler * (-len(content) % 512)


def member(name: bytes = b"model.pkl", content: bytes = HONEST, kind: bytes = b"0", **more: object) -> bytes:
    return header(name, len(content), kind, **more) + padded(content)  # type: ignore[arg-type]


def records(**pairs: bytes) -> bytes:
    """A pax record block. `__` in a key stands for a dot."""
    body = b""
    for key, value in pairs.items():
        line = b" " + key.replace("__", ".").encode() + b"=" + value + b"\n"
        size = len(line) + 1
        while len(b"%d" % size) + len(line) != size:
            size += 1
        body += b"%d" % size + line
    return body


def pax(body: bytes, kind: bytes = b"x") -> bytes:
    return member(b"PaxHeaders/x", body, kind)


BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "payload": ("a pickle in a tar", lambda: member(content=EVIL) + END),
    "payload_in_nemo": (
        "a NeMo model is a tar",
        lambda: member(b"./model_weights.ckpt", EVIL) + member(b"b.pkl") + END,
    ),
    "symbolic_link": ("CVE-2007-4559 and after: links", lambda: member(b"a", b"", b"2", link=b"/etc") + END),
    "hard_link": ("CWE-59", lambda: member(b"a", b"", b"1", link=b"/etc/passwd") + END),
    "link_with_content": (
        "readers differ in whether a link's content is passed over",
        lambda: member(b"a", member(content=EVIL), b"1", link=b"b") + END,
    ),
    "folder_with_content": (
        "tarfile reads on inside of it, others behind it",
        lambda: member(b"a/", member(content=EVIL), b"5") + END,
    ),
    "character_device": ("CWE-59", lambda: member(b"a", b"", b"3") + END),
    "block_device": ("CWE-59", lambda: member(b"a", b"", b"4") + END),
    "pipe": ("CWE-59", lambda: member(b"a", b"", b"6") + END),
    "escape_upwards": ("CVE-2007-4559", lambda: member(b"../a.pkl") + END),
    "escape_absolute": ("CVE-2007-4559", lambda: member(b"/tmp/a.pkl") + END),
    "escape_in_the_prefix": ("CVE-2007-4559", lambda: member(b"a.pkl", prefix=b"../..") + END),
    "escape_in_a_long_name": (
        "CVE-2007-4559, by GNU's record",
        lambda: member(b"././@LongLink", b"../a.pkl\0", b"L") + member(b"../a.pkl") + END,
    ),
    "escape_in_pax": ("CVE-2007-4559, by pax", lambda: pax(records(path=b"../a.pkl")) + member() + END),
    "escape_in_the_short_name": (
        "readers that know no pax take it",
        lambda: pax(records(path=b"a.pkl")) + member(b"../a.pkl") + END,
    ),
    "pax_size": (
        "a reader that knows no pax goes on elsewhere, into a hidden member",
        lambda: pax(records(size=b"1024")) + header(size=0) + member(b"evil.pkl", EVIL)[:1024] + END,
    ),
    "pax_size_smaller": ("the other way round", lambda: pax(records(size=b"0")) + member(content=EVIL) + END),
    "pax_size_negative": ("CVE-2025-8194", lambda: pax(records(size=b"-512")) + member() + END),
    "pax_for_all_of_the_path": (
        "a global record renames every member",
        lambda: pax(records(path=b"data.pkl"), b"g") + member(b"readme.pkl") + END,
    ),
    "pax_twice": (
        "readers differ in which they take",
        lambda: pax(records(path=b"a")) + pax(records(path=b"b")) + member() + END,
    ),
    "pax_key_twice": ("the last, or the first", lambda: pax(records(path=b"a") + records(path=b"b")) + member() + END),
    "pax_of_a_wrong_length": ("lengths that lie", lambda: pax(b"99 path=a\n") + member() + END),
    "pax_without_a_length": ("no number", lambda: pax(b"path=a.pkl\n") + member() + END),
    "pax_of_nobody": ("a key that is not understood", lambda: pax(records(MINE__code=EVIL)) + member() + END),
    "pax_capability": (
        "unpacking grants rights",
        lambda: pax(records(SCHILY__xattr__security__capability=b"\1")) + member() + END,
    ),
    "pax_attribute_that_is_a_program": (
        "an attribute that a program reads back",
        lambda: pax(records(SCHILY__xattr__user__x=b"\x80\4" + EVIL)) + member() + END,
    ),
    "pax_comment_that_is_a_program": (
        "a comment for all members",
        lambda: pax(records(comment=b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\x3e\0"), b"g") + member() + END,
    ),
    "pax_sparse": (
        "content that is put together from a map",
        lambda: pax(records(GNU__sparse__major=b"1", GNU__sparse__minor=b"0")) + member() + END,
    ),
    "pax_at_the_end": ("it amends nothing", lambda: member() + pax(records(path=b"a")) + END),
    "long_name_and_pax": (
        "two long names",
        lambda: member(b"././@LongLink", b"model.pkl\0", b"L") + pax(records(path=b"a")) + member() + END,
    ),
    "long_name_of_another": (
        "readers that know no GNU records take the other",
        lambda: member(b"././@LongLink", b"data.txt\0", b"L") + member(b"model.pkl") + END,
    ),
    "sparse": ("GNU's old map", lambda: header(size=512, kind=b"S", magic=b"ustar  \0") + bytes(512) + END),
    "type_of_nobody": ("tarfile takes it for a file", lambda: member(kind=b"Z") + END),
    "volume_label": ("one part of several", lambda: member(content=b"", kind=b"V") + END),
    "continued": ("one part of several", lambda: member(kind=b"M") + END),
    "duplicate": ("the last one wins, or the first", lambda: member() + member(content=HONEST) + END),
    "duplicate_by_case": ("on file systems that fold case", lambda: member() + member(b"MODEL.pkl") + END),
    "duplicate_by_dots": ("./a is a", lambda: member() + member(b"./model.pkl") + END),
    "wrong_checksum": (
        "tarfile stops without a word, GNU tar goes on",
        lambda: member() + header(b"b", checksum=5) + member(b"c", EVIL) + END,
    ),
    "signed_checksum": (
        "only some readers sum bytes with a sign",
        lambda: header("é".encode(), checksum=-512) + END,
    ),
    "size_with_underscore": ("int() takes it", lambda: header(size=b"0000000_054\0") + padded(HONEST) + END),
    "size_negative": ("int() takes it", lambda: header(size=b"-0000000012\0") + padded(HONEST) + END),
    "size_in_base_256": (
        "beyond the file",
        lambda: header(size=b"\x80" + b"\0" * 6 + b"\xff" * 5) + padded(HONEST) + END,
    ),
    "size_negative_in_base_256": ("CVE-2025-8194", lambda: header(size=b"\xff" * 12) + padded(HONEST) + END),
    "mode_that_is_none": ("tarfile refuses, others read on", lambda: member(mode=b"rw-r--r-") + END),
    "cut_in_content": ("truncated", lambda: member(content=HONEST * 40)[:-512]),
    "cut_in_a_header": ("truncated", lambda: member() + header()[:200]),
    "data_behind_the_end": ("GNU tar can go on", lambda: member() + END + member(b"evil.pkl", EVIL) + END),
    "one_block_of_zeros": (
        "GNU tar goes on, tarfile stops",
        lambda: member() + bytes(512) + member(b"evil.pkl", EVIL) + END,
    ),
    "text_behind_the_end": ("not of the archive", lambda: member() + END + b"payload"),
    "padding_with_data": ("bytes that no reader sees", lambda: header(size=len(HONEST)) + padded(HONEST, b"x") + END),
    "name_with_data_behind": ("bytes that no reader sees", lambda: member(b"model.pkl\0hidden") + END),
    "header_with_data_behind": ("bytes that no reader sees", lambda: member(tail=b"hidden") + END),
    "prefix_of_another_mark": (
        "tarfile joins it, GNU tar does not",
        lambda: member(magic=b"ustar  \0", prefix=b"dir") + END,
    ),
    "name_with_newline": ("logs and lists", lambda: member(b"a\nb.pkl") + END),
    "no_name": ("tarfile gives it none", lambda: member(b"") + END),
}  # fmt: skip
for _name, (_why, _build) in BAD.items():
    add(Sample(f"tar/{_name}", "tar", _why, "model.tar", "", _build, True))


def written(form: int, **names: bytes) -> bytes:
    """By Python's tarfile."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as file:
        for name, content in names.items():
            info = tarfile.TarInfo(name.replace("__", "/") + ".pkl")
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        folder = tarfile.TarInfo("sub/")
        folder.type = tarfile.DIRTYPE
        file.addfile(folder)
    return buffer.getvalue()


LONG_NAME = "deep__" * 40 + "model"


@honest("tar", "POSIX, by tarfile", file="model.nemo")
def ustar() -> bytes:
    return written(tarfile.USTAR_FORMAT, a=HONEST, sub__b=HONEST)


@honest("tar", "GNU with a long name, by tarfile", file="model.tar")
def gnu() -> bytes:
    return written(tarfile.GNU_FORMAT, **{"a": HONEST, LONG_NAME: HONEST})


@honest("tar", "pax with a long name and letters beyond ASCII, by tarfile", file="model.tar")
def pax_names() -> bytes:
    return written(tarfile.PAX_FORMAT, **{"ü": HONEST, LONG_NAME: HONEST})


@honest("tar", "the oldest form, without a mark", file="model.tar")
def seventh_edition() -> bytes:
    return member(magic=b"", kind=b"\0") + member(b"sub/", b"", b"\0", magic=b"") + END


@honest("tar", "git archive: a global record with the commit", file="model.tar")
def git() -> bytes:
    return pax(records(comment=b"0" * 40), b"g") + member() + END


@honest("tar", "times and a size in pax, as GNU tar and bsdtar write", file="model.tar")
def pax_times() -> bytes:
    times = records(mtime=b"1700000000.5", atime=b"1700000000.5", LIBARCHIVE__creationtime=b"1700000000")
    return pax(times) + member() + pax(records(size=b"%d" % len(HONEST))) + member(b"b.pkl") + END


@honest("tar", "a user number in base 256, blocks of 10,240 bytes", file="model.tar")
def base_256() -> bytes:
    data = member(mode=b"\x80\0\0\0\0\0\1\xa4") + END
    return data.ljust(10240, b"\0")


@honest("tar", "near miss: an archive that ends where its last member does", file="model.tar")
def no_end() -> bytes:
    return member()


@honest("tar", "a folder told twice, and an empty file", file="model.tar")
def folders() -> bytes:
    return (
        member(b"./", b"", b"5") + member(b"./", b"", b"5") + member(b"./__init__.py", b"") + member(b"./a.pkl") + END
    )
