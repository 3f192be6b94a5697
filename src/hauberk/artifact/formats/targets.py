"""Classes that a configuration names, to be imported and built: `_target_`, `class_path`, `!new:` and their kin.

Known are the classes of libraries that such configurations are written for (`packs/targets.json`). A name is walked
attribute by attribute when it is resolved, so a known beginning proves nothing by itself: what lies between must be
the library's own modules, and the last piece a class.

>>> known("torch.nn.Linear"), known("torch.nn.functional.torch.hub.load"), known("nemo.utils.os.system")
(True, False, False)
"""

from __future__ import annotations

import re
import sys
from functools import cache

from ...core.nouns import Place, Severity
from ..verdicts import Standing, read_pack
from ..walk import Walk, printable

CLASS = re.compile(r"[A-Z][A-Za-z0-9]*(_[A-Z0-9][A-Za-z0-9]*)*")
MODULE = re.compile(r"[a-z][a-z0-9_]*")
OTHERS = frozenset((
    "torch", "numpy", "np", "scipy", "pandas", "joblib", "dill", "cloudpickle", "yaml", "requests", "hydra",
    "omegaconf", "fsspec", "builtins", "cupy", "jax", "tensorflow", "tf", "keras",
))  # fmt: skip
"""Libraries that modules of other libraries hold as attributes."""


@cache
def _pack() -> dict[str, frozenset[str]]:
    pack = read_pack("targets")
    return {key: frozenset(pack[key]) for key in ("direct", "below")}


def known(dotted: str) -> bool:
    """Whether a dotted name is a class of a known library, reached only through that library's modules."""
    *modules, name = dotted.split(".")
    if not CLASS.fullmatch(name) or not modules:
        return False
    if ".".join(modules) in _pack()["direct"]:
        return True
    for n in range(1, len(modules) + 1):
        if ".".join(modules[:n]) in _pack()["below"]:
            rest = modules[n:]
            return all(MODULE.fullmatch(m) and m not in OTHERS and m not in sys.stdlib_module_names for m in rest)
    return False


def dangerous(walk: Walk, dotted: str) -> bool:
    """Whether a dotted name is a known way to do harm."""
    module, _, last = dotted.rpartition(".")
    return walk.judge.rule(module, last, "call").verdict is Standing.DANGEROUS


def judge(walk: Walk, dotted: str, path: str, key: str, *, what: str = "loading builds") -> None:
    """Write a finding unless the name is a known class, or allowed by name."""
    name = dotted.strip()
    if known(name):
        return
    module, _, last = name.rpartition(".")
    ruling = walk.judge.rule(module or "builtins", last, "call")
    if ruling.verdict is Standing.ALLOWED and not ruling.shape and not ruling.state:
        return
    dangerous = ruling.verdict is Standing.DANGEROUS or not module
    rule = "artifact.config.call" if dangerous else "artifact.config.target"
    severity = Severity.CRITICAL if dangerous else Severity.HIGH
    shown = printable(name)
    reason = ruling.reason if dangerous and module else "no pack lists it, and any import path can stand here"
    message = f"{what} {shown}, which {printable(key)} names: {reason}"
    remedy = f"read what it does; if you trust it, allow it by name: {shown}"
    place = Place(path, printable(f"{key} {name}", 80))
    walk.flaw(rule, severity, place, message, remedy, ("CWE-470", "CVE-2025-23304"))
