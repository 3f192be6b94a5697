"""INI files and their kin: spaCy's and thinc's configurations, package indexes, environment files."""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import jinja, requirements, secrets, targets

REGISTERED = re.compile(r"@(\w+)\s*=\s*[\"']?([^\"'\s]+)")
KNOWN = re.compile(r"(?:spacy|spacy[-_]\w+(?:[-_]\w+)*|thinc)\.[\w.-]+|[A-Za-z]\w*\.v\d+")
"""Functions that spaCy, its own extensions and thinc register; others need code that the model does not bring."""
PAIR = re.compile(r"([\w.@-]+)\s*[=:]\s*(.*)")
COMMANDS = frozenset((
    "fsmonitor", "sshcommand", "hookspath", "askpass", "pager", "editor", "textconv", "external", "smudge", "clean",
    "helper", "program", "cmdclass",
))  # fmt: skip
"""Keys of git's and setuptools' configurations that name a command or a class to run."""
INDEX_KEYS = ("index-url", "extra-index-url", "find-links", "trusted-host", "index", "registry")


def read(walk: Walk, text: str, path: str) -> None:
    """Read the pairs of an INI file."""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;[":
            continue
        if match := REGISTERED.match(bare):
            if not KNOWN.fullmatch(match[2]):
                message = f"{printable(match[2])} is a function that neither spaCy nor thinc registers"
                _tell(walk, path, number, "function", Severity.MEDIUM, message)
        elif match := PAIR.fullmatch(bare):
            _pair(walk, path, number, match[1], match[2])


def _pair(walk: Walk, path: str, number: int, key: str, value: str) -> None:
    if key in INDEX_KEYS and "://" in value and not requirements.KNOWN_INDEX.fullmatch(value):
        _tell(walk, path, number, "index", Severity.MEDIUM, f"packages come from {printable(value)}")
    elif secrets.named(key, value.strip("\"' ")):
        place = Place(path, f"line {number}")
        message = f"this file holds a secret under {printable(key)!r}"
        remedy = "revoke it, then remove it from the file and its history"
        walk.flaw("artifact.secret", Severity.HIGH, place, message, remedy, ("CWE-798",))
    elif key.lower() in COMMANDS and value and value not in ("true", "false", "cache", "store", "git-lfs"):
        if not value.startswith("git-lfs "):
            _tell(walk, path, number, "command", Severity.HIGH, f"{printable(key)} runs {printable(value)}")
    elif key in ("_target_", "class_path"):
        targets.judge(walk, value.strip("\"' "), path, key)
    elif key.endswith("template") and "{%" in value:
        jinja.walk_template(walk, value, path, printable(key, 40))
    elif key in ("ast", "eval", "exec", "code", "callback_module", "python_module", "custom_module") and value.endswith(
        ".py"
    ):
        _tell(walk, path, number, "code", Severity.HIGH, f"{printable(key)} names the code {printable(value)}")


def _tell(walk: Walk, path: str, number: int, rule: str, severity: Severity, message: str) -> None:
    remedy = "know that code before you load this model"
    walk.flaw(f"artifact.ini.{rule}", severity, Place(path, f"line {number}"), message, remedy, ("CWE-829",))
