"""Programs as text, in languages that no model loader reads: shell, batch, PowerShell, JavaScript, C …"""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk
from .text_kinds import name_of

RUN_BY_CLICK = frozenset(("sh", "bash", "zsh", "ksh", "fish", "csh", "bat", "cmd", "ps1", "psm1", "vbs", "vbe", "wsf",
                          "hta", "jse", "applescript", "command", "desktop", "reg", "scr", "service"))  # fmt: skip
FETCHES = re.compile(
    r"(?i)\b(?:curl|wget|fetch)\b[^\n|;]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|k|da)?sh\b|\biex\b|invoke-expression|downloadstring"
    r"|-enc(?:odedcommand)?\s+[A-Za-z0-9+/=]{20}|/dev/tcp/|\bnc\s+-[a-z]*e|base64\s+(?:-d|--decode)[^\n]{0,80}\|\s*(?:ba)?sh"
    r"|python3?\s+-c\s+[\"'][^\n]{0,200}(?:socket|exec\(|eval\()|\bmshta\b|certutil[^\n]{0,80}-urlcache|\brm\s+-rf\s+(?:~|/(?:\*|\s|$))"
)
"""Ways to fetch and run what nobody has read."""


def read(walk: Walk, text: str, path: str) -> None:
    """Tell that a program lies here, and when it fetches another."""
    extension = name_of(path or walk.name).rpartition(".")[2]
    match = FETCHES.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        message = "this script fetches or decodes another program and runs it"
        _tell(walk, path, Severity.CRITICAL, f"line {line}", message)
    elif extension in RUN_BY_CLICK or "." not in name_of(path or walk.name):
        _tell(walk, path, Severity.HIGH, "", "this is a script, which a model does not need")
    else:
        _tell(walk, path, Severity.MEDIUM, "", "this is source code, which a model does not need to be loaded")


def _tell(walk: Walk, path: str, severity: Severity, part: str, message: str) -> None:
    remedy = "read it before anyone runs it; remove it if the model works without"
    walk.flaw("artifact.script", severity, Place(path, part), message, remedy, ("CWE-829",))
