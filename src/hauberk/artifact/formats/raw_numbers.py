"""What stands where numbers should: a tensor that begins as a program, an archive, or a pickle that would do harm.

Nothing runs a tensor, but a file that was put into one was put there for somebody to take out again. Only beginnings
are looked at, and only marks so long that weights do not have them by chance (2**-40 or less).

>>> from hauberk.core.limits import Limits
>>> walk = Walk(Limits(), lambda *_: None)
>>> look(walk, memoryview(b"7z\\xbc\\xaf\\x27\\x1c" + bytes(64)), "model.onnx", "w")
>>> walk.flaws[0].message
'the numbers of a tensor begin as 7-Zip'
"""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from . import payload, pickle
from .hdf5_content import is_program

ARCHIVES = (
    *payload.LONG_MARKS, (b"\x89HDF\r\n\x1a\n", "HDF5"), (b"BZh91AY&SY", "bzip2"), (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"!<arch>\n", "an archive of ar"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE container"),
)  # fmt: skip
PICKLE = re.compile(rb"\x80[\x00-\x05]|[\s\S]{,50}[ci][A-Za-z_][\w.]*\n[A-Za-z_]\w*\n")
"""How a pickle begins that could do harm; an old one has no mark, and names what it calls."""
HEAD = 64
MOST_ENTERED = 1000
"""Files in one file that are walked before those in its numbers are only told."""
ZIP_METHODS = (0, 8, 9, 12, 14, 93, 95)


def look(walk: Walk, data: memoryview, path: str, part: object) -> None:
    """Look at the beginning of a tensor's raw bytes. Costs a slice and a few comparisons."""
    head = bytes(data[:HEAD])
    if is_program(data) or head[:8] == b"\0asm\1\0\0\0":
        remedy = "a model needs no program in it; ask its author why it is there"
        message, place = "the tensor begins as a program", Place(path, printable(str(part), 200))
        walk.flaw("artifact.executable", Severity.HIGH, place, message, remedy, ("CWE-506",))
    elif what := archive(head):
        remedy = "a model needs no file inside its tensors; do not use it until you know why it is there"
        message, place = f"the numbers of a tensor begin as {what}", Place(path, printable(str(part), 200))
        walk.flaw("artifact.payload.file", Severity.HIGH, place, message, remedy, ("CWE-506",))
        if walk.work.entries < MOST_ENTERED:
            walk.enter(data, join(path, printable(str(part), 200)))
    elif PICKLE.match(head) and pickle.is_pickle(walk, data):
        walk.enter(data, join(path, printable(str(part), 200)))


def archive(head: bytes) -> str:
    """What archive these first bytes begin; '' when none.

    >>> archive(b"\\x1f\\x8b\\x08" + bytes(6) + b"\\3"), archive(b"\\x1f\\x8b\\x08" + b"\\x99" * 9)
    ('gzip', '')
    """
    if head[:4] == b"PK\3\4" and head[5:6] == b"\0" and int.from_bytes(head[8:10], "little") in ZIP_METHODS:
        return "a zip"
    if head[:3] == b"\x1f\x8b\x08" and len(head) > 9 and head[3] < 32 and head[8] in (0, 2, 4):
        return "gzip" if head[9] < 14 or head[9] == 255 else ""
    return next((what for mark, what in ARCHIVES if head.startswith(mark)), "")
