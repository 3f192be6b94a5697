"""Markdown and model cards: YAML in front, text behind, and the markup that a site would show."""

from __future__ import annotations

import re

from ..walk import Walk, join
from . import markup, yaml_file

FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n([\s\S]*?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)")
FENCES = re.compile(r"^(```|~~~)[^\n]*\n[\s\S]*?^\1[^\n]*$|`[^`\n]*`", re.M)
"""Code that is shown, not run."""


def read(walk: Walk, text: str, path: str) -> None:
    """Read the front matter as YAML and look for script in the rest."""
    match = FRONT.match(text)
    if match:
        yaml_file.read_front(walk, match[1], join(path, "front matter") if path else path)
    markup.active(walk, FENCES.sub("", text[match.end() if match else 0 :]), path)
