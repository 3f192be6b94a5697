"""The weights of a Core ML program (`weight.bin`): blobs behind descriptions of 64 bytes, each held to its place.

The layout is MILBlob's storage format, version 2: a header of a count and a version, and for each blob a mark, a type,
a size and an offset, aligned to 64 bytes.
"""

from __future__ import annotations

from ...core.nouns import Severity
from ..walk import Walk
from . import raw_numbers
from .graphs import Teller

HEADER = 64
MARK = b"\xef\xbe\xad\xde"
VERSIONS = (1, 2)


def sniff(data: memoryview) -> bool:
    """Whether a header stands at the beginning and a description behind it."""
    version = int.from_bytes(data[4:8], "little")
    return version in VERSIONS and not any(data[8:HEADER]) and bytes(data[HEADER : HEADER + 4]) == MARK


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk from blob to blob."""
    teller = Teller(walk, path, "coreml")
    count, at, found = int.from_bytes(data[:4], "little"), HEADER, 0
    while bytes(data[at : at + 4]) == MARK:
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        begin = int.from_bytes(data[at + 16 : at + 24], "little")
        if begin < at + HEADER or begin % HEADER or begin + size > len(data):
            _tell(teller, at, f"a blob of {size} bytes lies at byte {begin}, and the file has {len(data)}")
            return
        if begin > at + 2 * HEADER or bytes(data[at + HEADER : begin]).strip(b"\0"):
            _tell(teller, at + HEADER, "bytes belong to no blob")
        raw_numbers.look(walk, data[begin : begin + size], path, f"byte {begin}")
        found, at = found + 1, begin + size + -(begin + size) % HEADER
        if bytes(data[begin + size : at]).strip(b"\0"):
            _tell(teller, begin + size, "bytes belong to no blob")
    if found != count:
        _tell(teller, 0, f"the header says {count} blobs, and there are {found}")
    if len(data) > at:
        _tell(teller, at, f"{len(data) - at} bytes stand behind the last blob")


def _tell(teller: Teller, at: int, what: str) -> None:
    remedy = "do not load this model; convert it again, and compare"
    message = f"the weights are not what they say: {what}"
    teller.flaw("weights", Severity.HIGH, f"byte {at}", message, remedy, ("CWE-130",))
