"""What hides in strings and metadata of any format: programs, secrets, addresses, and text that people cannot see.

`hidden` is for every reader of a format: give it the bytes that are no tensor.

>>> from hauberk.core.limits import Limits
>>> walk = Walk(Limits(), lambda *_: None)
>>> hidden(walk, memoryview(b"token = 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"), "config.txt")
>>> walk.flaws[0].rule, "hf_Qk" in walk.flaws[0].message
('artifact.secret', False)
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import executable, secrets

MAX_HIDDEN = 64 << 20
"""Bytes looked through: no honest metadata comes near. What lies behind is still accounted for by its format."""
MAX_TOLD = 20
"""Findings of one kind that one place may give."""

PROGRAMS = re.compile(
    rb"\x7fELF[\x01\x02][\x01\x02]\x01|MZ[\s\S]{58}[\s\S]{2}\0\0|\xca\xfe\xba\xbe\0[\s\S]\0"
    rb"|[\xce\xcf]\xfa\xed\xfe|\0asm\x01\0\0\0"
)
PROGRAM_NEEDLES = (b"\x7fELF", b"PE\0\0", b"\xca\xfe\xba\xbe", b"\xfa\xed\xfe", b"\0asm\x01")
ENCODED = re.compile(
    rb"f0VMR[gk][A-Za-z0-9+/]{60}|TVqQAAMAAAAEAAAA|TV[opqr](?=[A-Za-z0-9+/]{150})|yv66v[gn]AAA[A-Za-z0-9+/]{60}"
)
ENCODED_NEEDLES = (b"f0VMR", b"TVqQAA", b"TVo", b"TVp", b"TVr", b"yv66v")
"""base64 of the marks of ELF, Windows and Java programs."""
BASE64 = re.compile(rb"[A-Za-z0-9+/]*")
GUESS = 8192
"""Letters that hold the headers of a Windows program, wherever its first one says that the second stands."""
MAX_GUESSES = 2000
"""Beginnings of programs that are looked into: no honest text holds as many."""
UNSEEN = re.compile(rb"(?:\xf3\xa0[\x80\x81][\x80-\xbf]){8,}|(?:(?i:\\udb40\\udc[0-7][0-9a-f])){8,}")
FLAG = (b"\xf0\x9f\x8f\xb4", b"\\ud83c\\udff4")
"""The black flag: the only character behind which Unicode's tag characters have a meaning."""

ADDRESS = re.compile(rb"(?i)(?:https?|ftp|wss?)://(?:[^\s/@\"'<>]{1,80}@)?([\w.-]{4,120})(?::\d{1,5})?")
NUMBERED = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}")
OWN_NETWORK = re.compile(
    rb"(?:127|10|0|169\.254|192\.168|192\.0\.2|198\.51\.100|203\.0\.113|172\.(?:1[6-9]|2\d|3[01]))\."
)
DROPS = (
    b"pastebin.com", b"paste.ee", b"hastebin.com", b"ghostbin.co", b"rentry.co", b"dpaste.com", b"transfer.sh",
    b"anonfiles.com", b"file.io", b"ngrok.io", b"ngrok.app", b"ngrok-free.app", b"trycloudflare.com", b"loca.lt",
    b"serveo.net", b"webhook.site", b"requestbin.net", b"pipedream.net", b"burpcollaborator.net", b"oastify.com",
    b"interact.sh", b"oast.fun", b"oast.pro", b"oast.live", b"oast.site", b"oast.online", b"oast.me",
    b"discord.com/api/webhooks", b"discordapp.com/api/webhooks", b"api.telegram.org/bot", b".onion",
)  # fmt: skip
"""Where stolen data is dropped and payloads are fetched: pastes, tunnels, request catchers."""


def hidden(walk: Walk, data: memoryview, path: str, part: str = "") -> None:
    """Tell of programs, secrets, odd addresses and invisible text in bytes that are no tensor.

    Looks through the first MAX_HIDDEN bytes; a few passes of a substring search, about a millisecond a MiB.
    """
    text = bytes(data[:MAX_HIDDEN])
    if any(needle in text for needle in PROGRAM_NEEDLES):
        _programs(walk, memoryview(text), path, part)
    look_at_text(walk, text, path, part)


def look_at_text(walk: Walk, text: bytes, path: str, part: str = "") -> None:
    """The same for what is known to be text: without programs in their raw form."""
    if any(needle in text for needle in ENCODED_NEEDLES) and (found := _encoded(text)):
        message = "base64 of a program stands in this text"
        remedy = "a model needs no program inside it; do not use this file until you know why it is there"
        _tell(walk, "artifact.executable.encoded", Severity.MEDIUM, Place(path, part or _byte(found)), message, remedy)
    _secrets(walk, text, path, part)
    if b"://" in text:
        _addresses(walk, text, path, part)
    if b"\xf3\xa0" in text or b"\\udb40" in text.lower():
        _unseen(walk, text, path, part)


def _encoded(text: bytes) -> re.Match[bytes] | None:
    """Where base64 of a program begins. Four letters that say MZ are met by chance in every long base64, such as the
    table of characters of a multilingual tokenizer.json: there the header behind them must say so as well."""
    for n, found in enumerate(ENCODED.finditer(text)):
        if len(found[0]) > 4 or n >= MAX_GUESSES or _begins_program(text[found.start() : found.start() + GUESS]):
            return found
    return None


def _begins_program(letters: bytes) -> bool:
    run = BASE64.match(letters)
    length = len(run[0]) // 4 * 4 if run else 0
    return executable.inside(memoryview(binascii.a2b_base64(letters[:length])), 0) != ""


def _programs(walk: Walk, data: memoryview, path: str, part: str) -> None:
    told = 0
    for match in PROGRAMS.finditer(data):
        if told < MAX_TOLD and (what := executable.inside(data, match.start())):
            told += 1
            remedy = "a model needs no program inside it; do not use this file until you know why it is there"
            place = Place(path, part or _byte(match))
            message = f"{what} is hidden in this file"
            _tell(walk, "artifact.executable.hidden", Severity.HIGH, place, message, remedy)


def _secrets(walk: Walk, text: bytes, path: str, part: str) -> None:
    told: set[bytes] = set()
    for at, form, found in secrets.find(text):
        if found in told or len(told) >= MAX_TOLD:
            continue
        told.add(found)
        message = f"this file holds {form.what} ({secrets.masked(found)}): whoever has the file has it"
        remedy = "revoke it, then remove it from the file and from its history"
        severity = Severity.MEDIUM if form.what == secrets.IN_ADDRESS else Severity.HIGH
        _tell(walk, "artifact.secret", severity, Place(path, part or f"byte {at}"), message, remedy, ("CWE-798",))


def _addresses(walk: Walk, text: bytes, path: str, part: str) -> None:
    told: set[bytes] = set()
    for match in ADDRESS.finditer(text):
        host = match[1].lower()
        if host not in told and len(told) < MAX_TOLD and (why := _odd(host, match[0] + text[match.end() :][:32])):
            told.add(host)
            message = f"this file names {printable(host.decode('ascii', 'replace'))}, {why}"
            remedy = "know why a model needs that address"
            _tell(walk, "artifact.address", Severity.LOW, Place(path, part or _byte(match)), message, remedy)


def _odd(host: bytes, address: bytes) -> str:
    if NUMBERED.fullmatch(host):
        return "" if OWN_NETWORK.match(host) else "an address without a name"
    lowered = address.lower()
    if any(drop in lowered for drop in DROPS if b"/" in drop):
        return "where stolen data is often sent"
    if any(host == drop or host.endswith(b"." + drop.lstrip(b".")) for drop in DROPS):
        return "where payloads and stolen data are often left"
    return ""


def _unseen(walk: Walk, text: bytes, path: str, part: str) -> None:
    for match in UNSEEN.finditer(text):
        if not text[: match.start()].lower().endswith(FLAG):
            message = "text is written in characters that people cannot see and models can read"
            remedy = "do not feed this file to a model; look at it with escapes"
            place = Place(path, part or _byte(match))
            _tell(walk, "artifact.text.unseen", Severity.MEDIUM, place, message, remedy, ("CWE-150", "AML.T0068"))
            return


def _byte(match: re.Match[bytes]) -> str:
    return f"byte {match.start()}"


_Tell = Callable[..., None]


def _tell(
    walk: Walk,
    rule: str,
    severity: Severity,
    place: Place,
    message: str,
    remedy: str,
    refs: tuple[str, ...] = ("CWE-506",),
) -> None:
    walk.flaw(rule, severity, place, message, remedy, refs)
