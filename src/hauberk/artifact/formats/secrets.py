"""Keys and tokens that someone forgot: exact formats, held against their entropy; never shown in full.

The formats are those that the issuers document for secret scanning.
"""

from __future__ import annotations

import math
import re
from collections import Counter

PEM = (
    rb"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----(?:\\r|\\n|\s|[A-Za-z-]+: [^\n]{0,80}\n){1,9}"
    rb"[A-Za-z0-9+/=\\\r\n]{60}"
)
FORMS: tuple[tuple[str, bytes, str], ...] = (
    ("pem", PEM, "a private key"),
    ("aws", rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b", "an AWS access key"),
    ("awssecret", rb"(?i:aws_secret_access_key)[\"' \t]{0,3}[=:][\"' \t]{0,3}[A-Za-z0-9/+]{40}\b", "an AWS secret key"),
    ("google", rb"\bAIza[0-9A-Za-z_-]{35}(?![\w-])", "a Google API key"),
    ("azure", rb"AccountKey=[A-Za-z0-9+/]{86}==", "an Azure storage key"),
    ("github", rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b", "a GitHub token"),
    ("gitlab", rb"\bglpat-[A-Za-z0-9_-]{20}(?![\w-])", "a GitLab token"),
    ("hugging", rb"\bhf_[A-Za-z]{34}\b", "a Hugging Face token"),
    ("anthropic", rb"\bsk-ant-[a-z]{3,5}\d\d-[A-Za-z0-9_-]{80,}", "an Anthropic key"),
    ("openai", rb"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",
     "an OpenAI key"),
    ("slack", rb"\bxox[abeoprs]-[0-9A-Za-z-]{24,}|hooks\.slack\.com/services/T\w{7,}/B\w{7,}/\w{20,}", "a Slack token"),
    ("stripe", rb"\b[rs]k_live_[0-9A-Za-z]{24,}\b", "a Stripe key"),
    ("npm", rb"\bnpm_[A-Za-z0-9]{36}\b", "an npm token"),
    ("pypi", rb"\bpypi-AgEIcHlwaS5vcmc[\w-]{50,}", "a PyPI token"),
    ("login", rb"\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'<>{}$\[\]\\]{1,64}:[^\s/:@\"'<>{}$\[\]\\*]{6,64}@[\w.-]{3,}",
     "a password in an address"),
)  # fmt: skip
"""(group, pattern, what it is)."""
NAMES = {group: what for group, _, what in FORMS}
PATTERN = b"|".join(b"(?P<" + group.encode() + b">" + pattern + b")" for group, pattern, _ in FORMS)

NEEDLES = (
    b"PRIVATE KEY", b"AKIA", b"ASIA", b"ws_secret", b"WS_SECRET", b"AIza", b"AccountKey=", b"ghp_", b"gho_", b"ghu_",
    b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"hf_", b"sk-", b"xox", b"hooks.slack", b"k_live_", b"npm_",
    b"pypi-Ag", b"://",
)  # fmt: skip
"""Bytes of which every secret above holds some: found far faster than a pattern is matched."""

EXAMPLES = re.compile(rb"(?i)example|placeholder|changeme|password|your|xxxx|1234567|abcdef|dummy|test|user:|secret:")
MIN_BITS = 3.0
"""Entropy per character of a random token of these lengths is 3.5 and more; that of a placeholder is far less."""


def real(group: str, found: bytes) -> bool:
    """Whether a match is a secret and no example from somebody's manual.

    >>> real("aws", b"AKIAIOSFODNN7EXAMPLE"), real("aws", b"AKIA2OGYBAH6QVZMKTDA")
    (False, True)
    """
    if group == "pem":
        return True
    if EXAMPLES.search(found):
        return False
    if group == "login":
        return entropy(found) > MIN_BITS
    return entropy(found) >= MIN_BITS


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
