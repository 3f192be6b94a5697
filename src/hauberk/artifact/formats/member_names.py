"""Names of archive members: which leave the folder, which are read differently, and which are one name to some reader.

File systems and loaders fold case (torch's miniz, Windows, macOS), Unicode forms (macOS), slashes and trailing dots
(Windows). Two members whose names fold to one are two answers to the question what is in the archive.
"""

from __future__ import annotations

import re
import unicodedata

_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.IGNORECASE)


def escapes(name: str) -> bool:
    """Whether unpacking a member of this name would leave the folder.

    >>> escapes("../a"), escapes("/a"), escapes("C:a"), escapes("a/b..c")
    (True, True, True, False)
    >>> escapes("a/.. /b"), escapes("a\\\\..\\\\..\\\\b")
    (True, True)
    """
    parts = name.replace("\\", "/").split("/")
    upwards = any(part.rstrip(" ") == ".." for part in parts)
    return name[:1] in ("/", "\\", "~") or upwards or bool(_DRIVE.match(name))


def oddity(name: str) -> str:
    """Why readers may take this name for another one, in words; '' for an ordinary name.

    >>> oddity("m/data.pkl"), oddity("a\\0b")
    ('', 'the name holds a zero byte; readers cut it there')
    """
    if "\0" in name:
        return "the name holds a zero byte; readers cut it there"
    if not name:
        return "the member has no name"
    if any(0xDC80 <= ord(c) <= 0xDCFF for c in name):
        return "the name is not valid UTF-8; some readers refuse the archive, others read on"
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in name):
        return "the name holds control characters"
    if not name.isascii() and any(unicodedata.category(c) in ("Cf", "Zl", "Zp", "Cs") for c in name):
        return "the name holds characters that are not shown"
    parts = name.replace("\\", "/").removesuffix("/").split("/")
    if "" in parts or (len(parts) > 1 and "." in parts[1:]):
        return "the name holds empty parts; readers differ in how they resolve it"
    if any(_DEVICE.fullmatch(part) for part in parts):
        return "the name is that of a device on Windows"
    return ""


def folded(name: str) -> str:
    """The name as the most forgiving reader sees it.

    >>> folded("M\\\\Data.PKL. "), folded("./m//data.pkl")
    ('m/data.pkl', 'm/data.pkl')
    """
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    if "/" in name or "\\" in name or name.endswith((".", " ")):
        parts = (part.rstrip(". ") for part in name.replace("\\", "/").split("/"))
        name = "/".join(part for part in parts if part)
    return name.casefold()
