"""Every byte of a zip belongs to one member, the directory or the end: what belongs to none, or to two, is told.

Readers that go by local headers (streaming ones, repair tools) see what stands between; those that go by the
directory do not. What stands there is walked as well, whatever it is.
"""

from __future__ import annotations

import struct

from ...core.nouns import Severity
from ..walk import Walk, join
from .complaints import Complaints
from .zip_check import is_text
from .zip_records import DESCRIPTOR, END_SIZE, Directory, Member, find_ends

SIGNATURE = b"PK\x07\x08"
MAX_GAPS_WALKED = 16
"""Hidden pieces that are walked; the finding stands for all of them."""


def check(walk: Walk, data: memoryview, where: Directory, members: list[Member], path: str, prefix: int = 0) -> bool:
    """Tell of hidden and shared bytes. Whether the members may be read: shared bytes are how bombs are built.

    prefix: bytes at the beginning that belong to another format.
    """
    complaints = Complaints(walk, path)
    _ending(walk, complaints, data, where)
    ordered = sorted(members, key=lambda m: m.offset)
    bounds = [*(m.offset for m in ordered), where.begin]
    gaps, apart = [(prefix, bounds[0])] if bounds[0] > prefix else [], bounds[0] >= prefix
    for member, bound in zip(ordered, bounds[1:], strict=True):
        close = member.start + member.packed
        if close > bound:
            complaints.byte(member.offset, "hidden", Severity.HIGH, "two members overlap")
            apart = False
            continue
        close += _descriptor(complaints, data, member, bound - close)
        if close < bound:
            gaps.append((close, bound))
    _tell_gaps(walk, complaints, data, gaps)
    return apart


def _tell_gaps(walk: Walk, complaints: Complaints, data: memoryview, gaps: list[tuple[int, int]]) -> None:
    for number, (begin, close) in enumerate(gaps):
        where = "stand before the first member" if not begin else "belong to no member"
        what = f"{close - begin} bytes {where}; readers that start elsewhere see them"
        complaints.byte(begin, "hidden", Severity.MEDIUM if begin else Severity.HIGH, what)
        if number < MAX_GAPS_WALKED:
            walk.enter(data[begin:close], join(complaints.path, f"bytes {begin} to {close}"))


def _descriptor(complaints: Complaints, data: memoryview, member: Member, room: int) -> int:
    """Bytes of the descriptor behind a member: checksum and sizes, of 4 or 8 bytes, with a signature or without."""
    if not member.flags & DESCRIPTOR:
        return 0
    close = member.start + member.packed
    after = bytes(data[close : close + min(room, 24)])
    fitting = [
        len(form)
        for sign in (SIGNATURE, b"")
        for width in ("II", "QQ")
        if (form := _form(sign, width, member)) and after.startswith(form)
    ]
    if not fitting:
        what = "the data descriptor behind the member disagrees with the directory; readers differ in which to take"
        complaints.member(member.name, "mismatch", Severity.HIGH, what)
        return room if room in (12, 16, 20, 24) else 0
    return room if room in fitting else max(fitting)


def _form(sign: bytes, width: str, member: Member) -> bytes:
    if width == "II" and max(member.packed, member.size) > 0xFFFFFFFF:
        return b""
    return sign + struct.pack("<I" + width, member.crc, member.packed, member.size)


def _ending(walk: Walk, complaints: Complaints, data: memoryview, where: Directory) -> None:
    """A shift of all offsets, other end records behind the one that was taken, bytes behind it, and its comment."""
    if where.shift:
        what = f"the offsets are {where.shift} bytes short; readers differ in where they find the members"
        complaints.byte(where.begin, "hidden", Severity.HIGH, what)
    if where.between:
        what = f"{where.between} bytes stand between the directory and its end; readers differ in where it is"
        complaints.byte(where.begin + where.size, "hidden", Severity.HIGH, what)
    length = int.from_bytes(data[where.end + 20 : where.end + 22], "little")
    comment, behind = data[where.end + END_SIZE : where.end + END_SIZE + length], data[where.end + END_SIZE + length :]
    if find_ends(data, where.end):
        what = "another end record could be taken for the archive's; readers differ in which to take"
        complaints.byte(where.end, "hidden", Severity.HIGH, what)
    if not is_text(comment):
        complaints.byte(where.end, "comment", Severity.HIGH, "the comment of the archive is not text", "CWE-506")
        walk.enter(comment, join(complaints.path, "comment"))
    elif _runs(walk, comment):
        complaints.byte(where.end, "comment", Severity.HIGH, "the comment of the archive is a pickle", "CWE-502")
    if len(behind):
        complaints.byte(len(data) - len(behind), "hidden", Severity.HIGH, f"{len(behind)} bytes follow the archive")
        walk.enter(behind, join(complaints.path, f"byte {len(data) - len(behind)}"))


def _runs(walk: Walk, comment: memoryview) -> bool:
    if not len(comment):
        return False
    from . import pickle

    return pickle.is_pickle(walk, comment)
