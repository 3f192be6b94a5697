"""Bytes that bear no format's mark: an old pickle, JSON, text of some kind, or nothing that we know."""

from __future__ import annotations

from ..walk import Walk
from . import json_file, pickle, proto_text, text
from .text_kinds import may_be_empty, name_of


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk them. What no reader knows is a skip, never a pass."""
    if not len(data):
        _empty(walk, path)
    elif pickle.is_pickle(walk, data) and not _by_chance(walk, data, path):
        walk.formats[path] = "pickle"
        pickle.walk(walk, data, path)
    elif not any(read(walk, data, path) for read in (json_file.walked, proto_text.walked, text.walked)):
        walk.stranger(path, "its format is not known")


def _by_chance(walk: Walk, data: memoryview, path: str) -> bool:
    """Text whose first characters happen to be a pickle of a constant, and whose rest is none."""
    if text.decoded(bytes(data[: text.SAMPLE])) is None:
        return False
    trial = walk.trial()
    pickle.walk(trial, data, path)
    return bool(trial.flaws) and all(flaw.rule == "artifact.pickle.trailing" for flaw in trial.flaws)


def _empty(walk: Walk, path: str) -> None:
    if may_be_empty(name_of(path)):
        walk.formats[path] = "empty"
        return
    walk.stranger(path, "it is empty")
