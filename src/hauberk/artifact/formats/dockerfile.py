"""Dockerfiles beside a model: what building the image would fetch and run.

Known are the commands that install from package indexes and arrange files; any other command of a RUN is told.
"""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import requirements, script

PLAIN_COMMANDS = frozenset((
    "apt-get", "apt", "apk", "yum", "dnf", "microdnf", "pip", "pip3", "conda", "mamba", "micromamba", "uv", "poetry",
    "mkdir", "chmod", "chown", "rm", "cp", "mv", "ln", "echo", "printf", "useradd", "adduser", "groupadd", "addgroup",
    "usermod", "set", "cd", "ldconfig", "export", "true", "touch", "locale-gen", "update-ca-certificates", "ls",
    "install", "test", "[",
))  # fmt: skip
INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.S)
SECRET = re.compile(
    r"(?i)\b\w*(?:password|passwd|secret|token|api_?key)\w*[ =]+[\"']?"
    r"(?!\$|\{|<|none\b|true\b|false\b)[\w/+.-]{8,}"
)
SHELL_SPLIT = re.compile(r"&&|\|\||;|\||\n")
PYTHON_PIP = re.compile(r"python[\d.]*\s+-m\s+(?:pip|venv|ensurepip)\b")
REMEDY = "read every step before you build the image; fetch nothing without its digest"


def read(walk: Walk, text: str, path: str) -> None:
    """Read a Dockerfile's instructions."""
    for number, line in _instructions(text):
        match = INSTRUCTION.fullmatch(line)
        if match is None:
            _tell(walk, path, number, "unknown", Severity.MEDIUM, f"docker could not read {printable(line)!r}")
            continue
        name, rest = match[1].upper(), match[2].strip()
        if name == "ADD" and re.search(r"\b(?:https?|ftp)://|\bgit@", rest) and "--checksum=" not in rest:
            _tell(walk, path, number, "fetch", Severity.MEDIUM, f"the build fetches {printable(rest)} unverified")
        elif name == "USER" and rest.split(":")[0] in ("root", "0"):
            _tell(walk, path, number, "root", Severity.LOW, "the container runs as root")
        elif name in ("ENV", "ARG") and SECRET.search(rest):
            _tell(walk, path, number, "secret", Severity.HIGH, "a secret is written into the image")
        elif name in ("RUN", "ONBUILD", "HEALTHCHECK"):
            _run(walk, path, number, rest)


def _instructions(text: str) -> list[tuple[int, str]]:
    found, buffer, start = [], "", 0
    for at, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        start = start if buffer else at
        if line.rstrip().endswith("\\"):
            buffer += line.rstrip()[:-1] + " "
            continue
        buffer += line
        if buffer.strip():
            found.append((start, buffer.strip()))
        buffer = ""
    if buffer.strip():
        found.append((start, buffer.strip()))
    return found


def _run(walk: Walk, path: str, number: int, rest: str) -> None:
    if script.FETCHES.search(rest):
        _tell(walk, path, number, "run", Severity.HIGH, "the build fetches or decodes a program and runs it")
        return
    bare = re.sub(r"^(?:--\w+=\S+\s+)+", "", rest)
    if bare.startswith("["):
        bare = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', bare))
    for command in SHELL_SPLIT.split(bare):
        if complaint := _command(command.strip()):
            _tell(walk, path, number, "run", Severity.MEDIUM, complaint)
            return


def _command(command: str) -> str:
    words = [word for word in command.split() if "=" not in word or word.startswith("-")]
    if not words or PYTHON_PIP.match(command):
        return ""
    name = words[0].rsplit("/", 1)[-1]
    if name not in PLAIN_COMMANDS:
        return f"the build runs {printable(command, 80)!r}, which is not a command that only installs"
    if name in ("pip", "pip3", "uv"):
        for found in (requirements.INDEX.search(command), requirements.DIRECT.search(command)):
            if found and not requirements.KNOWN_INDEX.fullmatch(found[1]):
                return f"the build installs from {printable(found[1])}"
    return ""


def _tell(walk: Walk, path: str, number: int, rule: str, severity: Severity, message: str) -> None:
    place = Place(path, f"line {number}")
    walk.flaw(f"artifact.dockerfile.{rule}", severity, place, message, REMEDY, ("CWE-829",))
