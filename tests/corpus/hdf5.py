"""HDF5: links that leave the file, data that lies elsewhere, plug-ins, lies about size, what hides between blocks."""

from __future__ import annotations

import pickle
import struct
import zlib

from corpus import bad, honest
from corpus.hdf5_texts import Evil
from corpus.hdf5_writer import (
    CACHE_IMAGE,
    CONTINUATION,
    DRIVER,
    EMPTY_GROUP,
    EXTERNAL,
    FILTERS,
    FLOAT,
    LAYOUT,
    LINK_INFO,
    SCALAR,
    UNDEFINED,
    Maker,
    attribute,
    contiguous,
    hard,
    header,
    linked,
    message,
    shape,
    summed,
    text,
)

WEIGHTS = struct.pack("<6f", 0.5, -1.5, 2.5, 3.5, -4.5, 5.5)
ELSEWHERE = b"\0/etc/passwd\0/\0"
GZIP = struct.pack("<BBHHHI", 2, 1, 1, 0, 1, 6)


def weights(maker: Maker) -> int:
    return maker.data(WEIGHTS, FLOAT, 2, 3)


@honest("hdf5", "weights in two groups, with a soft link and a hard one twice", file="model.weights.h5")
def plain_weights() -> bytes:
    maker = Maker()
    data = weights(maker)
    inner = maker.group(hard("kernel", data), text("name", b"dense"))
    return maker.done(maker.group(hard("dense", inner), hard("again", data), linked("soft", 1, b"/dense/kernel")))


@honest("hdf5", "a user block that is empty", file="model.h5")
def empty_user_block() -> bytes:
    maker = Maker(bytes(512))
    return maker.done(maker.group(hard("w", weights(maker))))


@honest("hdf5", "a chunk behind gzip", file="model.h5")
def one_chunk() -> bytes:
    return chunked(zlib.compress(WEIGHTS), GZIP)


@bad("hdf5", "CVE-2026-1669: an external link", file="model.weights.h5")
def external_link() -> bytes:
    maker = Maker()
    return maker.done(maker.group(hard("w", weights(maker)), linked("kernel", 64, ELSEWHERE)))


@bad("hdf5", "an external link three groups down", file="model.weights.h5")
def external_link_deep() -> bytes:
    maker = Maker()
    at = maker.group(linked("kernel", 64, ELSEWHERE))
    for name in ("vars", "dense", "layers"):
        at = maker.group(hard(name, at))
    return maker.done(at)


@bad("hdf5", "an external link in a continuation of the header", file="model.weights.h5")
def external_link_continued() -> bytes:
    maker = Maker()
    rest = summed(b"OCHK" + linked("kernel", 64, ELSEWHERE))
    at = maker.put(rest)
    return maker.done(maker.group(message(CONTINUATION, struct.pack("<QQ", at, len(rest)))))


@bad("hdf5", "CVE-2026-1669: a data set whose bytes are another file's", file="model.weights.h5")
def external_data() -> bytes:
    maker = Maker()
    heap = maker.local_heap(b"\0" * 8 + b"/etc/passwd\0")
    slot = struct.pack("<QQQ", 8, 0, 24)
    files = message(EXTERNAL, bytes((1, 0, 0, 0)) + struct.pack("<HHQ", 1, 1, heap) + slot)
    data = maker.data_set(message(LAYOUT, b"\3\1" + UNDEFINED + struct.pack("<Q", 24)), FLOAT, shape(2, 3), files)
    return maker.done(maker.group(hard("kernel", data)))


@bad("hdf5", "a virtual data set of another file's", file="model.weights.h5")
def virtual_data() -> bytes:
    maker = Maker()
    heap = maker.global_heap(b"\0" + struct.pack("<Q", 1) + b"/etc/passwd\0data\0" + bytes(48))
    data = maker.data_set(message(LAYOUT, b"\4\3" + struct.pack("<QI", heap, 1)), FLOAT, shape(2, 3))
    return maker.done(maker.group(hard("kernel", data)))


@bad("hdf5", "a link that only a registered callback can follow", file="model.h5")
def user_link() -> bytes:
    maker = Maker()
    return maker.done(maker.group(linked("kernel", 200, b"anything")))


def chunked(stored: bytes, pipeline: bytes, kind: bytes = FLOAT) -> bytes:
    maker = Maker()
    at = maker.put(stored)
    index = bytes((4, 2, 2, 3, 1, 2, 3, 4, 1)) + struct.pack("<QIQ", len(stored), 0, at)
    data = maker.data_set(message(LAYOUT, index), kind, shape(2, 3), message(FILTERS, pipeline))
    return maker.done(maker.group(hard("kernel", data)))


@bad("hdf5", "a filter that no registry knows: a native library is loaded", file="model.h5")
def unknown_filter() -> bytes:
    return chunked(WEIGHTS, struct.pack("<BBHHHH", 2, 1, 31337, 0, 0, 0))


@bad("hdf5", "CVE-2026-0897: a shape of 4 TiB in a file of a few bytes", file="model.weights.h5")
def shape_bomb() -> bytes:
    maker = Maker()
    layout = message(LAYOUT, b"\3\1" + UNDEFINED + struct.pack("<Q", 1 << 42))
    return maker.done(maker.group(hard("kernel", maker.data_set(layout, FLOAT, shape(1 << 40)))))


@bad("hdf5", "a chunk that unpacks to more than it says", file="model.h5")
def chunk_bomb() -> bytes:
    return chunked(zlib.compress(bytes(1 << 20)), GZIP)


@bad("hdf5", "two links of one name", file="model.h5")
def link_twice() -> bytes:
    maker = Maker()
    one, two = weights(maker), weights(maker)
    return maker.done(maker.group(hard("w", one), hard("w", two)))


@bad("hdf5", "a pickle that no object holds", file="model.h5")
def pickle_between() -> bytes:
    maker = Maker()
    maker.put(pickle.dumps(Evil()))
    return maker.done(maker.group(hard("w", weights(maker))))


@bad("hdf5", "100 KB that no object holds", file="model.h5")
def hidden_bytes() -> bytes:
    maker = Maker()
    maker.put(bytes(range(1, 256)) * 400)
    return maker.done(maker.group(hard("w", weights(maker))))


@bad("hdf5", "bytes behind the end that the file gives itself", file="model.h5")
def trailing() -> bytes:
    maker = Maker()
    return maker.done(maker.group(hard("w", weights(maker))), behind=b"#!/bin/sh\nid\n")


@bad("hdf5", "a script in the user block", file="model.h5")
def script_in_user_block() -> bytes:
    maker = Maker(b"#!/bin/sh\nid\n".ljust(512, b"\0"))
    return maker.done(maker.group(hard("w", weights(maker))))


@bad("hdf5", "a pickle in the user block", file="model.h5")
def pickle_in_user_block() -> bytes:
    maker = Maker(pickle.dumps(Evil()).ljust(1024, b"\0"))
    return maker.done(maker.group(hard("w", weights(maker))))


@bad("hdf5", "two objects that share bytes", file="model.h5")
def overlap() -> bytes:
    maker = Maker()
    at = maker.put(WEIGHTS * 2)
    one = maker.data_set(contiguous(at, 24), FLOAT, shape(2, 3))
    two = maker.data_set(contiguous(at + 8, 24), FLOAT, shape(2, 3))
    return maker.done(maker.group(hard("a", one), hard("b", two)))


@bad("hdf5", "a cached image of metadata, which the library takes for the truth", file="model.h5")
def cache_image() -> bytes:
    maker = Maker()
    extension = maker.put(header(message(CACHE_IMAGE, b"\0" + struct.pack("<QQ", 0, 48))))
    return maker.done(maker.group(hard("w", weights(maker))), extension)


@bad("hdf5", "the family driver: the data lies in other files", file="model.h5")
def family_driver() -> bytes:
    maker = Maker()
    extension = maker.put(header(message(DRIVER, b"\0NCSAfami" + struct.pack("<HQ", 8, 1024))))
    return maker.done(maker.group(hard("w", weights(maker))), extension)


@bad("hdf5", "a message of a type that nobody knows", file="model.h5")
def unknown_message() -> bytes:
    maker = Maker()
    return maker.done(maker.group(message(0x42, b"anything")))


@bad("hdf5", "a wrong checksum", file="model.h5")
def wrong_checksum() -> bytes:
    maker = Maker()
    content = bytearray(maker.done(maker.group(hard("w", weights(maker)))))
    content[-1] ^= 1
    return bytes(content)


@bad("hdf5", "a header that continues in itself", file="model.h5")
def endless_header() -> bytes:
    maker = Maker()
    at = len(maker.blocks)
    return maker.done(maker.group(message(CONTINUATION, struct.pack("<QQ", at, 60))))


@bad("hdf5", "a link to itself, which a walk must survive, and an external one", file="model.h5")
def cycle() -> bytes:
    maker = Maker()
    at = len(maker.blocks)
    return maker.done(maker.group(hard("self", at), linked("kernel", 64, ELSEWHERE)))


@bad("hdf5", "a reference of the new kind, which may name another file", file="model.h5")
def foreign_reference() -> bytes:
    maker = Maker()
    kind = bytes((0x47, 0x02, 0, 0)) + struct.pack("<I", 64)
    return maker.done(maker.group(attribute("r", kind, SCALAR, bytes(64))))


@bad("hdf5", "truncated in its data", file="model.h5")
def truncated() -> bytes:
    return plain_weights()[:-40]


@bad("hdf5", "nothing but the mark", file="model.h5")
def only_the_mark() -> bytes:
    return b"\x89HDF\r\n\x1a\n"


@honest("hdf5", "a line's end behind the file, of some editor", file="model.h5")
def line_end_behind() -> bytes:
    maker = Maker()
    return maker.done(maker.group(hard("w", weights(maker))), behind=b"\n\n")


@honest("hdf5", "a user block of MATLAB 7.3", file="data.mat")
def matlab() -> bytes:
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  5 10:00:00 2026 HDF5 schema 1.00 ."
    maker = Maker((head.ljust(116) + bytes(8) + b"\0\2IM").ljust(512, b"\0"))
    return maker.done(maker.group(hard("w", weights(maker))))


@bad("hdf5", "a program in a user block that begins as MATLAB's", file="data.mat")
def matlab_no_more() -> bytes:
    maker = Maker((b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\0\2IM" + b"\x7fELF\2\1\1").ljust(512, b"\0"))
    return maker.done(maker.group(hard("w", weights(maker))))


@honest("hdf5", "a group with nothing in it", file="model.h5")
def empty_group() -> bytes:
    maker = Maker()
    return maker.done(maker.put(header(message(LINK_INFO, EMPTY_GROUP))))
