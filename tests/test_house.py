"""The floors of the house: imports go to a lower floor only, never up, never sideways between rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "hauberk"

FLOORS = {
    "core": 0,
    "crypto": 1, "ledger": 1, "policy": 1, "model": 1, "report": 1, "run": 1, "store": 1,
    "artifact": 2, "data": 2, "attack": 2, "defend": 2, "access": 2, "monitor": 2,
    "audit": 3, "serve": 3, "govern": 3, "respond": 3,
    "learn": 4, "testing": 4, "ui": 4,
    "cli": 5,
}  # fmt: skip

HEAVY = {
    "numpy", "scipy", "sklearn", "polars", "onnx", "onnxruntime", "torch", "xgboost", "lightgbm", "ray",
    "joblib", "skops", "safetensors", "PIL", "httpx", "pandas", "h5py", "keras", "openvino", "sigstore", "fsspec",
}  # fmt: skip

# Files that may import a framework at module level: they are themselves imported only when it is needed.
NUMPY_ROOMS = {"model", "data", "attack", "defend", "monitor"}
CONVERTER = (
    "activations", "control", "convolution", "elementwise", "head", "indexing", "linear", "making", "normalisation",
    "pooling", "quantise", "recurrent", "reduction", "resize", "shaping", "signal", "windows",
)  # fmt: skip
FRAMEWORK_FILES: dict[str, set[str]] = {
    **{f"model/onnx_torch/{name}.py": {"torch"} for name in CONVERTER},
    "model/onnx_torch/__init__.py": {"onnx"},
    "model/onnx_torch/node.py": {"torch", "onnx"},
    "model/onnx_torch/graph.py": {"torch", "onnx"},
    "model/onnx_file.py": {"onnx"},
    "model/onnx_ending.py": {"onnx"},
    "model/onnx_gradient.py": {"torch"},
    "model/torch_layers.py": {"torch"},
    "model/torch_train.py": {"torch"},
    **{f"attack/evasion/{name}.py": {"torch"} for name in ("apgd", "ascent", "losses", "pgd")},
}
GROUND = {"rfc8785", "hauberk"}


def files() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else ""


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Absolute dotted names that a file imports at run time."""
    tree = ast.parse(path.read_text())
    package = ("hauberk", *path.relative_to(SOURCE).parts[:-1])
    for node in _nodes(tree, top_level_only):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _nodes(tree: ast.AST, top_level_only: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if top_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield node
        yield from _nodes(node, top_level_only)


def test_every_room_has_a_floor() -> None:
    rooms = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms <= set(FLOORS), f"give these rooms a floor: {sorted(rooms - set(FLOORS))}"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    if not room:
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "hauberk" or len(parts) < 2 or parts[1] not in FLOORS or parts[1] == room:
            continue
        assert FLOORS[parts[1]] < FLOORS[room], f"{room} (floor {FLOORS[room]}) imports {name}"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_frameworks_are_imported_inside_functions(path: Path) -> None:
    key = str(path.relative_to(SOURCE))
    allowed = FRAMEWORK_FILES.get(key, set()) | ({"numpy"} if room_of(path) in NUMPY_ROOMS else set())
    found = {name.partition(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
    assert found <= allowed, f"{key} imports {sorted(found - allowed)} at module level"


@pytest.mark.parametrize("path", sorted((SOURCE / "core").rglob("*.py")), ids=lambda p: p.name)
def test_the_ground_stands_on_the_standard_library(path: Path) -> None:
    import sys

    outside = {n.partition(".")[0] for n in imports(path)} - set(sys.stdlib_module_names) - GROUND
    assert not outside


def test_the_walker_sees_a_relative_import(tmp_path: Path) -> None:
    path = SOURCE / "core" / "nouns.py"
    assert "hauberk.core.canon" in set(imports(path))
    nested = list(_nodes(ast.parse("def f():\n    import torch\n"), True))
    assert not any(isinstance(n, ast.Import) for n in nested)


def test_nothing_prints_outside_cli() -> None:
    for path in files():
        if room_of(path) == "cli":
            continue
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls), path
