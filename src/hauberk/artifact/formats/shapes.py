"""Argument shapes: what an allowed function must also be given for its call to be allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..verdicts import Standing
from . import arrow, dtypes, partials
from .opcodes import Global, Made, Seq

if TYPE_CHECKING:
    from .inspector import Inspector


@dataclass(frozen=True)
class Judged:
    """The symbol of a call's result, and what is wrong with its arguments ('' for nothing)."""

    result: Any
    complaint: str = ""


def _tuple(args: Any) -> list[Any]:
    return args.items if isinstance(args, Seq) and args.kind == "tuple" and args.whole else []


def class_first(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """The first argument is a class that may be instantiated; the result is an instance of it."""
    items = _tuple(args)
    cls = items[0] if items else None
    if not isinstance(cls, Global):
        return Judged(Made(target, args), "its first argument is not a class by name")
    inspector.pushed(cls, -1)  # it is used here, not kept
    ruling = inspector.walk.judge.rule(cls.module, cls.name, "new")
    if ruling.verdict is not Standing.ALLOWED:
        return Judged(Made(target, args, cls), f"it makes an instance of {cls.dotted}: {ruling.reason}")
    if target.module == "copyreg" and target.name == "_reconstructor" and not _is_base(items[1:2]):
        return Judged(Made(target, args, cls), "it runs the constructor of what is no built-in base")
    for other in items[1:]:
        if isinstance(other, Global) and inspector.walk.judge.rule(other.module, other.name, "import").verdict is not (
            Standing.ALLOWED
        ):
            return Judged(Made(target, args, cls), f"it is given {other.dotted}")
    return Judged(Made(target, args, cls))


def _is_base(items: list[Any]) -> bool:
    return all(isinstance(b, Global) and (b.module == "builtins" or b.dotted == "numpy.ndarray") for b in items)


def parameter(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """A tensor, and attributes that are set on it with setattr: on a tensor, and none that loading obeys."""
    items = _tuple(args)
    first = items[0] if len(items) == 4 else None
    if not (isinstance(first, Made) and isinstance(first.maker, Global) and first.maker.module == "torch._utils"):
        return Judged(Made(target, args), "it sets attributes of what is no tensor")
    inspector.hooks(Seq("tuple", [None, items[3]]), at)
    inspector.hooks(items[3], at)
    return Judged(Made(target, args))


def latin1(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """encode(text, 'latin1'): how protocols 0 to 2 write bytes. Other codecs import modules or compress."""
    items = _tuple(args)
    if len(items) != 2 or not isinstance(items[0], str) or items[1] not in ("latin1", "latin-1"):
        return Judged(Made(target, args), "only latin1 text makes bytes")
    value = inspector.made.get(id(items[0]))
    if value is None:
        value = memoryview(items[0].encode("latin-1", "replace"))
        inspector.made[id(items[0])] = value
        inspector.held.append(items[0])
        if value:
            inspector.constant(value, at)
    return Judged(value)


def none_type(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """type(None), type(...), type(NotImplemented): how their classes are written."""
    items = _tuple(args)
    if len(items) == 1 and (items[0] is None or (isinstance(items[0], Global) and items[0].module == "builtins")):
        return Judged(Made(target, args))
    return Judged(Made(target, args), "it makes or finds a class")


def function_first(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """The first argument is an allowed function or class by name (partial)."""
    items = _tuple(args)
    if items and isinstance(items[0], Global):
        return Judged(Made(target, args))
    return Judged(Made(target, args), "its function is not given by name")


def bit_generator(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """NumPy's generators: by name, by class or made by `__bit_generator_ctor`, for it calls what else it is given."""
    items = _tuple(args)
    first = items[0] if items else None
    own = isinstance(first, str) or (isinstance(first, Global) and first.module.startswith("numpy.random._"))
    made = isinstance(first, Made) and _is(first.maker, "__bit_generator_ctor")
    if items and (own or made) and all(_is(other, "__bit_generator_ctor") for other in items[1:]):
        return Judged(Made(target, args))
    return Judged(Made(target, args), "it calls what it is given, and that is no generator of NumPy")


def _is(value: Any, name: str) -> bool:
    return isinstance(value, Global) and (value.module, value.name) == ("numpy.random._pickle", name)


def ufunc(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """NumPy before 2 imports the module that it is given, and gets the name from it: only its own functions."""
    items = _tuple(args)
    texts = len(items) == 2 and all(isinstance(item, str) for item in items)
    if not texts or items[0].partition(".")[0] != "numpy":
        return Judged(Made(target, args), "it imports what it is given, and that is no function of NumPy's")
    if inspector.walk.judge.rule(items[0], items[1], "import").verdict is not Standing.ALLOWED:
        return Judged(Made(target, args), f"it imports {items[0]}.{items[1]}")
    return Judged(Global(items[0], items[1], at))


def torch_bytes(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """The bytes are a torch file of their own: walked like any other."""
    items = _tuple(args)
    if len(items) != 1 or not isinstance(items[0], memoryview):
        return Judged(Made(target, args), "its bytes cannot be seen")
    if not bytes(items[0][:4]).startswith((b"PK\x03\x04", b"\x80")):
        return Judged(Made(target, args), "its bytes are no torch file")
    if id(items[0]) not in inspector.made:
        inspector.made[id(items[0])] = items[0]
        inspector.walk.enter(items[0], f"{inspector.path}!{inspector.prefix}opcode {at}")
    return Judged(Made(target, args))


def strings(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """Plain values only: text, numbers, bytes, tuples of them."""
    if all(isinstance(item, str | int | float | bytes | memoryview | None | Seq) for item in _tuple(args)):
        return Judged(Made(target, args))
    return Judged(Made(target, args), "it takes plain values only")


_NAMES, _IN, _OUT = r"(?:[A-Za-z]\w*, )*", r"loc=0(?:, scale=1)?", r"loc, (?:scale|1)"
_SHAPES = re.compile(r"[a-zA-Z_]\w*(?:, *[a-zA-Z_]\w*)*")
_TEMPLATE = re.compile(
    rf"\ndef _parse_args\(self, {_NAMES} {_IN}\):\n    return \({_NAMES}\), {_OUT}\n"
    rf"\ndef _parse_args_rvs\(self, {_NAMES} {_IN}, size=None\):\n"
    rf"    return self\._argcheck_rvs\({_NAMES} {_OUT}, size=size\)\n"
    rf"\ndef _parse_args_stats\(self, {_NAMES} {_IN}, moments='mv'\):\n    return \({_NAMES}\), {_OUT}, moments\n"
)


def stats_template(made: Made, state: Any) -> str:
    """scipy.stats distributions exec the `_parse_arg_template` of their state: only SciPy's own text is allowed.

    Before SciPy 1.5 they made it of the names in `shapes`, in a pair of arguments and generator; a later one reads such
    a tuple as pairs of names and values, and a dict of two keys is one, so that the second must be no such thing.
    """
    if isinstance(state, Seq) and state.kind == "tuple" and state.count == 2:
        arguments, generator = _entries(state.items[0]) or {"shapes": 0}, state.items[1]
        shapes = arguments.get("shapes")
        named = shapes is None or (isinstance(shapes, str) and _SHAPES.fullmatch(shapes) is not None)
        if len(arguments) == 2 or not (generator is None or _is_generator(generator)):
            return "SciPy reads names and values from such a tuple, and runs code from one of them"
        return "" if named else "SciPy makes code of the names in its state, and they are none"
    if not isinstance(state, Seq) or state.kind != "dict" or not state.whole:
        return "its state cannot be seen, and SciPy runs code from it"
    for key, value in zip(state.items[::2], state.items[1::2], strict=True):
        if not isinstance(key, str):
            return "a name in its state is computed, and SciPy runs code from it"
        if key == "_parse_arg_template" and not (isinstance(value, str) and _TEMPLATE.fullmatch(value)):
            return "SciPy runs its _parse_arg_template as code, and it is not SciPy's own"
    return ""


def _is_generator(value: Any) -> bool:
    cls = value.cls if isinstance(value, Made) else None
    return (isinstance(cls, Global) and cls.module.startswith("numpy.random")) or (
        isinstance(value, Made) and isinstance(value.maker, Global) and value.maker.module.startswith("numpy.random")
    )


def own_entropy(args: Any) -> bool:
    """getattr(distribution, '_entropy'): how SciPy's discrete distributions, once used, are written."""
    items = _tuple(args)
    owner = items[0].cls if len(items) == 2 and isinstance(items[0], Made) else None
    return (
        isinstance(owner, Global)
        and owner.module == "scipy.stats._discrete_distns"
        and owner.name.endswith("_gen")
        and items[1] == "_entropy"
    )


def text_input(made: Made, state: Any) -> str:
    """A vectoriser of scikit-learn takes text as it comes, or else opens the files that its input names."""
    if not isinstance(state, Seq) or state.kind != "dict" or not state.whole:
        return "its state cannot be seen, and it may open the files that its input names"
    inputs = [value for key, value in zip(state.items[::2], state.items[1::2], strict=True) if key == "input"]
    return "" if all(value == "content" for value in inputs) else "it opens the files that its input names"


def _entries(state: Any) -> dict[Any, Any] | None:
    """The attributes of a state that can be seen whole; None when it cannot."""
    if not isinstance(state, Seq) or state.kind != "dict" or not state.whole:
        return None
    pairs = zip(state.items[::2], state.items[1::2], strict=True)
    found = {key: value for key, value in pairs if isinstance(key, str)}
    return found if len(found) * 2 == len(state.items) else None


def no_formula(made: Made, state: Any) -> str:
    """statsmodels' data of a formula: its state has patsy evaluate the formula again, as Python."""
    entries = _entries(state)
    if entries is None:
        return "its state cannot be seen, and a formula in it would be run as code"
    return "it runs the formula of its state as code" if {"restore_design_info", "formula"} & set(entries) else ""


PACKED = re.compile(
    r"__torch__\.torch\.classes\.(?:quantized\.(?:Linear|Conv[123]d|Embedding)PackedParamsBase|rnn\.CellParamsBase"
    r"|sparse\.LinearPackedParamsBase|xnnpack\.(?:Linear|Conv2d|TransposeConv2d)OpContext|mkldnn\.ConvOpContext"
    r"|metal\.(?:Linear|Conv2d)OpContext|vulkan\.(?:Linear|Conv2d|BatchNorm|Layernorm)PackedContext)"
)
"""Classes that torch itself registers in C++ and that hold the packed weights of a layer, and nothing else."""


def packed_params(made: Made, state: Any) -> str:
    """An object of a class registered in C++, by name: only the packed weights of quantised layers."""
    items = state.items if isinstance(state, Seq) and state.kind == "tuple" and state.whole else []
    if len(items) == 2 and isinstance(items[1], str) and PACKED.fullmatch(items[1]):
        return ""
    return "it makes an object of a class that is no packed weight"


def arrow_array(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """An Arrow array whose buffers hold what its length says."""
    return Judged(Made(target, args), arrow.array(inspector, args))


def arrow_buffer(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """A buffer of Arrow over bytes."""
    return Judged(Made(target, args), arrow.buffer(args))


def partial(inspector: Inspector, target: Global, args: Any, at: int) -> Judged:
    """functools.partial of the one function that models wrap."""
    return Judged(Made(target, args), partials.arguments(args))


STATES: dict[str, Callable[[Made, Any], str]] = {
    "dtype": dtypes.complaint, "no_formula": no_formula, "packed_params": packed_params, "partial": partials.state,
    "stats_template": stats_template, "text_input": text_input,
}  # fmt: skip
"""State shapes: what is wrong with the state of an allowed class, '' for nothing."""

SHAPES: dict[str, Callable[[Inspector, Global, Any, int], Judged]] = {
    "arrow_array": arrow_array,
    "arrow_buffer": arrow_buffer,
    "bit_generator": bit_generator,
    "class_first": class_first,
    "function_first": function_first,
    "latin1": latin1,
    "none_type": none_type,
    "parameter": parameter,
    "partial": partial,
    "plain": strings,
    "torch_bytes": torch_bytes,
    "ufunc": ufunc,
}
