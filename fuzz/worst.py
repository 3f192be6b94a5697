"""Megabytes that were made to be slow: deep, many, tiny, huge on paper, quadratic. `python -m fuzz.run --worst`.

CASES: name -> what builds the bytes. A case that is not fine (see trial.py) is a bug of the reader that it meets.
"""

from __future__ import annotations

from collections.abc import Callable

from . import worst_binary, worst_packed, worst_pickle, worst_text

CASES: dict[str, Callable[[], bytes]] = {
    **worst_pickle.CASES, **worst_packed.CASES, **worst_text.CASES, **worst_binary.CASES,
}  # fmt: skip
