# ruff: noqa: T201
"""Derive the packs of the pickle scanner from real models: walk them, and keep the exact globals and uses.

    for each Python and each set of library versions:
        python tools/write_models.py FOLDER        # fits, builds and writes models; any Python from 3.7 on
    python tools/derive_packs.py FOLDER…           # writes src/hauberk/artifact/packs/{numpy,scipy,…}.json

    --dry writes nothing; --operators also writes those of the installed torch, packs/torch_ops.json.

Every estimator of scikit-learn is fitted and written by pickle and joblib; every layer of torch.nn is built and saved;
boosters, pandas frames and SciPy matrices likewise. What the symbolic machine then sees is written down: which global,
in which use. A name on REFUSED never gets in, whatever a model does. What is new and has code of its own that loading
runs (`__setstate__`, a function that is called) is listed: read it, and the difference, before you commit.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hauberk.artifact.formats import dtypes
from hauberk.artifact.formats.joblib import raw_array
from hauberk.artifact.formats.machine import Machine, Watcher
from hauberk.artifact.formats.opcodes import Broken, Global, Made, Seq
from hauberk.artifact.verdicts import entry as known
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

PACKS = Path(__file__).parent.parent / "src" / "hauberk" / "artifact" / "packs"
CLASS_FIRST = {
    "_reconstructor",
    "__newobj__",
    "__newobj_ex__",
    "_reconstruct",
    "newObj",
    "_new_Index",
    "_mareconstruct",
}
LIBRARIES = ("numpy", "scipy", "sklearn", "joblib", "pandas", "torch", "xgboost", "lightgbm", "catboost", "imblearn",
             "category_encoders", "statsmodels", "hmmlearn", "tokenizers", "transformers", "gensim",
             "feature_engine", "nltk")  # fmt: skip
ROOTS = {"_loss": "sklearn"}
"""Modules that scikit-learn built under another name."""
DISTRIBUTIONS = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn", "category_encoders": "category-encoders",
                 "feature_engine": "feature-engine"}  # fmt: skip
REFUSED = json.loads((Path(__file__).parent / "refused.json").read_text())
"""What real models do and no pack allows, with the reason: a name, or a module with all that is in it."""
HELD_NOT = {"Booster", "_ufunc_reconstruct"}
"""What would read the file, or import the module, that it is given: models never hold it as a value."""

REASONS = {
    "build": "a class of which honest models hold instances; making one and setting its attributes runs no code of "
    "the file",
    "call": "a constructor that honest models call; it computes a value from plain arguments",
    "import": "a name that honest models hold and loading does not call; it computes and does nothing else",
}


class Recorder(Watcher):
    """Writes down (module, name) -> uses, and which modules a library's files came from."""

    def __init__(self) -> None:
        self.uses: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.kept: dict[tuple[str, str], int] = defaultdict(int)
        self.walk = Walk(Limits(), lambda walk, data, path: None)

    def mention(self, name: Global) -> None:
        self.pushed(name)
        self.uses[_today(name)].add("import")

    def pushed(self, name: Global, times: int = 1) -> None:
        self.kept[_today(name)] += times

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        if not isinstance(target, Global):
            return Made(target, args)
        self.pushed(target, -1)
        self.uses[_today(target)].add(use)
        first = args.items[0] if isinstance(args, Seq) and args.items else None
        shaped = target.name in CLASS_FIRST or target.name.startswith("__pyx_unpickle")
        if shaped and isinstance(first, Global):
            self.uses[_today(first)].add("new")
            return Made(target, args, first)
        return Made(target, args)

    def build(self, target: Any, state: Any, at: int) -> None:
        if isinstance(target, Made):
            target.state = state
            if isinstance(target.cls, Global):
                self.uses[_today(target.cls)].add("build")
                if target.cls.dotted == "numpy.dtype":
                    dtypes.complaint(target, state)

    def after_build(self, machine: Machine) -> None:
        raw_array(machine, self)  # type: ignore[arg-type]

    def odd(self, what: str, at: int) -> None:
        """What raw_array cannot follow."""

    def read(self, data: bytes) -> None:
        """Every stream of a file."""
        view, pos = memoryview(data), 0
        while pos < len(data):
            pos = Machine(view, pos, self).run()


def _today(name: Global) -> tuple[str, str]:
    """NumPy renamed `core` to `_core`; the scanner reads both as the latter."""
    module = name.module
    if module == "numpy.core" or module.startswith("numpy.core."):
        module = "numpy._core" + module[10:]
    return module, name.name


def group(uses: dict[tuple[str, str], set[str]], library: str) -> list[dict[str, Any]]:
    """The names of one library, by use, with the reason."""
    by_use: dict[tuple[tuple[str, ...], str, str, bool], list[str]] = defaultdict(list)
    for (module, name), how in sorted(uses.items()):
        if ROOTS.get(module.partition(".")[0], module.partition(".")[0]) == library:
            rules = shape_of(module, name), state_of(module, name), name in HELD_NOT
            by_use[tuple(sorted(how)), *rules].append(f"{module}:{name}")
    return [
        {"reason": REASONS["build" if "build" in how else "call" if {"call", "new"} & set(how) else "import"],
         "uses": list(how), **({"shape": shape} if shape else {}), **({"state": state} if state else {}),
         **({"held": False} if unheld else {}), "names": names}
        for (how, shape, state, unheld), names in sorted(by_use.items())
    ]  # fmt: skip


def shape_of(module: str, name: str) -> str:
    """The rule for the arguments of a call, by name."""
    if module == "numpy.random._pickle":
        return "bit_generator"
    if name in ("_rebuild_parameter_with_state", "_ufunc_reconstruct"):
        return {"_ufunc_reconstruct": "ufunc"}.get(name, "parameter")
    if (module, name) == ("nltk.probability", "FreqDist"):
        return "plain"
    if module.startswith("transformers.") and name.endswith(("Strategy", "Type", "Names")):
        return "plain"  # a member of an enumeration, by its value
    return "class_first" if name in CLASS_FIRST or name.startswith("__pyx_unpickle") else ""


def state_of(module: str, name: str) -> str:
    """The rule for the state of an instance, by name."""
    if module.startswith("scipy.stats.") and (name.endswith("_gen") or name in ("rv_histogram", "rv_sample")):
        return "stats_template"
    if module == "sklearn.feature_extraction.text" and "Vectorizer" in name:
        return "text_input"
    if module == "statsmodels.base.data":
        return "no_formula"
    return {"numpy:dtype": "dtype", "torch:ScriptObject": "packed_params"}.get(f"{module}:{name}", "")


def write(library: str, groups: list[dict[str, Any]], versions: dict[str, set[str]]) -> None:
    """One pack."""
    made = ", ".join(sorted(versions.get(DISTRIBUTIONS.get(library, library), ()), key=_number))
    pack = {"about": f"Written by tools/derive_packs.py from real models of {library} {made}.", "allow": groups}
    (PACKS / f"{library}.json").write_text(json.dumps(pack, indent=1) + "\n")


def _number(version: str) -> list[int]:
    return [int(part) for part in version.partition("+")[0].split(".") if part.isdigit()]


UNSAFE_WORDS = frozenset(
    ("save", "file", "load", "import", "print", "system", "exec", "open", "rpc", "PythonOp", "IgnoredPythonOp", "Print",
     "nvshmem", "nccl", "distributed")
)  # fmt: skip
"""An operator with one of these words in its name is never allowed, whatever it does. aten::warn prints, and stays:
torch.nn.functional.softmax has it."""


def torch_operators() -> None:
    """The pack of TorchScript operators: torch's own registry, without what touches files."""
    import torch

    names = {schema.name for schema in torch._C._jit_get_all_schemas()}
    names |= {
        f"aten::{n}"
        for each in torch._C._dispatch_get_all_op_names()
        for n in [each.partition("::")[2].partition(".")[0]]
    }
    spaces = ("aten::", "prim::", "prims::", "quantized::", "_quantized::", "torchvision::", "quantized_decomposed::")
    allowed = sorted(
        n for n in names if n.startswith(spaces) and not set(n.partition("::")[2].split("_")) & UNSAFE_WORDS
    )
    pack = {
        "about": f"Operators of torch {torch.__version__} that compute; written by tools/derive_packs.py.",
        "allow": allowed,
    }
    (PACKS / "torch_ops.json").write_text(json.dumps(pack, indent=0) + "\n")


def new_names(uses: dict[tuple[str, str], set[str]]) -> Iterator[tuple[str, list[str]]]:
    """What no pack held before: read the code of each that loading runs."""
    for (module, name), how in sorted(uses.items()):
        entry = known(module, name)
        if entry is None or not how <= entry.uses | {"import"}:
            yield f"{module}:{name}", sorted(how - (entry.uses if entry else set()))


def main(folders: list[Path]) -> None:
    """Derive every pack."""
    recorder, versions = Recorder(), defaultdict[str, set[str]](set)
    for folder in folders:
        for name, version in json.loads((folder / "versions.json").read_text()).items():
            versions[name].add(version)
        for path in sorted(folder.glob("*.pkl")):
            try:
                recorder.read(path.read_bytes())
            except Broken as error:
                print(f"{path}: {error}", file=sys.stderr)
    for module, name in list(recorder.uses):
        if f"{module}:{name}" in REFUSED or any(module == r or module.startswith(r + ".") for r in REFUSED):
            del recorder.uses[module, name]
    for name, how in new_names(recorder.uses):
        print(name, " ".join(how))
    if "--dry" in sys.argv:
        return
    for library in LIBRARIES:
        if groups := group(recorder.uses, library):
            write(library, groups, versions)
    if "--operators" in sys.argv:
        torch_operators()


if __name__ == "__main__":
    main([Path(arg) for arg in sys.argv[1:] if not arg.startswith("-")])
