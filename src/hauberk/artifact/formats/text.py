"""Text: what its characters hide, then what its readers would do with it, by its name or by what it says.

A name only ever adds scrutiny: text that nobody would run is still held against secrets, programs in base64 and
characters that people cannot see.
"""

from __future__ import annotations

import importlib
import re
import unicodedata

from ...core.nouns import Place, Severity
from ..walk import Walk
from . import hidden
from .text_kinds import kind_of

MAX_TEXT = 256 << 20
"""Bytes of one text; longer ones are a skip."""
SAMPLE = 1 << 16
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""C0 controls without tab, line ends, form feed and escape, which terminal logs hold."""
POINTER = "version https://git-lfs.github.com/spec/"
MAX_ODD = 0.3
"""Share of bytes above ASCII in text of an old 8-bit encoding."""
MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
FETCHES = re.compile(r"^[ \t]*(?:sudo[ \t]+)?(?:curl|wget)\b[^\n|]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b", re.M)
FORMULA = re.compile(r"(?:^|[,;\t])\"?[=+@-]\s*(?:cmd|powershell|mshta|msexcel|rundll32|regsvr32)\s*\|", re.M | re.I)
OBJECT = re.compile(r"^[ \t]*+(?:[\w\"'.-]{1,80}[ \t]*+:|-|\?)?[ \t]*+(!!python/(?:object|name|module))", re.M)
FENCED = re.compile(r"^(```|~~~)[^\n]*\n[\s\S]*?^\1[^\n]*$", re.M)
"""Code that a document shows."""
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
SENTENCE = 24
"""Characters of a line in which a bidirectional override can deceive; a vocabulary's lines are shorter."""


def walked(walk: Walk, data: memoryview, path: str) -> bool:
    """Walk text. False when the bytes are none."""
    if not _reads_as_text(bytes(data[:SAMPLE])):
        return False
    if len(data) > MAX_TEXT:
        walk.formats[path] = "text"
        walk.skip(path or "the file", f"text of {len(data)} bytes, the limit is {MAX_TEXT}")
        return True
    text = decoded(bytes(data))
    if text is None:
        return False
    walk_text(walk, text, path)
    return True


def _reads_as_text(head: bytes) -> bool:
    return any(head.startswith(mark) for mark, _ in MARKS) or CONTROL.search(head) is None


def decoded(data: bytes) -> str | None:
    """The text that these bytes are, or None: UTF-8, UTF-16 or UTF-32 with a mark, or an old encoding of 8 bits."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            try:
                return _wide(data.decode(encoding))
            except UnicodeDecodeError:
                return None
    if CONTROL.search(data):
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        odd = len(data) - len(data.translate(None, bytes(range(128, 256))))
        return data.decode("latin-1") if odd <= MAX_ODD * len(data) else None


def _wide(text: str) -> str | None:
    """Text of 16 or 32 bits, or None: nearly any bytes decode, so that characters which no text has tell them apart."""
    odd = (c for c in set(text) if unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in WIDE_CONTROLS)
    return None if next(odd, "") else text


WIDE_CONTROLS = "\t\n\v\f\r\x1b\ufeff"


def walk_text(walk: Walk, text: str, path: str) -> None:
    """Walk text that was decoded."""
    walk.formats[path] = "text"
    if text.startswith(POINTER):
        walk.skip(path or "the file", "a pointer of Git LFS: the file that it stands for is not here")
    hidden.look_at_text(walk, text.encode("utf-8", "replace"), path)
    _encoded(walk, text, path)
    kind = kind_of(text, path or walk.name)
    if kind is not None:
        walk.formats[path] = kind.name
        importlib.import_module(f"{__package__}.{kind.module}").read(walk, text, path)
    if kind is None or walk.formats[path] == "text":
        _acts(walk, text, path)
    _tagged(walk, text, path)
    _deceives(walk, text, path)


def _tagged(walk: Walk, text: str, path: str) -> None:
    """YAML that builds objects, under a name that promises another kind of text."""
    if walk.formats[path].startswith(("yaml", "conda", "mlflow", "python")):
        return
    if match := OBJECT.search(FENCED.sub("", text)):
        message = f"a loader of YAML that builds objects would import and call what {match[1]} names here"
        remedy = "do not load this with a loader that builds objects; ask for plain values"
        walk.flaw("artifact.yaml.object", Severity.CRITICAL, Place(path), message, remedy, ("CWE-502",))


def _acts(walk: Walk, text: str, path: str) -> None:
    """Lines that a shell or a spreadsheet would act on, in text that nothing else reads."""
    found = (("script", FETCHES.search(text), "fetches a program and runs it when a shell is given it"),
             ("formula", FORMULA.search(text), "starts a program when a spreadsheet opens it"))  # fmt: skip
    for rule, match, what in found:
        if match:
            place = Place(path, f"line {text.count(chr(10), 0, match.start()) + 1}")
            message, remedy = f"a line of this text {what}", "read it before anyone uses it"
            walk.flaw(f"artifact.text.{rule}", Severity.MEDIUM, place, message, remedy, ("CWE-829",))


def _deceives(walk: Walk, text: str, path: str) -> None:
    """Characters that show a line in another order than it is read in (Trojan Source)."""
    match = BIDI.search(text)
    while match:
        begin, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.start())
        line = text[begin : end if end >= 0 else len(text)]
        if len(line) >= SENTENCE and re.search(r"[A-Za-z]{3}", line):
            message = "a bidirectional override shows this line in another order than programs read it in"
            place = Place(path, f"line {text.count(chr(10), 0, begin) + 1}")
            remedy = "look at the line with escapes; honest files do not need such characters"
            walk.flaw("artifact.text.order", Severity.MEDIUM, place, message, remedy, ("CWE-150", "CVE-2021-42574"))
            return
        match = BIDI.search(text, begin + len(line))


def _encoded(walk: Walk, text: str, path: str) -> None:
    """A file that is the base64 of a program, a pickle or an archive, and nothing else."""
    bare = text.strip()
    if len(bare) < 40 or not re.match(r"(?:f0VMR|TVqQ|gA[IJMNQRSTUV]|UEsD|H4sI)[A-Za-z0-9+/]{30}", bare):
        return
    import base64

    try:
        data = base64.b64decode("".join(bare.split()), validate=True)
    except ValueError:
        return
    walk.enter(memoryview(data), f"{path}!base64" if path else "base64")
