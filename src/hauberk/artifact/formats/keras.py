"""Keras archives and other JSON configurations: classes that run code when a model is built from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.canon import parse_json
from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from .zip import Archive, enter, read

RUNS_CODE = ("Lambda", "TFOpLambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer")
"""Keras classes that carry Python bytecode, a pickled module or another file (CVE-2024-3660, CVE-2025-1550)."""
HOMES = ("keras", "builtins", "tensorflow.keras")


def is_json(data: memoryview) -> bool:
    """Whether this begins as a JSON object or list."""
    return bytes(data[:64]).lstrip()[:1] in (b"{", b"[")


def owns(archive: Archive) -> bool:
    """Whether this zip is a `.keras` model."""
    return archive.named("config.json") is not None and archive.named("metadata.json") is not None


def walk_zip(walk: Walk, archive: Archive, path: str) -> None:
    """Walk the configuration; weights by their content."""
    for member in archive.members:
        content = read(walk, archive, member, path) if member.name in ("config.json", "metadata.json") else None
        if content is not None:
            walk_json(walk, content, join(path, member.name))
        else:
            enter(walk, archive, member, path)


def walk_json(walk: Walk, data: memoryview, path: str) -> None:
    """Find classes that run code, and code that a repository brings along (`auto_map`)."""
    walk.formats[path] = "json"
    try:
        value = parse_json(bytes(data), what="file")
    except InputError as error:
        walk.skip(path or "the file", str(error))
        return
    for item in _objects(value):
        name, home = item.get("class_name"), item.get("module")
        if name in RUNS_CODE:
            _tell(walk, path, "artifact.keras.lambda", Severity.CRITICAL, f"the class {name} runs code of the file")
        elif isinstance(name, str) and isinstance(home, str) and home.split(".")[0] not in HOMES:
            what = f"building the model imports {printable(home)}.{printable(name)}"
            _tell(walk, path, "artifact.keras.unknown", Severity.HIGH, what)
        if "auto_map" in item:
            what = "auto_map makes loaders run Python files of the repository"
            _tell(walk, path, "artifact.config.remote", Severity.HIGH, what)


def _tell(walk: Walk, path: str, rule: str, severity: Severity, message: str) -> None:
    remedy = "do not load this with code enabled; export the model to ONNX or safetensors"
    walk.flaw(rule, severity, Place(path), message, remedy, ("CWE-502", "CWE-94"))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
