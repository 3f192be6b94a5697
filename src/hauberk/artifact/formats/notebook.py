"""Jupyter notebooks: code that a person runs cell by cell, and outputs that a browser shows.

A cell is quiet when it is Python that imports only libraries for data and models, and calls nothing that runs
commands, loads programs or reaches out. Everything else in a cell is told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import markup, python_source, script

QUIET = frozenset((
    "numpy", "pandas", "scipy", "sklearn", "matplotlib", "seaborn", "plotly", "torch", "torchvision", "torchaudio",
    "transformers", "datasets", "tokenizers", "accelerate", "diffusers", "peft", "safetensors", "tensorflow", "keras",
    "xgboost", "lightgbm", "catboost", "onnx", "onnxruntime", "PIL", "cv2", "skimage", "librosa", "soundfile",
    "IPython", "math", "random", "time", "datetime", "re", "json", "csv", "collections", "itertools", "functools",
    "typing", "string", "statistics", "dataclasses", "warnings", "pathlib", "tqdm", "polars", "pyarrow", "nltk",
    "spacy", "gensim", "sentence_transformers", "evaluate", "timm", "einops", "jax", "flax", "optax", "statsmodels",
    "networkx", "__future__", "enum", "copy", "operator", "heapq", "bisect", "decimal", "fractions", "textwrap",
    "pprint", "abc", "torchmetrics",
))  # fmt: skip
QUIET_MAGICS = re.compile(
    r"%{1,2}(?:matplotlib|time|timeit|load_ext|autoreload|config|capture|env|reload_ext|precision|pylab|who|whos)\b"
)
LOADS = re.compile(
    r"(?:torch|joblib|pickle|dill|np|numpy)\.load\b|read_pickle\b|trust_remote_code\s*=\s*True"
    r"|allow_pickle\s*=\s*True|from_file\b|hub\.load\b|load_model\b|weights_only\s*=\s*False"
)
MAX_CELLS = 5000


def walk_value(walk: Walk, value: dict[str, Any], path: str) -> None:
    """Read every cell of a notebook."""
    walk.formats[path] = "notebook"
    cells = value["cells"] if isinstance(value.get("cells"), list) else _old_cells(value)
    for number, cell in enumerate(cells[:MAX_CELLS]):
        if isinstance(cell, dict):
            _cell(walk, cell, path, f"cell {number}")
    if len(cells) > MAX_CELLS:
        walk.skip(path or "the file", f"more than {MAX_CELLS} cells")


def _old_cells(value: dict[str, Any]) -> list[Any]:
    """The cells of version 3 and older, which stand in worksheets."""
    sheets = [sheet.get("cells") for sheet in value.get("worksheets") or () if isinstance(sheet, dict)]
    return [cell for cells in sheets if isinstance(cells, list) for cell in cells]


def _cell(walk: Walk, cell: dict[str, Any], path: str, part: str) -> None:
    source = joined(cell.get("source", cell.get("input")))
    if cell.get("cell_type") == "code":
        for severity, message in list(complaints(source))[:3]:
            remedy = "read this cell before you run the notebook"
            walk.flaw("artifact.notebook.code", severity, Place(path, part), message, remedy, ("CWE-829",))
        for output in cell.get("outputs") or ():
            _output(walk, output, path, part)
    else:
        markup.active(walk, re.sub(r"```[\s\S]*?```|`[^`\n]*`", "", source), path, part)


def _output(walk: Walk, output: Any, path: str, part: str) -> None:
    data = output.get("data") if isinstance(output, dict) else None
    for kind, content in data.items() if isinstance(data, dict) else ():
        if kind in ("text/html", "image/svg+xml", "text/markdown"):
            markup.active(walk, joined(content), path, f"{part}, output")
        elif kind == "application/javascript":
            message = "an output of this cell is a script, which runs when the notebook is opened as trusted"
            remedy = "clear the outputs before you open the notebook"
            walk.flaw("artifact.notebook.output", Severity.MEDIUM, Place(path, part), message, remedy, ("CWE-79",))


def joined(value: Any) -> str:
    """The text of a cell: nbformat keeps a text or a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def complaints(source: str) -> Iterator[tuple[Severity, str]]:
    """(severity, message) of whatever a code cell does beyond computing."""
    python: list[str] = []
    for line in source.splitlines():
        bare = line.strip()
        if bare.startswith(("!", "%")) and not QUIET_MAGICS.match(bare):
            severity = Severity.HIGH if script.FETCHES.search(bare) else Severity.MEDIUM
            yield severity, f"this cell runs {printable(bare, 80)!r} outside Python"
        else:
            python.append("" if bare.startswith("%") else re.sub(r"=\s*!.*", "= 0", line))
            if re.search(r"=\s*[!%]\w", line):
                yield Severity.MEDIUM, f"this cell runs {printable(bare, 80)!r} outside Python"
    text = "\n".join(python)
    tree = python_source.parsed(text)
    if tree is None:
        yield Severity.MEDIUM, "this cell is no Python that can be read"
        return
    for _, what in python_source.reaches(tree):
        yield Severity.HIGH, f"this cell {what}"
    yield from _imports(tree)
    if match := LOADS.search(text):
        yield Severity.MEDIUM, f"this cell loads a file that may be a program ({printable(match[0])})"


def _imports(tree: ast.Module) -> Iterator[tuple[Severity, str]]:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "."] if not node.level else ["."]
        for name in names:
            if name.split(".")[0] not in QUIET and name.split(".")[0] not in python_source.HARMFUL_MODULES:
                yield Severity.MEDIUM, f"this cell imports {printable(name)}, which is not known"
