"""Bytes behind the end of a picture or a sound: viewers do not show them, and other programs may read them."""

from __future__ import annotations

from ...core.nouns import Place, Severity
from ..walk import Walk
from . import hidden


def behind(walk: Walk, data: memoryview, end: int, path: str, what: str) -> None:
    """Tell of what stands behind `end`, and walk it. Zeros and line ends hide nothing."""
    rest = data[end:]
    if not len(rest) or not bytes(rest).strip(b"\0\r\n\x20"):
        return
    message = f"{len(rest)} bytes stand behind the end of this {what}, where no viewer shows them"
    remedy = "do not pass this file on; save the picture or sound again"
    walk.flaw("artifact.media.behind", Severity.MEDIUM, Place(path, f"byte {end}"), message, remedy, ("CWE-912",))
    walk.enter(rest, f"{path or what}!byte {end}")


def metadata(walk: Walk, data: memoryview, path: str, part: str) -> None:
    """Look through bytes that are no picture or sound: comments, profiles, positions."""
    hidden.hidden(walk, data, path, part)
