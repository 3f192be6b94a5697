"""What a string inside a model begins as: a program, a pickle, an archive, or base64 of one is walked as such.

Attributes and string tensors carry labels and vocabularies. Bytes that are a file of their own were put there for
somebody to take out again.
"""

from __future__ import annotations

import binascii
import re

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import executable
from .hidden import hidden

LONG_MARKS = (
    (b"\xfd7zXZ\0", "xz"), (b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07", "RAR"), (b"\x93NUMPY", "a NumPy array"),
)  # fmt: skip
"""Marks that numbers do not have by chance."""
ARCHIVES = (
    (b"PK\x03\x04", "a zip"), (b"\x1f\x8b\x08", "gzip"), (b"BZh9", "bzip2"), (b"\x89HDF\r\n", "HDF5"), *LONG_MARKS,
)  # fmt: skip
PICKLE = re.compile(rb"\A\x80[\x00-\x05]|[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n")
"""What a pickle that could do harm has near its beginning; whether it is one is tried."""
MARKS = [re.escape(mark) for mark in (*(mark for mark, _ in ARCHIVES), *(mark for mark, _, _ in executable.MARKS))]
GATE = re.compile(b"|".join((*MARKS, rb"\x80[\x00-\x05]", rb"[\s\S]{2}\r\n", rb"[^\n]{0,4000}\n")))
"""Bytes that begin in none of these ways are no file of their own: one match, for there are many strings."""
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16}[A-Za-z0-9+/_\-\r\n]*={0,2}\s*")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){16,}")
CODE = re.compile(
    rb"__import__\s*\(|\bos\s*\.\s*(?:system|popen|exec[lv]p?e?)\s*\(|\bsubprocess\s*\.\s*\w+\s*\(|\bpty\.spawn\s*\("
    rb"|(?<![.\w])(?:eval|exec)\s*\(\s*(?:compile|base64|b64decode|__import__|open|bytes|zlib|codecs|marshal)\b"
    rb"|\bpowershell(?:\.exe)?\s+-|/bin/(?:ba|z|da)?sh\s+-[ci]\b|/dev/tcp/|\b(?:curl|wget)\s[^|\n]{1,200}\|\s*(?:ba|z)?sh"
    rb"|<script[\s>]|\bjavascript:|\bsocket\.socket\s*\([^\n]{0,200}connect|\bpickle\.loads?\s*\(|\bmarshal\.loads\s*\("
)
CODE_NEEDLES = (
    b"__import__", b"system", b"popen", b"exec", b"subprocess", b"spawn", b"eval", b"powershell", b"/bin/", b"/dev/tcp",
    b"curl", b"wget", b"<script", b"javascript:", b"socket", b"loads", b"load(", b"load (",
)  # fmt: skip
"""Without one of these bytes there is no CODE."""
URL_SAFE = bytes.maketrans(b"-_", b"+/")
MIN_PAYLOAD, MAX_PAYLOAD = 12, 64 << 20
MAX_LAYERS = 3


def look(walk: Walk, data: memoryview, path: str, part: object) -> None:
    """Walk a string of a model when it is a file of its own, and tell of programs and secrets anywhere in it.

    Costs a few substring searches; MAX_PAYLOAD bytes are looked at.
    """
    if len(data) < MIN_PAYLOAD:
        return
    if look_whole(walk, data, path, part):
        return
    text = bytes(data[:MAX_PAYLOAD])
    hidden(walk, data, path, _said(part))
    look_for_code(walk, text, path, part)


def look_for_code(walk: Walk, text: bytes, path: str, part: object) -> None:
    """Tell of text that reads like a program: nothing in a model would run it, but whoever put it there thought so."""
    if not any(needle in text for needle in CODE_NEEDLES):
        return
    if found := CODE.search(text):
        message = f"text of the model reads like a program: {printable(found[0].decode('latin-1'), 60)}"
        remedy = "ask why it is there; no loader of this format runs text, but whatever reads the text may"
        walk.flaw("artifact.payload.code", Severity.MEDIUM, Place(path, _said(part)), message, remedy, ("CWE-506",))


def begins(walk: Walk, data: memoryview) -> str:
    """What file these bytes begin as; '' when none."""
    from . import pickle

    head = bytes(data[:4096])
    if not GATE.match(head):
        return ""
    if what := next((what for mark, what in ARCHIVES if head.startswith(mark)), "") or executable.program(data):
        return what
    tried = len(data) <= MAX_PAYLOAD and PICKLE.search(head)
    return "a pickle" if tried and pickle.is_pickle(walk, data) else ""


def look_whole(walk: Walk, data: memoryview, path: str, part: object) -> bool:
    """Whether these bytes are a file of their own, plain or encoded; then it is told and walked."""
    steps: list[str] = []
    for _ in range(MAX_LAYERS):
        if what := begins(walk, data):
            message = f"a string of the model is {' of '.join([*reversed(steps), what])}"
            remedy = "a model needs no file inside its strings; do not use it until you know why it is there"
            walk.flaw("artifact.payload.file", Severity.HIGH, Place(path, _said(part)), message, remedy, ("CWE-506",))
            walk.enter(data, f"{path}!{_said(part)}" if path else _said(part))
            return True
        name, inner = _decoded(data)
        if not name or not walk.fits(_said(part), len(data), len(inner)):
            return False
        steps.append(name)
        data = memoryview(inner)
    return False


def _decoded(data: memoryview) -> tuple[str, bytes]:
    """(encoding, content) of text that is base64 or hex all through; ('', b'') otherwise."""
    if len(data) < 2 * MIN_PAYLOAD or len(data) > MAX_PAYLOAD:
        return "", b""
    text = bytes(data).strip()
    try:
        if HEX.fullmatch(text):
            return "hex", binascii.unhexlify(text)
        if BASE64.fullmatch(text):
            return "base64", _plain(text) if _promising(_plain(text[:64])) else b""
    except binascii.Error:
        pass
    return "", b""


def _plain(text: bytes) -> bytes:
    """The bytes of base64, of either alphabet, padded or not."""
    plain = text.translate(URL_SAFE, b"\r\n =")
    plain = plain[:-1] if len(plain) % 4 == 1 else plain
    return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4))


def _promising(head: bytes) -> bool:
    """Whether decoded bytes may be a file, or one more encoding: most names of layers are base64 by their letters."""
    return GATE.match(head) is not None or BASE64.match(head) is not None


def _said(part: object) -> str:
    return printable(str(part), 200)
