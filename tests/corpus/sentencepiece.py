"""SentencePiece models: pieces and scores, and what a lenient parser would pass over."""

from __future__ import annotations

import struct

from corpus import bad, honest
from corpus.executable import ELF


def field(number: int, body: bytes) -> bytes:
    """A field that carries its length."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def varint(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*made, value))


def piece(text: str, score: float, kind: int = 1) -> bytes:
    return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kind))


PIECES = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + b"".join(piece(f"▁w{n}", -n) for n in range(40))
TRAINER = field(2, field(1, b"corpus.txt") + field(2, b"m") + b"\x18\x01\x20" + varint(42))
CHARS = struct.pack("<I", 8) + bytes(8) + b"a\0b\0"
NORMALIZER = field(3, field(1, b"nmt_nfkc") + field(2, CHARS) + b"\x18\x01")


@honest("sentencepiece", "a unigram model with its rules", file="tokenizer.model")
def unigram() -> bytes:
    return PIECES + TRAINER + NORMALIZER


@bad("sentencepiece", "a field that SentencePiece does not have", file="tokenizer.model")
def unknown_field() -> bytes:
    return PIECES + TRAINER + field(99, b"payload" * 100)


@bad("sentencepiece", "a field of a piece that SentencePiece does not have", file="tokenizer.model")
def unknown_in_a_piece() -> bytes:
    return PIECES + field(1, field(1, b"x") + b"\x15\0\0\0\0" + field(77, b"payload"))


@bad("sentencepiece", "two trainer specifications, which parsers merge", file="tokenizer.model")
def twice() -> bytes:
    return PIECES + TRAINER + TRAINER


@bad("sentencepiece", "a program in the place of the normalisation rules", file="tokenizer.model")
def program() -> bytes:
    return PIECES + field(3, field(2, struct.pack("<I", 0) + ELF))


@bad("sentencepiece", "a trie that is longer than its blob", file="tokenizer.model")
def long_trie() -> bytes:
    return PIECES + field(3, field(2, struct.pack("<I", 1 << 30) + bytes(8)))


@bad("sentencepiece", "cut", file="tokenizer.model")
def cut() -> bytes:
    return (PIECES + TRAINER)[:-5]
