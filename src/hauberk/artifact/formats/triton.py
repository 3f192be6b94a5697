"""Triton's config.pbtxt: the native libraries and environments that the server loads for a model.

Source: model_config.proto of Triton, and its Python backend's parameter EXECUTION_ENV_PATH.
"""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk

LOADS = (
    (re.compile(r"\bop_library_filename\b"), "Triton loads the native library that op_library_filename names"),
    (re.compile(r"\bEXECUTION_ENV_PATH\b"), "Triton unpacks the Python environment that it names, and runs it"),
    (re.compile(r"\bbackend\s*:\s*(?:\"python\"|'python')"), "Triton runs the model.py of this model"),
)


def read(walk: Walk, text: str, path: str) -> None:
    """Tell what a server would load besides the model."""
    for pattern, message in LOADS:
        if match := pattern.search(text):
            place = Place(path, f"line {text.count(chr(10), 0, match.start()) + 1}")
            remedy = "read that code first; take a model whose backend runs none"
            walk.flaw("artifact.triton.code", Severity.HIGH, place, message, remedy, ("CWE-829",))
