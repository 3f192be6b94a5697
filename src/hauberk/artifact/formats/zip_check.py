"""What is odd about the members of a zip: each is read by its directory entry and by its local header."""

from __future__ import annotations

import re
import struct

from ...core.nouns import Severity
from . import zip_extra
from .complaints import Complaints
from .member_names import escapes, folded, oddity
from .zip_records import DESCRIPTOR, ENCRYPTED, LOCAL, Member

STDIN = "-"
"""Info-ZIP's name for what it was piped, which it marks as a pipe."""
LEVEL, STRONG, MASKED, KNOWN = 0x6, 0x40, 0x2000, 0x80F
"""Flag bits: how hard a writer compressed (or an end mark of LZMA); strong encryption; all that honest writers set."""
NEWEST = 63
"""The highest version that a directory may ask for: above it, Python's zipfile refuses and torch reads on."""
LINK, DEVICES = 0o120000, (0o010000, 0o020000, 0o060000, 0o140000)
FOLDER, REPARSE = 0x10, 0x400
"""Attributes of DOS: a folder; a link of Windows."""
_LOCAL = struct.Struct("<4s5H3I2H")
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")
LATER = (0, zip_extra.ONES)
"""What stands for a checksum or size in a local header whose true ones follow the content."""


def is_text(data: memoryview) -> bool:
    """Whether these bytes are text of some code page: no control characters."""
    return _TEXT.fullmatch(data) is not None


def check(complaints: Complaints, data: memoryview, members: list[Member]) -> None:
    """Write down every oddity and every disagreement of every member."""
    exact: set[str] = set()
    loose: dict[str, str] = {}
    for member in members:
        _name(complaints, member, exact, loose)
        _kind(complaints, member)
        _flags(complaints, member)
        _extra(complaints, member, member.extra, "", member.clean)
        _local(complaints, data, member)


def _name(complaints: Complaints, member: Member, exact: set[str], loose: dict[str, str]) -> None:
    name = member.name
    key = folded(name)
    if name in exact:
        what = "two members have this name; readers differ in which to take"
        complaints.member(name, "duplicate", Severity.HIGH, what)
    elif key in loose:
        what = "another member's name differs in case, slashes, dots or Unicode form alone; some readers take that one"
        complaints.member(name, "duplicate", Severity.HIGH, what)
    exact.add(name)
    loose.setdefault(key, name)
    if escapes(name):
        complaints.member(name, "escape", Severity.HIGH, "unpacking writes outside its folder", "CWE-22")
    elif odd := oddity(name):
        complaints.member(name, "name", Severity.HIGH, odd)


def _kind(complaints: Complaints, member: Member) -> None:
    kind, folder = member.mode & 0o170000, member.name.endswith(("/", "\\"))
    if kind == LINK or member.attributes & REPARSE:
        complaints.member(member.name, "link", Severity.HIGH, "the member is a symbolic link", "CWE-59")
    elif kind in DEVICES and member.name != STDIN:
        complaints.member(member.name, "link", Severity.HIGH, "the member is a device, a pipe or a socket", "CWE-59")
    if folder and member.size:
        what = f"a folder holds {member.size} bytes; some readers see a file there"
        complaints.member(member.name, "folder", Severity.HIGH, what)
    elif not folder and (kind == 0o040000 or member.attributes & FOLDER):
        what = "a file is marked as a folder; readers differ in which it is"
        complaints.member(member.name, "folder", Severity.HIGH, what)


def _flags(complaints: Complaints, member: Member) -> None:
    name, flags = member.name, member.flags
    if flags & (ENCRYPTED | STRONG | MASKED):
        what = "the member is encrypted; no scanner can read it"
        complaints.member(name, "encrypted", Severity.MEDIUM, what, "CWE-506")
    elif flags & ~KNOWN:
        what = f"its flags are {flags:#06x}; some readers refuse it, others read on"
        complaints.member(name, "flags", Severity.HIGH, what)
    if member.needed & 0xFF > NEWEST:
        what = f"it asks for version {(member.needed & 0xFF) / 10} of zip; some readers refuse it, others read on"
        complaints.member(name, "flags", Severity.HIGH, what)
    if member.disk:
        complaints.member(name, "flags", Severity.HIGH, "it says that it is on another disk", "CWE-436")
    if not is_text(member.comment):
        complaints.member(name, "comment", Severity.MEDIUM, "the comment of the member is not text", "CWE-506")


def _extra(complaints: Complaints, member: Member, extra: memoryview, where: str, clean: bool) -> None:
    if not clean:
        what = f"the zip64 field{where} does not fit the sizes; readers differ in which to take"
        complaints.member(member.name, "mismatch", Severity.HIGH, what)
    rule, what = zip_extra.oddity(extra, member.raw)
    if rule:
        severity = Severity.MEDIUM if rule in ("extra", "encrypted") else Severity.HIGH
        complaints.member(member.name, rule, severity, what + where, "CWE-59" if rule == "link" else "CWE-436")


def _local(complaints: Complaints, data: memoryview, member: Member) -> None:
    head = bytes(data[member.offset : member.offset + 30])
    if len(head) < 30 or head[:4] != LOCAL:
        _disagree(complaints, member, "place of the member")
        return
    _, _, flags, method, _, _, crc, packed, size, n_name, n_extra = _LOCAL.unpack(head)
    at = member.offset + 30
    extra = data[at + n_name : at + n_name + n_extra]
    real = zip_extra.wide(extra, size, packed, 0) if n_extra else zip_extra.Sizes(size, packed, 0, True)
    later = LATER if flags & DESCRIPTOR else ()
    checks = (
        ("name", bytes(data[at : at + n_name]) == member.raw),
        ("compression", method == member.method),
        ("flags", not (flags ^ member.flags) & ~LEVEL and not flags & ~(KNOWN | ENCRYPTED | STRONG | MASKED)),
        ("checksum", crc == member.crc or crc in later),
        ("packed size", real.packed == member.packed or real.packed in later),
        ("size", real.size == member.size or real.size in later),
    )
    if differs := next((what for what, same in checks if not same), ""):
        _disagree(complaints, member, differs)
    _extra(complaints, member, extra, " of the local header", real.clean)


def _disagree(complaints: Complaints, member: Member, what: str) -> None:
    message = f"local header and central directory disagree about the {what}; readers differ in which to take"
    complaints.member(member.name, "mismatch", Severity.HIGH, message)
