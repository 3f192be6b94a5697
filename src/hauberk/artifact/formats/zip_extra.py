"""Zip's extra fields: tagged pieces of bytes in a header, some of which change what the header says.

Source: PKWARE APPNOTE 6.3.10 sections 4.5 and 4.6, Info-ZIP's `proginfo/extrafld.txt`, the writers themselves.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_BINARY = re.compile(rb"[^\t\n\r\x20-\x7e\x80-\xff]")
ONES = 0xFFFFFFFF
ZIP64, UNICODE_PATH, UNICODE_COMMENT, TORCH_PADDING = 0x0001, 0x7075, 0x6375, 0x4246
QUIET = {
    ZIP64: "sizes and place beyond 4 GiB",
    0x000A: "times of NTFS",
    0x5455: "times of Unix",
    0x5855: "times and owner of Unix, old",
    0x7855: "owner of Unix, old",
    0x7875: "owner of Unix",
    0x4453: "security descriptor of Windows NT",
    0xA220: "growth hint of Microsoft's packages",
    0xCAFE: "mark of a jar",
    0xD935: "alignment of Android",
    0x0000: "zeros, as alignment",
    UNICODE_PATH: "a name in UTF-8, which is held against the other",
    UNICODE_COMMENT: "a comment in UTF-8",
    TORCH_PADDING: "padding of torch, which is looked at",
}
"""Fields that say nothing of content, or that are read here."""
LENGTHS = {
    0x000A: range(32, 33), 0x5455: range(1, 14), 0x5855: range(8, 13), 0x7855: range(0, 5), 0x7875: range(3, 21),
    0x4453: range(4, 1025), 0xCAFE: range(1), 0xD935: range(2, 65536), 0xA220: range(4, 65536),
}  # fmt: skip
"""How long those are that are passed over, for what they say is not looked at."""
PADDED = {0xD935: 2, 0xA220: 4}
"""Fields whose rest is zeros, behind so many bytes."""
LINKS = {0x000D: "PKWARE's Unix field", 0x756E: "ASi's Unix field"}
"""Fields that can make a member a link or a device."""
CIPHERS = frozenset((0x9901, 0x0017, 0x0014, 0x0015, 0x0016, 0x0018, 0x0019))
"""AES, strong encryption, certificates and signatures of them."""


class Extra(NamedTuple):
    """One field. at: of its first byte in the extra block."""

    tag: int
    body: memoryview
    at: int


class Sizes(NamedTuple):
    """Zip's numbers after zip64 was applied. clean: whether the field held these and nothing else."""

    size: int
    packed: int
    offset: int
    clean: bool


def fields(extra: memoryview) -> Iterator[Extra]:
    """Each whole field; what is cut is left out (`tiles` tells)."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = extra[at] | extra[at + 1] << 8, extra[at + 2] | extra[at + 3] << 8
        if at + 4 + length > len(extra):
            return
        yield Extra(tag, extra[at + 4 : at + 4 + length], at)
        at += 4 + length


def tiles(extra: memoryview) -> bool:
    """Whether fields fill the block; up to three zeros behind them are alignment."""
    at = 0
    for field in fields(extra):
        at = field.at + 4 + len(field.body)
    return len(extra) - at < 4 and not any(extra[at:])


def wide(extra: memoryview, size: int, packed: int, offset: int) -> Sizes:
    """Zip64 values stand in for those that are all ones, in this order; others that are there must say the same."""
    numbers, found = [size, packed, offset], 0
    clean = True
    for field in fields(extra):
        if field.tag != ZIP64:
            continue
        found += 1
        body = field.body
        values = [int.from_bytes(body[i : i + 8], "little") for i in range(0, len(body) - len(body) % 8, 8)]
        narrow = [n for n in range(3) if numbers[n] == ONES]
        if found > 1 or len(values) < len(narrow):
            clean = False
        elif len(values) == len(narrow) and not len(body) % 8:
            for n, value in zip(narrow, values, strict=True):
                numbers[n] = value
        else:
            clean = _redundant(numbers, narrow, values)
    return Sizes(numbers[0], numbers[1], numbers[2], clean)


def _redundant(numbers: list[int], narrow: list[int], values: list[int]) -> bool:
    """A field with more than was asked for: fine while it repeats what the header says. Fills in the rest."""
    for n, value in zip(narrow, values, strict=False):
        numbers[n] = value
    return values[: len(numbers)] == numbers[: len(values)]


def oddity(extra: memoryview, name: bytes) -> tuple[str, str]:
    """(rule, message) of the first field that is odd; ('', '') when there is none. name: the header's, as bytes."""
    if not len(extra):
        return "", ""
    if not tiles(extra):
        return "extra", "an extra field of the header is cut, or bytes follow it"
    for field in fields(extra):
        if problem := _field_oddity(field, name):
            return problem
    return "", ""


def _field_oddity(field: Extra, name: bytes) -> tuple[str, str] | None:
    tag, body = field.tag, field.body
    if tag == UNICODE_PATH and not _same_name(body, name):
        return "name", "the member has a second name, in an extra field, which some readers take"
    if tag == TORCH_PADDING and any(bytes(body).strip(bytes((piece,))) for piece in body[:1]):
        return "extra", "the padding of the header holds data"
    if tag == 0 and any(body):
        return "extra", "the zeros that align the header hold data"
    if len(body) not in LENGTHS.get(tag, range(65536)) or (tag in PADDED and any(body[PADDED[tag] :])):
        return "extra", f"the extra field {tag:#06x} ({QUIET[tag]}) holds more than that"
    if tag == UNICODE_COMMENT and _BINARY.search(body[5:]):
        return "extra", "the comment in an extra field is no text"
    if tag in LINKS:
        return "link", f"{LINKS[tag]} can make the member a link or a device"
    if tag in CIPHERS:
        return "encrypted", "an extra field tells of encryption; no scanner can read such a member"
    if tag not in QUIET:
        return "extra", f"the extra field {tag:#06x} is not understood"
    return None


def _same_name(body: memoryview, name: bytes) -> bool:
    """Info-ZIP's Unicode path: version 1, checksum of the header's name, the name in UTF-8."""
    if len(body) < 5 or body[0] != 1 or int.from_bytes(body[1:5], "little") != zlib.crc32(name):
        return False
    second = bytes(body[5:])
    if second == name:
        return True
    try:
        return second.decode("utf-8") == name.decode("cp437")
    except UnicodeDecodeError:
        return False
