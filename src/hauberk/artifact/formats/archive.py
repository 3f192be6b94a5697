"""Zip archives by what they hold: torch, skops, Keras, or members of any format (npz)."""

from __future__ import annotations

from ..walk import Walk
from . import keras, skops, torch
from .zip import enter, open_zip

SPECIAL = (torch, skops, keras)


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Check the archive, then walk what is in it. Raises Broken when it has no readable directory."""
    archive = open_zip(walk, data, path)
    if archive is None:
        return
    for special in SPECIAL:
        if special.owns(archive):
            special.walk_zip(walk, archive, path)
            return
    for member in archive.members:
        enter(walk, archive, member, path)
