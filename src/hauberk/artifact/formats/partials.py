"""functools.partial, for the one function that honest models wrap: scikit-learn's check of an array.

HistGradientBoosting keeps `partial(check_array, ensure_all_finite=False)` for the columns that hold no category. A
partial calls whatever it holds, and its state names the function once more, so that both must name this one, and the
keywords must be plain values.
"""

from __future__ import annotations

from typing import Any

from .opcodes import Global, Made, Seq

FUNCTIONS = frozenset(("sklearn.utils.validation.check_array",))
TYPES = frozenset(("numpy.float32", "numpy.float64"))


def arguments(args: Any) -> str:
    """What is wrong with the arguments of partial, '' for nothing."""
    first = args.items if isinstance(args, Seq) and args.kind == "tuple" and args.count == 1 else [None]
    return "" if _function(first[0]) else "it calls what it holds, and that is no function that computes"


def state(made: Made, state: Any) -> str:
    """What is wrong with the state of a partial: the function, arguments, keywords, and attributes of its own."""
    items = state.items if isinstance(state, Seq) and state.kind == "tuple" and state.count == 4 else [None] * 4
    function, args, keywords, own = items
    if not _function(function) or own is not None or not (isinstance(args, Seq) and args.count == 0):
        return "it calls what it holds, and that is no function that computes"
    if not isinstance(keywords, Seq) or keywords.kind != "dict" or not keywords.whole:
        return "its keywords cannot be seen"
    return "" if all(_plain(item) for item in keywords.items) else "its keywords are no plain values"


def _function(value: Any) -> bool:
    return isinstance(value, Global) and value.dotted in FUNCTIONS


def _plain(value: Any) -> bool:
    if isinstance(value, Seq):
        return value.whole and all(_plain(item) and not isinstance(item, Seq) for item in value.items)
    if isinstance(value, Global):
        return value.dotted in TYPES
    return value is None or isinstance(value, str | int | float)
