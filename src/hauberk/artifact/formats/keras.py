"""Keras archives (`.keras`) and the configurations in them, in HDF5 files and beside weights.

A `.keras` file is a zip of config.json, metadata.json, weights (HDF5 or npz) and assets; Keras itself asks for no more
than config.json and weights.
"""

from __future__ import annotations

from ..walk import Walk, join
from .keras_config import Configuration
from .opcodes import Broken
from .zip import Archive, enter, read

WEIGHTS = ("model.weights.h5", "model.weights.npz", "model.weights.json")


def is_json(data: memoryview) -> bool:
    """Whether this begins as a JSON object or list."""
    return bytes(data[:64]).lstrip()[:1] in (b"{", b"[")


def owns(archive: Archive) -> bool:
    """Whether this zip is a `.keras` model."""
    if archive.named("config.json") is None:
        return False
    return any(archive.named(name) is not None for name in ("metadata.json", *WEIGHTS))


def walk_zip(walk: Walk, archive: Archive, path: str) -> None:
    """Walk the configuration; weights and assets by their content. Raises Broken."""
    for member in archive.members:
        if member.name in ("config.json", "metadata.json"):
            content = read(walk, archive, member, path)
            if content is not None:
                walk_json(walk, content, join(path, member.name))
        else:
            enter(walk, archive, member, path)


def walk_json(walk: Walk, data: memoryview, path: str) -> None:
    """Walk JSON that a loader reads: classes, functions and files that it names. Raises Broken for what is none."""
    walk.formats[path] = "json"
    try:
        Configuration(walk, path).text(str(data, "utf-8"))
    except (ValueError, RecursionError) as error:
        raise Broken(f"not valid JSON: {error}") from error


def walk_text(walk: Walk, data: memoryview, path: str) -> None:
    """Walk a text that may be JSON, read as h5py reads it; Keras' loaders refuse one that is none.

    Raises Broken for JSON that is nested so deeply that only some readers follow.
    """
    walk.formats[path] = "text"
    try:
        Configuration(walk, path).text(str(data, "utf-8", "surrogateescape"))
    except ValueError:
        return
    except RecursionError as error:
        raise Broken(f"not valid JSON: {error}") from error
    walk.formats[path] = "json"
