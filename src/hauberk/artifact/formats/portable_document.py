"""PDF: not read page by page, so never a pass; what would act when it is opened is told."""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk
from . import hidden

ACTS = re.compile(rb"/(?:JavaScript|JS|Launch|EmbeddedFile|RichMedia|OpenAction|AA|XFA)\b")
MAX_LOOKED = 64 << 20


def sniff(data: memoryview) -> bool:
    """Whether this begins as PDF."""
    return bytes(data[:5]) == b"%PDF-"


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Look through it, and say that it was not read."""
    if match := ACTS.search(data[:MAX_LOOKED]):
        message = f"this document does something when it is opened ({match[0].decode()[1:]})"
        remedy = "do not open it in a reader that runs scripts"
        walk.flaw("artifact.document.acts", Severity.MEDIUM, Place(path), message, remedy, ("CWE-829",))
    hidden.hidden(walk, data, path)
    walk.skip(path or "the file", "a PDF, whose pages are not read")
