"""HTML, SVG and other markup: what a browser would run when someone looks at it."""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk

ACTIVE = re.compile(
    r"(?i)<script\b|\bon(?:load|error|click|mouseover|focus|begin|toggle)\s*=\s*[\"'a-z]|javascript:|<iframe\b|<object\b|<embed\b"
    r"|<foreignobject\b|data:text/html|<meta[^>]{0,80}http-equiv\s*=\s*[\"']?refresh"
)
ENTITY = re.compile(r"<!ENTITY\b|<!DOCTYPE[^>]{0,200}\[", re.I)


def read(walk: Walk, text: str, path: str) -> None:
    """Tell of scripts and of entities."""
    if match := ENTITY.search(text):
        message = "this markup declares entities, which readers expand or fetch"
        tell(walk, path, Severity.HIGH, text, match, "artifact.markup.entity", message, ("CWE-611", "CWE-776"))
    active(walk, text, path)


def active(walk: Walk, text: str, path: str, part: str = "") -> None:
    """Tell of script in markup, once."""
    if match := ACTIVE.search(text):
        message = "this markup runs script when a browser shows it"
        tell(walk, path, Severity.MEDIUM, text, match, "artifact.markup.script", message, ("CWE-79",), part)


def tell(
    walk: Walk, path: str, severity: Severity, text: str, match: re.Match[str], rule: str, message: str,
    references: tuple[str, ...], part: str = "",
) -> None:  # fmt: skip
    """Write a finding at the line of a match."""
    place = Place(path, part or f"line {text.count(chr(10), 0, match.start()) + 1}")
    walk.flaw(rule, severity, place, message, "do not open this in a browser; remove it", references)
