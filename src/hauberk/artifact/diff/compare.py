"""Two models, facet by facet: what was added, removed and changed, and by how much."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.codec import Frozen
from ...core.errors import MissingExtra, need
from ...core.limits import Limits
from ...core.nouns import Skipped
from ..walk import printable
from ..weights.gather import pieces
from ..weights.values import Tensor
from .facets import Facets, changed, facets

SHOWN_LINES = 40
"""Lines of changed code that are told of one place."""
COMPARED_LINES = 5_000
"""Longer texts are not compared line by line: that takes the square of their length."""
NUMPY = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8",
    "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8"
}  # fmt: skip


@dataclass(frozen=True)
class Change(Frozen):
    """One difference. facet: file, tensor, layer, metadata or code. how: added, removed, changed.

    detail: in words, or changed lines. relative: ‖new - old‖₂ / ‖old‖₂ of a tensor, largest: of its absolute
    differences; None where there is no such number.
    """

    facet: str
    how: str
    name: str
    detail: str = ""
    relative: float | None = None
    largest: float | None = None


@dataclass(frozen=True)
class Difference(Frozen):
    """All changes, and what could not be compared."""

    changes: tuple[Change, ...]
    left: tuple[Skipped, ...]

    def of(self, facet: str) -> tuple[Change, ...]:
        """The changes of one facet."""
        return tuple(change for change in self.changes if change.facet == facet)


def diff(old: Path, new: Path, limits: Limits) -> Difference:
    """Compare two models, files or folders. Raises InputError for a path that cannot be read."""
    return compare(facets(old, limits), facets(new, limits))


def compare(old: Facets, new: Facets) -> Difference:
    """Compare what two models consist of. Numbers about tensors need the extra `audit`."""
    left = [*old.left, *new.left]
    changes: list[Change] = []
    digests = [{path: entry.digest for path, entry in side.files.items()} for side in (old, new)]
    for how, path in changed(*digests):
        sizes = [f"{side.files[path].size:,}" for side in (old, new) if path in side.files]
        changes.append(Change("file", how, path, " -> ".join(sizes) + " bytes"))
    try:
        measure = _measured(need("numpy", extra="audit"))
    except MissingExtra as error:
        left.append(Skipped("sizes of change", str(error)))
        measure = _unmeasured
    changes += _tensors(old, new, measure)
    for facet in ("layers", "metadata"):
        before, after = getattr(old, facet), getattr(new, facet)
        for how, name in changed(before, after):
            values = [printable(side[name], 300) for side in (before, after) if name in side]
            changes.append(Change(facet.removesuffix("s"), how, name, " -> ".join(values)))
    changes += _code(old, new)
    return Difference(tuple(changes), tuple(dict.fromkeys(left)))


Sizes = tuple[float | None, float | None]


def _tensors(old: Facets, new: Facets, measure: Callable[[Tensor, Tensor], Sizes]) -> Iterator[Change]:
    before, after = old.tensors, new.tensors
    for name in sorted({*before, *after}):
        if name not in after:
            yield Change("tensor", "removed", name, _form(before[name]))
        elif name not in before:
            yield Change("tensor", "added", name, _form(after[name]))
        elif (form := _form(before[name])) != _form(after[name]):
            yield Change("tensor", "changed", name, f"{form} -> {_form(after[name])}")
        elif any(a != b for a, b in zip(pieces(before[name]), pieces(after[name]), strict=True)):
            yield Change("tensor", "changed", name, form, *measure(before[name], after[name]))


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype} {'x'.join(map(str, tensor.shape)) or 'scalar'}"


def _unmeasured(before: Tensor, after: Tensor) -> Sizes:
    return None, None


def _measured(np: Any) -> Callable[[Tensor, Tensor], Sizes]:
    def measure(before: Tensor, after: Tensor) -> Sizes:
        if before.dtype != "BF16" and before.dtype not in NUMPY:
            return None, None
        squares = norm = largest = 0.0
        for a, b in zip(pieces(before), pieces(after), strict=True):
            was = _numbers(np, a, before.dtype)
            delta = np.abs(_numbers(np, b, before.dtype) - was)
            squares, norm = squares + float((delta**2).sum()), norm + float((np.abs(was) ** 2).sum())
            largest = max(largest, float(delta.max()))
        if not math.isfinite(squares + norm):
            return None, None
        return math.sqrt(squares / norm) if norm else None, largest

    return measure


def _numbers(np: Any, data: memoryview, dtype: str) -> Any:
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").astype("f8")
    return np.frombuffer(data, NUMPY[dtype]).astype("c16" if dtype.startswith("C") else "f8")


def _code(old: Facets, new: Facets) -> Iterator[Change]:
    for how, place in changed(old.code, new.code):
        before, after = old.code.get(place, ()), new.code.get(place, ())
        if max(len(before), len(after)) > COMPARED_LINES:
            yield Change("code", how, place, f"{len(before)} lines -> {len(after)} lines")
            continue
        lines = [*difflib.unified_diff(before, after, lineterm="", n=0)][2:]
        lines = [printable(line, 200) for line in lines if not line.startswith("@@")]
        more = [f"… {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
        yield Change("code", how, place, "\n".join(lines[:SHOWN_LINES] + more))
