"""TorchScript code and exported programs: text that names the operators it will run; each must be known.

TorchScript reaches functions only through the names `torch` and `ops`, and classes of libraries through
`__torch__.torch.classes`; an operator that is not in the pack (`packs/torch_ops.json`, derived from torch's own
registry without those that touch files) is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from ...core.canon import parse_json
from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..verdicts import read_pack
from ..walk import Walk, printable
from .opcodes import Broken
from .shapes import PACKED

_CHAIN = re.compile(r"(?<![\w.])(torch|ops|__torch__)\b((?:[\s\\]*\.[\s\\]*\w+)*)")
_NAME = re.compile(rb"(?<!\w)[A-Za-z_]\w*+::\w++")
MAX_TOLD = 50
_CLASS = re.compile(rb"__torch__\.torch\.classes\.[\w.]+")
_STRING = re.compile(
    r"#[^\n]*|'''(?:\\[\s\S]|[\s\S])*?'''|\"\"\"(?:\\[\s\S]|[\s\S])*?\"\"\""
    r"|'(?:\\[\s\S]|[^'\\\n])*'|\"(?:\\[\s\S]|[^\"\\\n])*\""
)
"""Comments and texts as TorchScript's lexer reads them: one quote or three, and a backslash may escape a newline."""
_SPACE = re.compile(r"[\s\\]+")
_WORD = re.compile(r"[^\W\d]\w*")
_CHARACTERS = re.compile(r"[\w\s(),.'=*+/<>&|~^%-]*")
_NUMBERED = re.compile(r"[suzf]+\d+")
"""Symbols such as s0, u1, s77: letters that torch.export numbers."""
SYMBOLS = frozenset((
    "Symbol", "Add", "Mul", "positive", "negative", "nonnegative", "integer", "real", "zero", "evaluate",
    "Max", "Min", "Mod", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "Abs", "Pow", "floor", "ceiling",
    "sqrt", "Integer", "Float", "Rational", "oo", "FloorDiv", "CeilDiv", "ModularIndexing", "Where", "PythonMod",
    "CleanDiv", "CeilToInt", "FloorToInt", "LShift", "RShift", "PowByNatural", "FloatPow", "FloatTrueDiv",
    "IntTrueDiv", "IsNonOverlappingAndDenseIndicator", "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal",
    "ToFloat", "Identity", "BitwiseFn_bitwise_and", "BitwiseFn_bitwise_or", "True", "False", "int_oo",
))  # fmt: skip
"""Names in a shape expression that torch.export itself writes; sympy evaluates the rest as Python."""


IMPORTERS = ("__enum__", "default_factory_module")
"""Names in the description of an exported program's inputs for which torch.utils._pytree imports a module."""
HIGHER_ORDER = frozenset((
    "associative_scan", "auto_functionalized", "auto_functionalized_v2", "cond", "flex_attention", "hints_wrapper",
    "invoke_subgraph", "map_impl", "out_dtype", "scan", "strict_mode", "while_loop", "with_effects",
    "wrap_with_autocast", "wrap_with_set_grad_enabled",
))  # fmt: skip
"""Operators over graphs, without those that call objects, libraries and kernels that the file brings along."""
LANGUAGE = frozenset(("prim::Print", "prim::RaiseException"))
"""Operators of the language, which code has as statements."""
_ARITHMETIC = re.compile(
    r"_?operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|pos|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_|lshift|rshift)"
    r"|math\.\w+|torch\.sym_\w+"
)


@cache
def operators() -> frozenset[str]:
    """The operators that compute and do nothing else: `aten::add`, `prim::min` …"""
    return frozenset(read_pack("torch_ops")["allow"])


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Name every operator that is not known in one code file (or its debug table). Raises Broken."""
    walk.formats[path] = "torchscript code"
    if path.endswith(".debug_pkl"):
        from .pickle import walk as walk_pickle

        walk_pickle(walk, data, path, loader="torchscript")
        return
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise Broken("the code is not UTF-8", error.start) from error
    for line, name in unknown_operators(text):
        _tell(walk, path, f"line {line}", name)


def unknown_operators(text: str) -> Iterator[tuple[int, str]]:
    """(line, operator) of every use of torch or ops that the pack does not hold.

    >>> list(unknown_operators("x = torch.add(a, b)\\ntorch.save(x, 'f')"))
    [(2, 'torch.save')]
    """
    bare = _STRING.sub(_blank, text)
    for match in _CHAIN.finditer(bare):
        chain = match[1] + _SPACE.sub("", match[2])
        if not _known(chain):
            yield bare.count("\n", 0, match.start()) + 1, chain


def _blank(match: re.Match[str]) -> str:
    """Spaces for a text; a comment stays, for the lexer reads types in some."""
    return match[0] if match[0][0] == "#" else re.sub(r"[^\n]", " ", match[0])


def _known(chain: str) -> bool:
    root, *rest = chain.split(".")
    if root == "__torch__":
        return rest[:2] != ["torch", "classes"] or PACKED.fullmatch(".".join((root, *rest[:4]))) is not None
    if root == "torch":
        return len(rest) == 1 and f"aten::{rest[0]}" in operators()
    return len(rest) == 2 and f"{rest[0]}::{rest[1]}" in operators()


def walk_bytecode(walk: Walk, data: memoryview, path: str) -> None:
    """The operators and classes that a mobile program (`bytecode.pkl`) names as texts of its pickle."""
    told: set[str] = set()
    for match in _NAME.finditer(data):
        size = int.from_bytes(data[max(0, match.start() - 4) : match.start()], "little")
        name = match[0][:size].decode()
        if name not in operators() and name not in LANGUAGE and name not in told and len(told) < MAX_TOLD:
            told.add(name)
            _tell(walk, path, f"byte {match.start()}", name)
    for match in _CLASS.finditer(data):
        if not PACKED.match(match[0].decode()):
            _tell(walk, path, f"byte {match.start()}", match[0].decode())


def _tell(walk: Walk, path: str, part: str, name: str) -> None:
    remedy = "do not run this program unless you know what the operator does; export the model to ONNX instead"
    message = f"the program uses {printable(name)!r}, which is not a known computing operator"
    walk.flaw("artifact.torchscript.code", Severity.HIGH, Place(path, part), message, remedy, ("CWE-829",))


def walk_program(walk: Walk, data: memoryview, path: str) -> None:
    """An exported program (`models/*.json` of a .pt2): operators by name, and shape expressions, which sympy evaluates.

    Raises Broken when it is no JSON.
    """
    walk.formats[path] = "exported program"
    try:
        program = parse_json(bytes(data), what="program")
    except InputError as error:
        raise Broken(str(error)) from error
    for key, value in _leaves(program):
        if key in ("target", "as_operator") and not target_known(value):
            _tell(walk, path, f"target {printable(value, 60)}", value)
        elif any(word in text for text in (key, value) for word in IMPORTERS):
            _import(walk, path, value)
        elif key == "expr_str" and not expression_known(value):
            _expression(walk, path, value)


def target_known(target: str) -> bool:
    """Whether an exported node's target is a computing operator.

    >>> target_known("torch.ops.aten.add.Tensor"), target_known("torch.ops.aten.from_file.default")
    (True, False)
    """
    parts = target.split(".")
    if parts[:2] == ["torch", "ops"]:
        known = f"{parts[2]}::{parts[3]}" in operators() if len(parts) in (4, 5) else False
        return known or (len(parts) == 4 and parts[2] == "higher_order" and parts[3] in HIGHER_ORDER)
    return _ARITHMETIC.fullmatch(target) is not None


def expression_known(expression: str) -> bool:
    """Whether a shape expression names only what torch.export writes: sympy evaluates it as Python.

    >>> expression_known("Symbol('s31', positive=True, integer=True)"), expression_known("__import__('os')")
    (True, False)
    """
    words = set(_WORD.findall(expression))
    return _CHARACTERS.fullmatch(expression) is not None and all(w in SYMBOLS or _NUMBERED.fullmatch(w) for w in words)


def _import(walk: Walk, path: str, value: str) -> None:
    message = f"torch imports the module that {printable(value)!r} names, to make an enum or a default of it"
    remedy = "do not load this program unless you know that module; export the model with plain inputs and outputs"
    place = Place(path, printable(value, 40))
    walk.flaw("artifact.torchscript.import", Severity.HIGH, place, message, remedy, ("CWE-829",))


def _expression(walk: Walk, path: str, value: str) -> None:
    message = f"the shape expression {printable(value)!r} is none of torch.export's; sympy would evaluate it"
    remedy = "do not load this program; export the model again"
    place = Place(path, printable(value, 40))
    walk.flaw("artifact.torchscript.expression", Severity.CRITICAL, place, message, remedy, ("CWE-95",))


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """(key, text) of every text in JSON, without recursion."""
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:
        key, item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.items())
        elif isinstance(item, list):
            todo.extend((key, each) for each in item)
        elif isinstance(item, str):
            yield key, item
