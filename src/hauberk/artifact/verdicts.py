"""Three verdicts for every callable in an artifact: allowed, dangerous, not understood.

Allowed is an exact global in an exact use, out of the packs (`packs/*.json`), each entry with the reason why it is
there. Dangerous is a known gadget. Everything else is not understood, and that is never clean: a list of bad names
alone is no defence.

>>> judge = Judge()
>>> judge.rule("collections", "OrderedDict", "call").verdict.value
'allowed'
>>> judge.rule("os", "system", "call").verdict.value
'dangerous'
>>> judge.rule("some.lib", "Thing", "new").verdict.value
'not understood'
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class Standing(StrEnum):
    """What is known about a callable."""

    ALLOWED = "allowed"
    DANGEROUS = "dangerous"
    UNKNOWN = "not understood"


BY_USER = "allowed by the user"
"""The reason for what only --allow lets through; counted, so that a policy may forbid it."""


@dataclass(frozen=True)
class Ruling:
    """A verdict on one global in one use. shape, state: rules that its arguments and state must also meet."""

    verdict: Standing
    reason: str
    references: tuple[str, ...] = ()
    shape: str = ""
    state: str = ""


@dataclass(frozen=True)
class Entry:
    """An allowed global: in which uses (import, call, new, build), with which argument shape, and why."""

    uses: frozenset[str]
    reason: str
    shape: str = ""
    state: str = ""


@dataclass(frozen=True)
class Packs:
    """Every pack, merged."""

    allowed: Mapping[tuple[str, str], Entry]
    bad_names: Mapping[tuple[str, str], Ruling]
    bad_modules: Mapping[str, Ruling]


def read_pack(name: str) -> Any:
    """The JSON of a data file in packs/."""
    return json.loads((files(__package__) / "packs" / f"{name}.json").read_text("utf-8"))


LIBRARIES = ("stdlib", "numpy", "scipy", "sklearn", "joblib", "pandas", "torch", "xgboost", "lightgbm")


@cache
def packs() -> Packs:
    """Read the packs, once."""
    allowed: dict[tuple[str, str], Entry] = {}
    for library in LIBRARIES:
        for group in read_pack(library)["allow"]:
            entry = Entry(frozenset(group["uses"]), group["reason"], group.get("shape", ""), group.get("state", ""))
            allowed.update({_pair(name): _merged(allowed.get(_pair(name)), entry) for name in group["names"]})
    names, modules = {}, {}
    for group in read_pack("dangerous")["groups"]:
        ruling = Ruling(Standing.DANGEROUS, group["reason"], tuple(group.get("references", ())))
        names.update({_pair(name): ruling for name in group.get("names", ())})
        modules.update(dict.fromkeys(group.get("modules", ()), ruling))
    return Packs(allowed, names, modules)


def _merged(old: Entry | None, new: Entry) -> Entry:
    if old is None:
        return new
    return Entry(old.uses | new.uses, old.reason, old.shape or new.shape, old.state or new.state)


def _pair(name: str) -> tuple[str, str]:
    module, _, attribute = name.partition(":")
    return module, attribute


def _todays(module: str) -> str:
    """numpy.core was renamed numpy._core in NumPy 2; both hold the same objects."""
    return "numpy._core" + module[10:] if module == "numpy.core" or module.startswith("numpy.core.") else module


class Judge:
    """Rules on globals. allow: exact dotted names that the user takes responsibility for."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self.allow = frozenset(allow)
        self.packs = packs()
        self._known: dict[tuple[str, str, str], Ruling] = {}

    def rule(self, module: str, name: str, use: str) -> Ruling:
        """use: import (only named), call (REDUCE, INST, OBJ), new (NEWOBJ), build (state is set)."""
        key = (module, name, use)
        if key not in self._known:
            self._known[key] = self._rule(_todays(module), name, use)
        return self._known[key]

    def narrow(self, module: str, name: str) -> bool:
        """Whether it is allowed in calls of one shape alone: whoever keeps it as a value could call it otherwise."""
        entry = self.packs.allowed.get((module, name))
        return entry is not None and bool(entry.shape) and "import" not in entry.uses

    def _rule(self, module: str, name: str, use: str) -> Ruling:
        entry = self.packs.allowed.get((module, name))
        if entry and (use == "import" or use in entry.uses):
            return Ruling(
                Standing.ALLOWED, entry.reason, shape=entry.shape if use != "build" else "", state=entry.state
            )
        if danger := self._danger(module, name):
            return danger
        if f"{module}.{name}" in self.allow:
            return Ruling(Standing.ALLOWED, BY_USER)
        if entry:
            return Ruling(Standing.UNKNOWN, f"known, but honest files do not use it this way ({use})")
        return Ruling(Standing.UNKNOWN, "no pack lists it")

    def _danger(self, module: str, name: str) -> Ruling | None:
        pieces = name.split(".")
        if found := self.packs.bad_names.get((module, name)) or self.packs.bad_names.get((module, pieces[0])):
            return found
        parts = module.split(".")
        for n in range(len(parts), 0, -1):
            if found := self.packs.bad_modules.get(".".join(parts[:n])):
                return found
        if len(pieces) > 1 and any(piece.startswith("__") for piece in pieces[1:]):
            return Ruling(Standing.DANGEROUS, "it walks attributes to reach what is not named", ("CWE-502",))
        return None
