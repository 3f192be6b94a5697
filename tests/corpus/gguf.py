"""GGUF: headers that lie about counts, lengths, offsets and sizes, and what hides beside the tensors."""

from __future__ import annotations

import os
import pickle
import struct

from corpus import bad, honest
from corpus.gguf_writer import ARRAY, BOOL, F32, TEXT, U8, U32, U64, Writer

CHATML = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
W = Writer()
NAME = W.entry("general.architecture", TEXT, W.text("llama"))
WEIGHTS = struct.pack("<8f", *range(8))


def with_template(text: str) -> bytes:
    """A model whose chat template is some text."""
    entries = [NAME, W.entry("tokenizer.chat_template", TEXT, W.text(text))]
    return W.file(entries, [W.tensor("a", [8], 0)], WEIGHTS)


@honest("gguf", "a model with a vocabulary, a template and two tensors, as gguf-py writes them", file="model.gguf")
def small_model() -> bytes:
    entries = [
        NAME,
        W.entry("tokenizer.ggml.tokens", ARRAY, W.texts(["<s>", "a", "é", b"\xff\xfe"])),
        W.entry("tokenizer.ggml.scores", ARRAY, W.number("I", F32) + W.length(3) + struct.pack("<3f", 0, -1, -2)),
        W.entry("general.file_type", U32, struct.pack("<I", 0)),
        W.entry("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
        W.entry("tokenizer.chat_template", TEXT, W.text(CHATML)),
    ]
    return W.file(entries, [W.tensor("a", [4, 2], 0), W.tensor("b", [32], 32, kind=8)], WEIGHTS + bytes(34) + bytes(30))


@honest("gguf", "version 1, whose lengths are of 32 bits", file="model.gguf")
def version_one() -> bytes:
    w = Writer(version=1)
    return w.file([w.entry("a", TEXT, w.text("b"))], [w.tensor("t", [8], 0)], WEIGHTS)


@honest("gguf", "version 2", file="model.gguf")
def version_two() -> bytes:
    w = Writer(version=2)
    return w.file([w.entry("a", U64, w.number("Q", 7))], [w.tensor("t", [8], 0)], WEIGHTS)


@honest("gguf", "big-endian, as made for IBM Z", file="model.gguf")
def big_endian() -> bytes:
    w = Writer(order=">")
    return w.file([w.entry("a", U32, w.number("I", 7))], [w.tensor("t", [8], 0)], struct.pack(">8f", *range(8)))


@honest("gguf", "a vocabulary alone, without tensors", file="vocab.gguf")
def vocabulary_only() -> bytes:
    return W.file([NAME, W.entry("tokenizer.ggml.tokens", ARRAY, W.texts(["a", "b"]))])


@honest("gguf", "an alignment of 64 and padding between tensors", file="model.gguf")
def wide_alignment() -> bytes:
    entries = [W.entry("general.alignment", U32, struct.pack("<I", 64))]
    tensors = [W.tensor("a", [3], 0), W.tensor("b", [2], 64)]
    return W.file(entries, tensors, bytes(12) + bytes(52) + bytes(8), alignment=64)


@honest("gguf", "a scalar, an empty array and arrays in an array", file="model.gguf")
def odd_but_true() -> bytes:
    inner = W.number("I", U8) + W.length(2) + b"\1\2"
    nested = W.number("I", ARRAY) + W.length(2) + inner + inner
    empty = W.number("I", TEXT) + W.length(0)
    return W.file([W.entry("n", ARRAY, nested), W.entry("e", ARRAY, empty)], [W.tensor("s", [1], 0)], bytes(4))


@honest("gguf", "the word template in a key whose text is none", file="model.gguf")
def near_template() -> bytes:
    return W.file([NAME, W.entry("general.description", TEXT, W.text("prompts use {braces} and 100 %"))])


@bad("gguf", "CVE-2024-34359: a chat template that leaves Jinja", file="model.gguf")
def template_escape() -> bytes:
    return with_template("{{ ''.__class__.__mro__[1].__subclasses__() }}")


@bad("gguf", "CVE-2026-5760: a reranker's template that reaches os by way of lipsum", file="model.gguf")
def template_lipsum() -> bytes:
    return with_template('The answer is "yes".\n{{ lipsum.__globals__["os"].popen("id").read() }}')


@bad("gguf", "the template under another name: tokenizer.chat_template.tool_use", file="model.gguf")
def second_template() -> bytes:
    entries = [
        W.entry("tokenizer.chat_template", TEXT, W.text(CHATML)),
        W.entry("tokenizer.chat_template.tool_use", TEXT, W.text("{{ cycler.__init__.__globals__ }}")),
    ]
    return W.file(entries)


@bad("gguf", "a template in a key of no known name", file="model.gguf")
def template_elsewhere() -> bytes:
    return W.file([W.entry("my.format", TEXT, W.text("{% set x = ''.__class__ %}{{ x }}"))])


@bad("gguf", "a template in version 1 of the format, big-endian", file="model.gguf")
def template_in_old_version() -> bytes:
    w = Writer(version=1, order=">")
    return w.file([w.entry("tokenizer.chat_template", TEXT, w.text("{{ self.__init__ }}"))])


@bad("gguf", "CVE-2024-21836, CVE-2025-53630: more tensors are announced than there are bytes", file="model.gguf")
def many_tensors() -> bytes:
    return W.file([NAME], counts=(1 << 60, 1))


@bad("gguf", "CVE-2024-23605: more metadata is announced than there are bytes", file="model.gguf")
def many_entries() -> bytes:
    return W.file([NAME], counts=(0, 1 << 61))


@bad("gguf", "CVE-2024-21825: an array whose length overflows when multiplied", file="model.gguf")
def array_overflow() -> bytes:
    return W.file([W.entry("a", ARRAY, W.number("I", U64) + W.length((1 << 61) + 1) + bytes(8))])


@bad("gguf", "CVE-2024-23496: a text of 2**64-1 bytes, which wraps round with its terminator", file="model.gguf")
def text_overflow() -> bytes:
    return W.file([W.entry("a", TEXT, W.length((1 << 64) - 1) + b"x")])


@bad("gguf", "a key of more bytes than the file", file="model.gguf")
def long_key() -> bytes:
    return W.file([W.length(1 << 40) + b"key"])


@bad("gguf", "CVE-2024-21802: a tensor of more dimensions than there is room for", file="model.gguf")
def many_dimensions() -> bytes:
    return W.file([NAME], [W.tensor("a", [1] * 9, 0)], bytes(4))


@bad("gguf", "a product of dimensions that overflows 64 bits", file="model.gguf")
def dimension_overflow() -> bytes:
    return W.file([NAME], [W.tensor("a", [1 << 32, 1 << 32, 4], 0)], bytes(32))


@bad("gguf", "a tensor that ends behind the file", file="model.gguf")
def tensor_outside() -> bytes:
    return W.file([NAME], [W.tensor("a", [64], 0)], bytes(32))


@bad("gguf", "an offset that wraps round", file="model.gguf")
def offset_overflow() -> bytes:
    return W.file([NAME], [W.tensor("a", [8], (1 << 64) - 32)], bytes(32))


@bad("gguf", "an offset that is not aligned", file="model.gguf")
def unaligned() -> bytes:
    return W.file([NAME], [W.tensor("a", [4], 4)], bytes(32))


@bad("gguf", "two tensors that share bytes", file="model.gguf")
def overlap() -> bytes:
    return W.file([NAME], [W.tensor("a", [16], 0), W.tensor("b", [8], 32)], bytes(64))


@bad("gguf", "an alignment that is no power of two", file="model.gguf")
def odd_alignment() -> bytes:
    return W.file([W.entry("general.alignment", U32, struct.pack("<I", 24))], [W.tensor("a", [6], 0)], bytes(24))


@bad("gguf", "an alignment of zero, by which readers divide", file="model.gguf")
def no_alignment() -> bytes:
    return W.file([W.entry("general.alignment", U32, bytes(4))], [W.tensor("a", [8], 0)], bytes(32))


@bad("gguf", "the alignment given as a text", file="model.gguf")
def alignment_of_other_type() -> bytes:
    return W.file([W.entry("general.alignment", TEXT, W.text("x" * 32))], [W.tensor("a", [8], 0)], bytes(32))


@bad("gguf", "one key twice: readers take the first or the last", file="model.gguf")
def key_twice() -> bytes:
    first = W.entry("tokenizer.ggml.model", TEXT, W.text("a"))
    return W.file([first, W.entry("tokenizer.ggml.model", TEXT, W.text("b"))])


@bad("gguf", "one tensor name twice", file="model.gguf")
def tensor_twice() -> bytes:
    return W.file([NAME], [W.tensor("a", [8], 0), W.tensor("a", [8], 32)], bytes(64))


@bad("gguf", "a tensor type that no reader knows", file="model.gguf")
def unknown_tensor_type() -> bytes:
    return W.file([NAME], [W.tensor("a", [32], 0, kind=99)], bytes(32))


@bad("gguf", "rows that do not fill whole blocks of their type", file="model.gguf")
def broken_blocks() -> bytes:
    return W.file([NAME], [W.tensor("a", [31], 0, kind=8)], bytes(64))


@bad("gguf", "a metadata type that no reader knows", file="model.gguf")
def unknown_metadata_type() -> bytes:
    return W.file([W.entry("a", 77, bytes(8))])


@bad("gguf", "a truth value of 2", file="model.gguf")
def half_true() -> bytes:
    return W.file([W.entry("a", BOOL, b"\2")])


@bad("gguf", "arrays in arrays, a thousand deep", file="model.gguf")
def deep_arrays() -> bytes:
    return W.file([W.entry("a", ARRAY, (W.number("I", ARRAY) + W.length(1)) * 1000)])


@bad("gguf", "a version that does not exist", file="model.gguf")
def unknown_version() -> bytes:
    return Writer(version=9).file([])


@bad("gguf", "a pickle behind the tensors", file="model.gguf")
def pickle_behind() -> bytes:
    class Evil:
        def __reduce__(self) -> object:
            return os.system, ("id",)

    return W.file([NAME], [W.tensor("a", [8], 0)], WEIGHTS) + pickle.dumps(Evil(), 2)


@bad("gguf", "a program in the padding between the metadata and the tensors", file="model.gguf")
def program_before_tensors() -> bytes:
    entries = [NAME, W.entry("general.alignment", U32, struct.pack("<I", 4096))]
    body = bytearray(W.file(entries, [W.tensor("a", [8], 0)], bytes(4096), alignment=4096))
    body[512:532] = b"\x7fELF\x02\x01\x01" + bytes(13)
    return bytes(body)


@bad("gguf", "a hole between two tensors", file="model.gguf")
def hole() -> bytes:
    return W.file([NAME], [W.tensor("a", [8], 0), W.tensor("b", [8], 4096)], bytes(4096) + bytes(32))


@bad("gguf", "a program in a text of the metadata", file="model.gguf")
def program_in_metadata() -> bytes:
    return W.file([W.entry("general.logo", TEXT, W.text(b"\x7fELF\x02\x01\x01" + bytes(57)))])


@bad("gguf", "a token in the metadata", file="model.gguf")
def secret_in_metadata() -> bytes:
    return W.file([W.entry("general.url", TEXT, W.text("hf_" + "QkLpXwZbNcVmRtYuIoPaSdFgHjKlZxCvBn"))])


@bad("gguf", "cut in the table of tensors", file="model.gguf")
def cut() -> bytes:
    return W.file([NAME], [W.tensor("a", [8], 0)], WEIGHTS)[:-60]


@bad("gguf", "a tensor name of more than 64 bytes, which a reader copies into a buffer of that size", file="model.gguf")
def long_tensor_name() -> bytes:
    return W.file([NAME], [W.tensor("a" * 500, [8], 0)], WEIGHTS)
