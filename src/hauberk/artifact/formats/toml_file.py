"""TOML: pyproject files whose builds run code, and configurations that name classes."""

from __future__ import annotations

from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import configuration, requirements

MAX_TOML = 4 << 20
BACKENDS = frozenset((
    "setuptools.build_meta", "hatchling.build", "flit_core.buildapi", "poetry.core.masonry.api", "pdm.backend",
    "maturin", "scikit_build_core.build", "mesonpy", "uv_build", "setuptools.build_meta:__legacy__",
    "poetry.masonry.api", "pdm.pep517.api",
))  # fmt: skip


def read(walk: Walk, text: str, path: str) -> None:
    """Read a TOML file. What tomllib does not read is a skip."""
    value = _parsed(walk, text, path)
    if value is None:
        return
    configuration.walk_value(walk, value, path)
    build, project = value.get("build-system"), value.get("project")
    if isinstance(build, dict):
        _build(walk, build, path)
    if isinstance(project, dict):
        for line in project.get("dependencies") or ():
            complaint = requirements.line_of(line) if isinstance(line, str) else None
            if complaint and complaint[1] in ("direct", "index"):
                _tell(walk, path, "dependencies", complaint[0], complaint[2])


def _parsed(walk: Walk, text: str, path: str) -> dict[str, Any] | None:
    import tomllib

    if len(text) > MAX_TOML:
        walk.skip(path or "the file", f"TOML of {len(text)} characters, the limit is {MAX_TOML}")
        return None
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        walk.skip(path or "the file", f"not valid TOML: {printable(str(error))}")
        return None


def _build(walk: Walk, build: dict[str, Any], path: str) -> None:
    backend = build.get("build-backend")
    if build.get("backend-path") or (backend is not None and backend not in BACKENDS):
        message = f"installing this folder runs its own build program, {printable(str(backend))}"
        _tell(walk, path, "build-system", Severity.HIGH, message)
    for line in build.get("requires") or ():
        complaint = requirements.line_of(line) if isinstance(line, str) else None
        if complaint and complaint[1] in ("direct", "index"):
            _tell(walk, path, "build-system", complaint[0], complaint[2])


def _tell(walk: Walk, path: str, part: str, severity: Severity, message: str) -> None:
    remedy = "do not install this folder before you have read what its build runs"
    walk.flaw("artifact.toml.build", severity, Place(path, part), message, remedy, ("CWE-829",))
