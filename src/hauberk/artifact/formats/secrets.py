"""Keys and tokens that someone forgot: exact formats, held against their entropy; never shown in full.

The formats are those that the issuers document for secret scanning.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """One kind of secret. needles: bytes of which it holds one. before: how far ahead of that it may begin."""

    what: str
    needles: tuple[bytes, ...]
    pattern: bytes
    before: int = 0


def _form(what: str, needles: tuple[bytes, ...], pattern: bytes, before: int = 0) -> Form:
    return Form(what, needles, rb"(?<![A-Za-z0-9_])(?:" + pattern + rb")", before)


PEM = (
    rb"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----(?:\\r|\\n|\s|[A-Za-z-]+: [^\n\\]{0,80}(?:\n|\\n)){1,9}"
    rb"[A-Za-z0-9+/=\\\r\n]{60}"
)
LOGIN = rb"[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'<>{}$\[\]\\]{1,64}:[^\s/:@\"'<>{}$\[\]\\*]{6,64}@[\w.-]{3,}"
IN_ADDRESS = "a password in an address"
FORMS = (
    _form("a private key", (b"PRIVATE KEY-----",), PEM, 40),
    _form("an AWS access key", (b"AKIA", b"ASIA"), rb"(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    _form("an AWS secret key", (b"ws_secret_access_key", b"WS_SECRET_ACCESS_KEY"),
          rb"(?i:aws_secret_access_key)[\"' \t]{0,3}[=:][\"' \t]{0,3}[A-Za-z0-9/+]{40}\b", 1),
    _form("a Google API key", (b"AIza",), rb"AIza[0-9A-Za-z_-]{35}(?![\w-])"),
    _form("an Azure storage key", (b"AccountKey=",), rb"AccountKey=[A-Za-z0-9+/]{86}=="),
    _form("a GitHub token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
          rb"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b"),
    _form("a GitLab token", (b"glpat-",), rb"glpat-[A-Za-z0-9_-]{20}(?![\w-])"),
    _form("a Hugging Face token", (b"hf_",), rb"hf_[A-Za-z]{34}\b"),
    _form("an Anthropic key", (b"sk-ant-",), rb"sk-ant-[a-z]{3,5}\d\d-[A-Za-z0-9_-]{80,}"),
    _form("an OpenAI key", (b"sk-",),
          rb"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})"),
    _form("a Slack token", (b"xox",), rb"xox[abeoprs]-[0-9A-Za-z-]{24,}"),
    _form("a Slack address", (b"hooks.slack.com",), rb"hooks\.slack\.com/services/T\w{7,}/B\w{7,}/\w{20,}"),
    _form("a Stripe key", (b"k_live_",), rb"[rs]k_live_[0-9A-Za-z]{24,}\b", 1),
    _form("an npm token", (b"npm_",), rb"npm_[A-Za-z0-9]{36}\b"),
    _form("a PyPI token", (b"pypi-AgEIcHlwaS5vcmc",), rb"pypi-AgEIcHlwaS5vcmc[\w-]{50,}"),
    _form(IN_ADDRESS, (b"://",), LOGIN, 16),
)  # fmt: skip
"""Needles are found far faster than a pattern is matched."""
REACH = 400
"""Bytes behind a needle in which its secret must end, or be recognised."""
MAX_NEEDLES = 20_000

EXAMPLES = re.compile(rb"(?i)example|placeholder|changeme|password|your|xxxx|1234567|abcdef|dummy|test|user:|secret:")
MIN_BITS = 3.0
"""Entropy per character of a random token of these lengths is 3.5 and more; that of a placeholder is far less."""


def find(text: bytes) -> Iterator[tuple[int, Form, bytes]]:
    """(position, form, secret) of every secret in a text."""
    for form in FORMS:
        for needle in form.needles:
            at, met = text.find(needle), 0
            while at >= 0 and met < MAX_NEEDLES:
                met += 1
                if form.what != IN_ADDRESS or text.find(b"@", at, at + 132) >= 0:
                    match = re.compile(form.pattern).search(text, max(0, at - form.before), at + REACH)
                    if match and match.start() <= at and real(form, match[0]):
                        yield match.start(), form, match[0]
                at = text.find(needle, at + len(needle))


NAMED = re.compile(
    r"(?i)(?:.*[_.-])?(?:api[_-]?key|apikey|secret(?:[_-]?(?:access[_-]?)?key)?|(?:access|auth|api)[_-]?token"
    r"|passw(?:or)?d|client[_-]?secret|private[_-]?key)"
)
VALUE = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[\w+/=.~-]{16,200}")


def named(key: str, value: str) -> bool:
    """Whether a key says that its value is secret, and the value looks random.

    >>> named("API_KEY", "Zt3KvLx0PbW7sYhRn2Jd"), named("api_key", "your-key-goes-here-1"), named("pad_token", "x1" * 9)
    (True, False, False)
    """
    if len(key) > 80 or not NAMED.fullmatch(key) or not VALUE.fullmatch(value):
        return False
    return not EXAMPLES.search(value.encode()) and entropy(value.encode()) >= 3.5


def real(form: Form, found: bytes) -> bool:
    """Whether a match is a secret and no example from somebody's manual.

    >>> real(FORMS[1], b"AKIAIOSFODNN7EXAMPLE"), real(FORMS[1], b"AKIA2OGYBAH6QVZMKTDA")
    (False, True)
    """
    return form is FORMS[0] or (not EXAMPLES.search(found) and entropy(found) >= MIN_BITS)


def entropy(text: bytes) -> float:
    """Bits per character, by how often each occurs."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def masked(found: bytes) -> str:
    """The first characters of a secret, enough to find it again.

    >>> masked(b"hf_abcdefghij")
    'hf_a…'
    """
    return found[:4].decode("ascii", "replace") + "…"
