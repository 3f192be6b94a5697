"""tar, read strictly: every block is a header, content, its padding or the end; members are walked in place.

Where tarfile, GNU tar and libarchive would read on at different places, or take different names and sizes, there is a
finding. Links and devices are findings, sparse files are skips.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...core.nouns import Severity
from ..walk import Walk, join, printable
from . import payload, tar_records
from .complaints import Complaints
from .member_names import escapes, folded, oddity
from .opcodes import Broken
from .tar_records import BLOCK, MAX_RECORD, ZERO, Header

FILES, LINKS, DEVICES, FOLDERS = b"0\x007", b"12", b"346", b"5D"
AMENDS = b"xXgLK"
TIMES = ("mtime", "atime", "ctime")
OWNERS = ("uid", "gid", "uname", "gname", "comment", "charset")
QUIET = frozenset((*TIMES, *OWNERS, "path", "linkpath", "size"))
"""pax keys that are understood. hdrcharset is read apart; others that start so are attributes of the file system."""
ATTRIBUTES = ("SCHILY.", "LIBARCHIVE.", "RHT.security.selinux")
GRANTS = ("SCHILY.xattr.security.capability", "LIBARCHIVE.xattr.security.capability")
LARGEST = 8**11 - 1
"""The largest size that a header itself can tell in digits."""
PIECE, COST = 1 << 20, 50
"""COST: what one member costs, in steps of a program."""


@dataclass
class Amended:
    """What the records before a header say of it."""

    pax: dict[str, bytes] = field(default_factory=dict)
    name: bytes | None = None
    link: bytes | None = None


def sniff(data: memoryview) -> bool:
    """Whether tarfile opens this: the checksum of the first header holds, whether it bears the mark of POSIX or not."""
    return tar_records.opens(data)


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk every member. Raises Broken for a damaged archive."""
    reader, at = Reader(walk, data, path), 0
    while at < len(data):
        if bytes(data[at : at + BLOCK]) == ZERO:
            reader.ending(at)
            return
        walk.members += 1
        if walk.members > walk.limits.max_members:
            walk.skip(path or "the file", f"more than {walk.limits.max_members} members")
            return
        walk.spend(COST)
        if not walk.opcodes_left:
            walk.skip(path or "the file", "its members are too many for its size")
            return
        at = reader.member(at)
    reader.unamended(at)


class Reader:
    """Goes through one archive, header by header."""

    def __init__(self, walk: Walk, data: memoryview, path: str) -> None:
        self.walk, self.data, self.path = walk, data, path
        self.complaints = Complaints(walk, path)
        self.amended = Amended()
        self.names: dict[str, bytes] = {}

    def member(self, at: int) -> int:
        """Read one header and what belongs to it; the place of the next. Raises Broken."""
        head = tar_records.header(self.data, at)
        if head.kind in AMENDS:
            return self._amend(head, at)
        amended, self.amended = self.amended, Amended()
        name, size = self._name(head, amended, at), self._size(head, amended, at)
        begin = at + BLOCK
        if head.kind == b"S":
            begin += BLOCK * tar_records.sparse_blocks(self.data, at)
        end = self._end(begin, size)
        folder = head.kind in FOLDERS or (head.kind == b"\0" and name.endswith("/"))
        if size and (folder or head.kind in LINKS + DEVICES):
            raise Broken("a folder, link or device has content; readers differ in where the next member is", at)
        self._tell(head, amended, name, folder)
        self._content(head, amended, name, self.data[begin : begin + size], folder)
        return end

    def ending(self, at: int) -> None:
        """Behind two blocks of zeros there are but zeros; some readers go on behind one, or behind both."""
        self.unamended(at)
        for begin in range(at, len(self.data), PIECE):
            rest = bytes(self.data[begin : begin + PIECE]).lstrip(b"\0")
            if rest:
                first = begin + min(PIECE, len(self.data) - begin) - len(rest)
                what = f"{len(self.data) - first} bytes follow the end of the archive; some readers go on there"
                self.complaints.byte(first, "hidden", Severity.HIGH, what)
                place = first - first % BLOCK if sniff(self.data[first - first % BLOCK :]) else first
                self.walk.enter(self.data[place:], join(self.path, f"byte {place}"))
                return

    def unamended(self, at: int) -> None:
        """Raises Broken when records amend a member that never comes."""
        if self.amended != Amended():
            raise Broken("records amend a member that is not there", at)

    def _end(self, begin: int, size: int) -> int:
        """The place behind content and padding. Raises Broken when it is cut."""
        close = begin + size
        end = close + -size % BLOCK
        if end > len(self.data):
            raise Broken("a member is cut", begin)
        if any(self.data[close:end]):
            self.complaints.byte(close, "hidden", Severity.MEDIUM, "the padding behind a member holds data")
        return end

    def _amend(self, head: Header, at: int) -> int:
        if head.size > MAX_RECORD:
            raise Broken(f"a record that amends a header is of {head.size} bytes", at)
        body = self.data[at + BLOCK : at + BLOCK + head.size]
        end = self._end(at + BLOCK, head.size)
        if head.kind in b"LK":
            text, _, rest = bytes(body).partition(b"\0")
            again = self.amended.name if head.kind == b"L" else self.amended.link
            if rest.strip(b"\0") or again is not None:
                raise Broken("a long name is told twice, or holds a zero byte", at)
            if head.kind == b"L":
                self.amended.name = text
            else:
                self.amended.link = text
        elif head.kind == b"g":
            records = tar_records.pax(body, at + BLOCK)
            for key, value in records.items():
                payload.look_whole(self.walk, memoryview(value), self.path, key)
            self._everywhere(records, at)
        elif self.amended.pax:
            raise Broken("a header is amended twice; readers differ in which record they take", at)
        else:
            self.amended.pax = tar_records.pax(body, at + BLOCK)
        return end

    def _everywhere(self, records: dict[str, bytes], at: int) -> None:
        if odd := [key for key in records if key not in TIMES + OWNERS]:
            what = (
                f"a record says {printable(odd[0])!r} of every member that follows; readers differ in whether they obey"
            )
            self.complaints.byte(at, "mismatch", Severity.HIGH, what)

    def _name(self, head: Header, amended: Amended, at: int) -> str:
        """The name that readers of today take, held against the one in the header itself."""
        raw = head.name
        if amended.name is not None and "path" in amended.pax:
            raise Broken("a member has two long names; readers differ in which they take", at)
        if amended.name is not None:
            if not amended.name.startswith(head.name.rstrip(b"/")):
                self.complaints.byte(at, "mismatch", Severity.HIGH, "the long name does not begin as the short one")
            raw = amended.name
        if "path" in amended.pax:
            if escapes(_text(head.name)):
                self.complaints.byte(at, "escape", Severity.HIGH, "the short name leaves the folder", "CWE-22")
            raw = amended.pax["path"]
        if head.prefixed:
            self.complaints.byte(at, "name", Severity.HIGH, "a prefix that only some readers put before the name")
        if head.hidden:
            self.complaints.byte(at, "extra", Severity.MEDIUM, "the header holds data that no reader looks at")
        return _text(raw)

    def _size(self, head: Header, amended: Amended, at: int) -> int:
        """Raises Broken where old readers would go on at another place, and hidden members could stand between."""
        told = amended.pax.get("size")
        if told is None:
            return head.size
        if not told.isdigit() or len(told) > 18:
            raise Broken("the size in a pax record is no number", at)
        size = int(told)
        if size != head.size and not (size > LARGEST and head.size == 0):
            raise Broken("header and pax record disagree about the size; readers go on at different places", at)
        return size

    def _tell(self, head: Header, amended: Amended, name: str, folder: bool) -> None:
        if escapes(name):
            self.complaints.member(name, "escape", Severity.HIGH, "unpacking writes outside its folder", "CWE-22")
        elif odd := oddity(name):
            self.complaints.member(name, "name", Severity.HIGH, odd)
        if head.kind in LINKS + DEVICES:
            target = amended.pax.get("linkpath", amended.link if amended.link is not None else head.link)
            link = f"a link to {printable(_text(target))!r}"
            what = f"the member is {link if head.kind in LINKS else 'a device or pipe'}"
            self.complaints.member(name, "link", Severity.HIGH, what, "CWE-59")
        elif head.kind not in FILES + FOLDERS + b"S":
            what = f"its type {printable(_text(head.kind))!r} is not one that readers agree on"
            self.complaints.member(name, "type", Severity.HIGH, what)
        key = folded(name)
        if key in self.names and not (folder and self.names[key] in FOLDERS):
            what = "two members have this name, or one that some reader takes for it; readers differ in which they take"
            self.complaints.member(name, "duplicate", Severity.HIGH, what)
        self.names[key] = b"5" if folder else b"0"

    def _content(self, head: Header, amended: Amended, name: str, content: memoryview, folder: bool) -> None:
        place = join(self.path, printable(name))
        odd = [key for key in amended.pax if not (key in QUIET or key.startswith(ATTRIBUTES) or key == "hdrcharset")]
        if granted := [key for key in GRANTS if key in amended.pax]:
            self.complaints.member(
                name, "extra", Severity.HIGH, f"unpacking grants capabilities ({granted[0]})", "CWE-732"
            )
        for key, value in amended.pax.items():
            payload.look_whole(self.walk, memoryview(value), place, key)
        if head.kind == b"S" or any(key.startswith("GNU.sparse") for key in odd):
            self.walk.skip(place, "it is stored as a sparse file")
        elif odd:
            what = f"the record {printable(odd[0])!r} is not understood"
            self.complaints.member(name, "extra", Severity.MEDIUM, what)
        if len(content) and head.kind != b"S":
            self.walk.enter(content, place)
        elif not folder and head.kind in FILES:
            self.walk.formats[place] = "empty"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
