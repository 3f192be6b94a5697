"""LightGBM's text model: lines of `name=numbers`; data only."""

from __future__ import annotations

from ..walk import Walk
from .opcodes import Broken


def sniff(data: memoryview) -> bool:
    """Whether this begins as a LightGBM model."""
    return bytes(data[:64]).replace(b"\r", b"").startswith((b"tree\nversion=", b"tree\nnum_class="))


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """See that it is whole. Raises Broken when it is cut."""
    if b"end of trees" not in bytes(data):
        raise Broken("the model ends before `end of trees`", len(data))
