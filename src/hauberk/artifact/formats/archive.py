"""Zip archives by what they hold: torch, skops, Keras, TorchServe, or members of any format (npz)."""

from __future__ import annotations

from ...core.nouns import Place, Severity
from ..walk import Walk
from . import keras, mar, skops, torch
from .zip import enter, open_zip, sniff

__all__ = ["sniff", "walk"]
SPECIAL = (torch, skops, keras, mar)


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Check the archive, then walk what is in it. Raises Broken when it has no readable directory."""
    archive = open_zip(walk, data, path)
    if archive is None:
        return
    owners = [special for special in SPECIAL if special.owns(archive)]
    if len(owners) > 1:
        remedy = "do not load this archive; no honest writer makes such a one"
        message = "it is of several formats at once: what it does depends on who reads it"
        walk.flaw("artifact.polyglot", Severity.HIGH, Place(path), message, remedy, ("CWE-436",))
    for special in owners[:1]:
        special.walk_zip(walk, archive, path)
        return
    for member in archive.members:
        enter(walk, archive, member, path)
