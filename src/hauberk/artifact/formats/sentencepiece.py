"""SentencePiece's `tokenizer.model` and `spiece.model`: pieces with their scores; data only, read field by field.

Source: src/sentencepiece_model.proto and src/normalizer.cc of sentencepiece.
"""

from __future__ import annotations

from functools import cache

from ...core.nouns import Place, Severity
from ..walk import Walk
from . import hidden
from .opcodes import Broken
from .protobuf import Layout, Message

PARTS = {
    "pieces": "SentencePiece",
    "trainer_spec": "TrainerSpec",
    "normalizer_spec": "NormalizerSpec",
    "denormalizer_spec": "NormalizerSpec",
    "self_test_data": "SelfTestData",
}
MAX_PIECES = 4_000_000


@cache
def layout() -> Layout:
    """The messages of the format."""
    return Layout("sentencepiece")


def sniff(data: memoryview) -> bool:
    """Whether a piece with a score stands at the beginning."""
    size = data[1] if len(data) > 8 and data[0] == 0x0A else 0
    if not 7 <= size < 0x80 or data[2] != 0x0A:
        return False
    try:
        piece = layout().read(data[2 : 2 + size], "SentencePiece")
    except Broken:
        return False
    return not piece.odd and "piece" in piece and "score" in piece


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Read every message. Raises Broken."""
    model = layout().read(data, "ModelProto")
    if len(model.values.get("pieces", ())) > MAX_PIECES:
        raise Broken(f"it has more than {MAX_PIECES} pieces")
    _odd(walk, model, path)
    for name, kind in PARTS.items():
        for part in model.all(name):
            message = layout().read(part, kind)
            _odd(walk, message, path)
            for sample in message.all("samples"):
                _odd(walk, layout().read(sample, "Sample"), path)
            if "precompiled_charsmap" in message:
                _rules(message.bytes("precompiled_charsmap"))
    hidden.hidden(walk, data, path)


def _rules(blob: memoryview) -> None:
    """The length of a trie of 4-byte units, the trie, and the texts that it leads to."""
    size = int.from_bytes(blob[:4], "little")
    if len(blob) and (size % 4 or 4 + size > len(blob)):
        raise Broken(f"its normalisation rules say {size} bytes, {len(blob) - 4} are there")


def _odd(walk: Walk, message: Message, path: str) -> None:
    for what in message.odd[:3]:
        text = f"{message.kind}: {what}, which SentencePiece does not write"
        remedy = "do not use this tokenizer; take it from its author again"
        walk.flaw("artifact.sentencepiece.odd", Severity.HIGH, Place(path, message.kind), text, remedy, ("CWE-912",))
