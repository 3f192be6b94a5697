"""What stands in a torch archive beside its program: storages, notes, and the bytes of other formats."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zlib
from typing import Any

from corpus import Sample, add, honest
from corpus.npy import OBJECTS
from corpus.torch import EVIL, EVIL_2, LEGACY, TENSOR, checkpoint, tarred, zipped

ELF = b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\x3e\0" + bytes(60)
SCRIPT = {
    "data.pkl": b"\x80\x02K\1.",
    "code/__torch__.py": b"x = 1\n",
    "constants.pkl": b"\x80\x02).",
    "version": b"3\n",
}


def _storage(content: bytes) -> bytes:
    """A checkpoint whose one tensor has this content."""
    return checkpoint(TENSOR, data__0=content)


def tar_and_zip() -> bytes:
    """A zip whose first member, a storage, has a tar in it that begins where the zip does."""
    name, rest = b"m/data/0", b"a: 1\n" + bytes(507) + bytes(1024)
    crc = 0
    for _ in range(64):  # the header's sum is in the content, and the content's sum in the header
        head = _tar_header(_local(name, crc, 512 - 38 + len(rest)))
        found = zlib.crc32(head[38:] + rest)
        if found == crc:
            break
        crc = found
    out, listed = bytearray(head + rest), [(name, 0, crc, 512 - 38 + len(rest))]
    for other, content in ((b"m/data.pkl", TENSOR), (b"m/version", b"3\n")):
        listed.append((other, len(out), zlib.crc32(content), len(content)))
        out += _local(other, *listed[-1][2:]) + content
    begin = len(out)
    for each, at, check, size in listed:
        row = (b"PK\1\2", 20, 20, 0, 0, 0, 0x21, check, size, size, len(each), 0, 0, 0, 0, 0, at)
        out += struct.pack("<4s6H3I5H2I", *row) + each
    return bytes(out) + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, len(out) - begin, begin, 0)


def _local(name: bytes, crc: int, size: int) -> bytes:
    return struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0x21, crc, size, size, len(name), 0) + name


def _tar_header(start: bytes) -> bytes:
    block = bytearray(start.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"00000000005\0" + b"0" * 11)
    block += b"\0        0"
    block = block.ljust(257, b"\0") + bytearray(b"ustar\x0000")
    block = block.ljust(512, b"\0")
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


BAD: tuple[tuple[str, str, bytes], ...] = (
    ("array_in_a_storage", "numpy.load opens any zip, and runs the objects of any member", _storage(OBJECTS)),
    ("old_pickle_in_a_storage", "a program of protocol 0 where numbers should be", _storage(EVIL)),
    ("program_in_a_storage", "a library for Linux where numbers should be", _storage(ELF)),
    ("archive_in_a_storage", "an archive where numbers should be", _storage(zipped({"a.pkl": EVIL_2}))),
    ("storage_of_nobody", "a storage that no tensor names", checkpoint(TENSOR, data__7=zlib.compress(EVIL_2))),
    ("tar_in_a_storage", "the same, an archive without a mark", checkpoint(TENSOR, data__7=tarred({"a.pkl": EVIL_2}))),
    ("version_is_an_array", "numpy.load on torch's version note", checkpoint(TENSOR, version=OBJECTS)),
    ("byteorder_is_a_pickle", "a note that is a program", checkpoint(TENSOR, byteorder=EVIL_2)),
    ("note_is_a_script", "a hidden note that is a script", checkpoint(TENSOR, **{".data__x": b"#!/bin/sh\nid\n"})),
    ("note_is_a_library", "a hidden note that is a library", checkpoint(TENSOR, **{".data__x": ELF})),
    (
        "weight_is_an_array",
        "an exported weight that numpy.load would run",
        zipped({"archive_format": b"pt2", "data/weights/weight_0": OBJECTS}),
    ),
    (
        "weight_is_packed",
        "an exported weight that is an archive",
        zipped({"archive_format": b"pt2", "data/weights/weight_0": gzip.compress(EVIL_2)}),
    ),
    (
        "legacy_sixth",
        "a sixth pickle behind the old form's five",
        LEGACY + pickle.dumps({}, 2) + b"\x80\x02]." + EVIL_2,
    ),
    (
        "legacy_library",
        "a library behind the old form's five pickles",
        LEGACY + pickle.dumps({}, 2) + b"\x80\x02]." + ELF,
    ),
    (
        "magic_in_a_text",
        "the magic number in a text: six pickles, of which the last runs",
        pickle.dumps(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", 3) + b"\x80\x02N." * 4 + EVIL_2,
    ),
    (
        "class_of_a_library",
        "a program that makes an object of any class registered in C++",
        zipped(SCRIPT | {"code/__torch__.py": b"x = __torch__.torch.classes.dist_c10d.TCPStore('host', 1)\n"}),
    ),
    (
        "instance_of_a_library",
        "the same, in the program's own pickle",
        zipped(SCRIPT | {"data.pkl": b"\x80\x02c__torch__.torch.classes.tensorrt\nEngine\n)\x81(X\1\0\0\0xtb."}),
    ),
    (
        "mobile_reads_a_file",
        "a mobile program's bytecode names the operators that it runs",
        zipped(SCRIPT | {"bytecode.pkl": b"\x80\x02(X\x0f\0\0\0aten::from_fileX\0\0\0\0K\3t."}),
    ),
    ("tar_and_zip", "torch opens the zip, tarfile (NeMo) a tar in the same bytes", tar_and_zip()),
)
for _name, _why, _data in BAD:
    add(Sample(f"torch_members/{_name}", "torch", _why, "model.pt", "", lambda data=_data: data, dangerous=True))


@honest("torch", "near miss: a storage named by its second key", file="model.pt")
def second_key() -> bytes:
    return zipped({"data.pkl": TENSOR.replace(b"\1\0\0\x000X", b"\1\0\0\x001X"), "version": b"3\n", "data/1": bytes(8)})


@honest("torch", "the notes that torch writes", file="model.pt")
def notes() -> bytes:
    more: dict[str, Any] = {
        ".format_version": b"1",
        ".storage_alignment": b"64",
        ".data__serialization_id": b"1234" * 10,
    }
    return checkpoint(TENSOR, **more)


@honest("torch", "numbers that begin as a short mark of something does", file="model.pt")
def short_marks() -> bytes:
    return _storage(b"MZ\x90\0\3\0\0\0")


@honest("torch", "a traced program with constants", file="model.pt", needs="torch")
def traced() -> bytes:
    import torch

    buffer = io.BytesIO()
    with torch.no_grad():
        net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()).requires_grad_(False)
        torch.jit.save(torch.jit.trace(lambda x: net(x) + torch.arange(2), torch.zeros(1, 2)), buffer)
    return buffer.getvalue()


@honest("torch", "a scripted module for the mobile interpreter", file="model.ptl", needs="torch")
def mobile() -> bytes:
    import torch

    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU()).eval()
    content: bytes = torch.jit.script(net)._save_to_buffer_for_lite_interpreter(_use_flatbuffer=False)
    return content


@honest("torch", "packed weights of a quantised layer", file="model.pt")
def packed_weights() -> bytes:
    instance = b"\x80\x02c__torch__.torch.classes.quantized\nLinearPackedParamsBase\n)\x81(K\1tb."
    return zipped(
        SCRIPT
        | {"data.pkl": instance, "code/__torch__.py": b"w : __torch__.torch.classes.quantized.LinearPackedParamsBase\n"}
    )
