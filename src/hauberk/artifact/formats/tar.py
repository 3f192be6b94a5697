"""tar: members walked in place; links, devices and escaping names are findings."""

from __future__ import annotations

import io
import tarfile

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from .opcodes import Broken
from .zip import escapes


def sniff(data: memoryview) -> bool:
    """Whether tarfile opens this: by the mark of POSIX and GNU, or by the checksum of the first header alone."""
    return bytes(data[257:262]) == b"ustar" or _has_checksum(data)


def _has_checksum(data: memoryview) -> bool:
    stated = bytes(data[148:156]).strip(b"\0 ")
    if len(data) < 512 or not stated or not set(stated) <= set(b"01234567"):
        return False
    return int(stated, 8) == sum(data[:148]) + sum(data[156:512]) + 8 * 0x20


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk every member. Raises Broken for a damaged archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                walk.members += 1
                if walk.members > walk.limits.max_members:
                    walk.skip(path or "the file", f"more than {walk.limits.max_members} members")
                    return
                _member(walk, archive, member, path, data)
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise Broken(f"the archive is damaged: {error}") from error


def _member(walk: Walk, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, data: memoryview) -> None:
    place = join(path, printable(member.name))
    if escapes(member.name):
        message, remedy = "unpacking writes outside its folder", "do not unpack it"
        walk.flaw("artifact.archive.escape", Severity.HIGH, Place(place), message, remedy, ("CWE-22",))
    if member.isfile():
        walk.enter(data[member.offset_data : member.offset_data + member.size], place)
    elif not member.isdir():
        kind = "a link" if member.issym() or member.islnk() else "a device or pipe"
        message = f"the member is {kind} to {printable(member.linkname)!r}" if "link" in kind else f"it is {kind}"
        walk.flaw("artifact.archive.link", Severity.HIGH, Place(place), message, "do not unpack it", ("CWE-59",))
