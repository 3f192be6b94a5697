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
import os
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple


class Standing(StrEnum):
    """What is known about a callable."""

    ALLOWED = "allowed"
    DANGEROUS = "dangerous"
    UNKNOWN = "not understood"


REACHING = frozenset(("__builtins__", "__import__", "__loader__", "__spec__", "__dict__", "__globals__", "__class__"))
"""Names that every module has, and behind which everything else lies."""

DEEPEST = 8
"""Names of modules are looked up among the dangerous ones this far; none of those goes as deep."""

BY_USER = "allowed by the user"
"""The reason for what only --allow lets through; counted, so that a policy may forbid it."""

LIBRARIES = frozenset((
    "numpy", "scipy", "sklearn", "joblib", "pandas", "torch", "xgboost", "lightgbm", "catboost", "imblearn",
    "category_encoders", "statsmodels", "hmmlearn", "tokenizers", "transformers", "gensim", "feature_engine", "nltk",
))  # fmt: skip
"""Packs that tools/derive_packs.py writes; each is read when a name of its library is met."""
ELSEWHERE = {"_loss": "sklearn"}
"""Modules whose names are in another library's pack."""


class Ruling(NamedTuple):
    """A verdict on one global in one use. shape, state: rules that its arguments and state must also meet.

    narrow: it may not be kept as a value, for whoever holds it could call it with anything.
    """

    verdict: Standing
    reason: str
    references: tuple[str, ...] = ()
    shape: str = ""
    state: str = ""
    narrow: bool = False


class Entry(NamedTuple):
    """An allowed global: in which uses (import, call, new, build), with which argument shape, and why.

    held: whether a model may keep it as a value, to call it when it predicts.
    """

    uses: frozenset[str]
    reason: str
    shape: str = ""
    state: str = ""
    held: bool = True


class Dangers(NamedTuple):
    """Known gadgets: by (module, name), and modules with all that is in them."""

    names: dict[tuple[str, str], Ruling]
    modules: dict[str, Ruling]


def read_pack(name: str) -> Any:
    """The JSON of a data file in packs/."""
    loader: Any = __spec__.loader  # importlib.resources would do the same, and costs as much as a scan
    return json.loads(loader.get_data(os.path.join(os.path.dirname(__file__), "packs", f"{name}.json")))


@cache
def allowed(library: str) -> dict[tuple[str, str], Entry]:
    """What one pack allows. The standard library's is written by hand, and has names of others as well."""
    found: dict[tuple[str, str], Entry] = {} if library == "stdlib" else dict(allowed("stdlib"))
    for group in read_pack(library)["allow"]:
        rules = group.get("shape", ""), group.get("state", ""), group.get("held", True)
        entry = Entry(frozenset(group["uses"]), group["reason"], *rules)
        for name in group["names"]:
            pair = _pair(name)
            found[pair] = _merged(found[pair], entry) if pair in found else entry
    return found


def entry(module: str, name: str) -> Entry | None:
    """What the packs say about a global, if they allow it in any use."""
    root = module.partition(".")[0]
    root = ELSEWHERE.get(root, root)
    return allowed(root if root in LIBRARIES else "stdlib").get((module, name))


@cache
def dangers() -> Dangers:
    """The list of known gadgets, read when something is met that no pack allows."""
    found = Dangers({}, {})
    for group in read_pack("dangerous")["groups"]:
        ruling = Ruling(Standing.DANGEROUS, group["reason"], tuple(group.get("references", ())))
        found.names.update({_pair(name): ruling for name in group.get("names", ())})
        found.modules.update(dict.fromkeys(group.get("modules", ()), ruling))
    return found


def _merged(old: Entry, new: Entry) -> Entry:
    rules = old.shape or new.shape, old.state or new.state, old.held and new.held
    return Entry(old.uses | new.uses, old.reason, *rules)


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
        self._known: dict[tuple[str, str, str], Ruling] = {}
        self._narrow: dict[tuple[str, str], bool] = {}

    def rule(self, module: str, name: str, use: str) -> Ruling:
        """use: import (only named), call (REDUCE, INST, OBJ), new (NEWOBJ), build (state is set)."""
        key = (module, name, use)
        if key not in self._known:
            self._known[key] = self._rule(_todays(module), name, use)
        return self._known[key]

    def narrow(self, module: str, name: str) -> bool:
        """Whether it is allowed in calls of one shape alone: whoever keeps it as a value could call it otherwise."""
        found = self._narrow.get((module, name))
        if found is None:
            known = entry(_todays(module), name)
            found = known is not None and (not known.held or (bool(known.shape) and "import" not in known.uses))
            self._narrow[module, name] = found
        return found

    def _rule(self, module: str, name: str, use: str) -> Ruling:
        known = entry(module, name)
        if known and (use == "import" or use in known.uses):
            shape = known.shape if use != "build" else ""
            return Ruling(Standing.ALLOWED, known.reason, (), shape, known.state, self.narrow(module, name))
        if danger := self._danger(module, name):
            return danger
        if f"{module}.{name}" in self.allow:
            return Ruling(Standing.ALLOWED, BY_USER)
        if known:
            return Ruling(Standing.UNKNOWN, f"known, but honest files do not use it this way ({use})")
        return Ruling(Standing.UNKNOWN, "no pack lists it")

    def _danger(self, module: str, name: str) -> Ruling | None:
        pieces = name.split(".")
        if found := dangers().names.get((module, name)) or dangers().names.get((module, pieces[0])):
            return found
        parts = module.split(".", DEEPEST)[:DEEPEST]
        for n in range(len(parts), 0, -1):
            if found := dangers().modules.get(".".join(parts[:n])):
                return found
        if len(pieces) > 1 and pieces[0] in dangers().modules:
            return Ruling(Standing.DANGEROUS, f"it reaches {pieces[0]} through another module", ("CWE-502",))
        if pieces[0] in REACHING or (len(pieces) > 1 and any(piece.startswith("__") for piece in pieces[1:])):
            return Ruling(Standing.DANGEROUS, "it walks attributes to reach what is not named", ("CWE-502",))
        return None
