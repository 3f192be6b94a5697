"""Requirements beside a model: from where they come, and whether tomorrow brings the same as today.

Source: pip's requirements file format; environment files of conda.
"""

from __future__ import annotations

import re
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, printable

NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*(.*)")
PINNED = re.compile(r"\(?\s*===?\s*[^*,\s]+\)?")
BOUNDED = re.compile(r"\(?\s*(?:[=!<>~]=?|===|@)")
INDEX = re.compile(
    r"(?:-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host|--pre|--no-binary)\b[\s=]*(\S*)"
)
KNOWN_INDEX = re.compile(r"https://(?:pypi\.org/simple|download\.pytorch\.org/whl(?:/[\w./]*)?|pypi\.nvidia\.com)/?")
DIRECT = re.compile(r"(?:^|@|\s)((?:git|hg|svn|bzr)\+\S+|(?:https?|ftp|file)://\S+)")
REMEDY = "install from an index that you trust, each package at one version, with its hash"


def read(walk: Walk, text: str, path: str) -> None:
    """Read a requirements file."""
    loose: list[str] = []
    for number, line in _logical(text):
        if complaint := line_of(line):
            severity, rule, message = complaint
            if rule == "loose":
                loose.append(message)
            else:
                _tell(walk, path, f"line {number}", rule, severity, message)
    _loose(walk, path, loose)


def _logical(text: str) -> list[tuple[int, str]]:
    found, number, buffer = [], 0, ""
    for at, line in enumerate(text.splitlines(), 1):
        number = number if buffer else at
        buffer += re.sub(r"(^|\s)#.*$", "", line)
        if buffer.endswith("\\"):
            buffer = buffer[:-1]
            continue
        if buffer.strip():
            found.append((number, buffer.strip()))
        buffer = ""
    return found


def line_of(line: str) -> tuple[Severity, str, str] | None:
    """(severity, rule, message) of one requirement, or None when nothing is wrong with it.

    >>> line_of("numpy==1.26.4"), line_of("numpy>=1.2,<2")
    (None, None)
    """
    if match := INDEX.match(line):
        if KNOWN_INDEX.fullmatch(match[1]) or line.startswith(("--no-binary", "--pre")):
            return None
        return Severity.MEDIUM, "index", f"packages come from {printable(match[1])}, or from wherever it says"
    if line.startswith(("-r", "--requirement", "-c", "--constraint", "--hash", "--only-binary", "--prefer-binary")):
        return None
    if match := DIRECT.search(line):
        commit = re.search(r"@[0-9a-f]{40}\b|sha256[=:][0-9a-f]{64}", line)
        if commit and match[1].startswith(("git+https://", "https://")):
            return None
        return Severity.MEDIUM, "direct", f"code is installed straight from {printable(match[1])}"
    if line.startswith(("-e", "--editable", ".", "/")):
        return Severity.MEDIUM, "direct", f"installing runs the code of the folder {printable(line)}"
    if line.startswith("--") or line.startswith("-"):
        return Severity.LOW, "option", f"pip is given the option {printable(line)}"
    match = NAME.fullmatch(line)
    if match is None:
        return Severity.MEDIUM, "unknown", f"pip could not read {printable(line)!r}"
    rest = match[3].split(";")[0].strip()
    return None if BOUNDED.match(rest) else (Severity.LOW, "loose", match[1])


def _loose(walk: Walk, path: str, loose: list[str]) -> None:
    if loose:
        names = ", ".join(printable(name, 40) for name in loose[:5]) + (" …" if len(loose) > 5 else "")
        message = f"no version is given for {names}: whatever is newest that day is installed"
        _tell(walk, path, "", "loose", Severity.LOW, message)


def walk_conda(walk: Walk, value: dict[str, Any], path: str) -> None:
    """Read a conda environment: its channels, its packages, and what it gives to pip."""
    walk.formats[path] = "conda environment"
    for channel in value.get("channels") or ():
        if (
            isinstance(channel, str)
            and "://" in channel
            and "anaconda.org" not in channel
            and "anaconda.com" not in channel
        ):
            _tell(walk, path, "channels", "index", Severity.MEDIUM, f"packages come from {printable(channel)}")
    for item in value.get("dependencies") or ():
        for line in item.get("pip") or () if isinstance(item, dict) else ():
            complaint = line_of(line) if isinstance(line, str) else None
            if complaint and complaint[1] != "loose":
                _tell(walk, path, "pip", complaint[1], complaint[0], complaint[2])


def _tell(walk: Walk, path: str, part: str, rule: str, severity: Severity, message: str) -> None:
    walk.flaw(f"artifact.requirements.{rule}", severity, Place(path, part), message, REMEDY, ("CWE-829", "CWE-494"))
