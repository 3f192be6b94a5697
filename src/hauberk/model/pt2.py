"""A `torch.export` archive before torch reads it: torch's own loader would run what it says.

Its graph names operators by any path under `torch` (`torch.os.system` is one), its symbols are evaluated by
sympy, its sample inputs and some tensors are unpickled. Here only ATen operators, plain arithmetic and plain
tensors pass.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from hauberk.core.canon import Json, parse_json
from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError, need
from hauberk.core.limits import Limits

from .served import plain

OPERATORS = re.compile(r"torch\.ops\.aten\.\w+\.\w+")
ARITHMETIC = {
    f"_operator.{name}" for name in ("getitem", "add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pow", "eq",
                                     "ne", "lt", "le", "gt", "ge", "and_", "or_")
}  # fmt: skip
ASSERTIONS = {"torch.sym_float", "torch.sym_int", "torch.sym_max", "torch.sym_min", "torch.sym_not"}
EXPRESSION = re.compile(r"[A-Za-z0-9_ +\-*/(),<>=]*")
SYMBOL = re.compile(r"Symbol\('\w{1,40}'(, [a-z_]+=(True|False))*\)")
CALL = re.compile(r"[A-Za-z_]\w*(?=\s*\()")
CALLS = {"Max", "Min", "FloorDiv", "CeilDiv", "Mod", "PythonMod", "CleanDiv", "IntTrueDiv", "Eq", "Ne", "Le", "Lt",
         "Ge", "Gt", "Integer", "VR"}  # fmt: skip
TYPES = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}


def check_archive(content: bytes, name: str, limits: Limits = Limits()) -> None:  # noqa: B008  (frozen)
    """Nothing, when the archive holds nothing but a graph of ATen operators and plain tensors.

    Raises InputError for a damaged archive, UnsupportedError for all that could run code, LimitExceeded.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > limits.max_members or sum(m.file_size for m in members) > limits.max_file_bytes:
                raise LimitExceeded(f"{name}: its members are too many or too large when unpacked")
            if len({m.filename for m in members}) != len(members):
                raise InputError(f"{name}: two members of the archive have one name")
            for member in members:
                _check_member(member.filename, archive.read(member), name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError(f"{name}: damaged archive: {plain(error, 200)}", hint="copy or save it again") from error


def input_shape(program: Any, name: str) -> tuple[int | None, tuple[int, ...]]:
    """The fixed batch size (None when it is free) and the shape of one example of an exported program.

    Raises UnsupportedError for several inputs, one that is no float tensor, or free sides beside the batch.
    """
    torch = need("torch", extra="torch")
    wanted = set(program.graph_signature.user_inputs)
    values = [n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder" and n.name in wanted]
    if len(values) != 1 or not isinstance(values[0], torch.Tensor):
        raise UnsupportedError(f"{name}: takes {len(values)} inputs, expected one tensor", hint="export it with one")
    batch, *sides = values[0].shape
    if not values[0].is_floating_point() or not all(isinstance(side, int) for side in sides):
        raise UnsupportedError(
            f"{name}: takes {values[0].dtype} of shape {plain(tuple(values[0].shape))}",
            hint="export it for float examples of one shape; the batch may be dynamic",
        )
    return (batch if isinstance(batch, int) else None), tuple(sides)


def _check_member(member: str, content: bytes, name: str) -> None:
    path = PurePosixPath(member)
    folder = path.parent.name
    if folder == "sample_inputs" and path.suffix == ".pt":
        _check_sample(content, name)
    elif path.suffix == ".json":
        for key, value in _pairs(parse_json(content, what=f"{name}: {plain(member, 80)}")):
            _check_pair(key, value, name)
    elif folder == "constants" and not re.fullmatch(r"tensor_\d+", path.name):
        raise UnsupportedError(f"{name}: holds {plain(member, 80)}, which torch would unpickle")
    elif path.suffix not in ("", ".txt"):
        raise UnsupportedError(f"{name}: holds {plain(member, 80)}, which is no part of a plain exported program")


def _check_sample(content: bytes, name: str) -> None:
    torch = need("torch", extra="torch")
    try:
        torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as error:  # the unpickler raises anything on bad bytes; all of it is a refusal
        raise UnsupportedError(
            f"{name}: its sample inputs hold more than tensors: torch's loader would run it",
            hint="export the model again, from a machine that you trust",
        ) from error


def _check_pair(key: str, value: Json, name: str) -> None:
    if key in ("target", "as_operator"):
        if not isinstance(value, str) or not _known_operator(value):
            raise UnsupportedError(
                f"{name}: its graph calls {plain(value, 80)!r}, which is no ATen operator",
                hint="torch's loader calls any name under torch: only ATen graphs are opened",
            )
    elif key == "expr_str":
        _check_expression(value, name)
    elif key == "use_pickle" and value is not False:
        raise UnsupportedError(f"{name}: holds tensors that torch would unpickle")
    elif key in ("in_spec", "out_spec") and isinstance(value, str):
        for inner, kind in _pairs(parse_json(value.encode(), what=name)):
            if inner == "type" and kind not in TYPES:
                raise UnsupportedError(f"{name}: its inputs or outputs are of type {plain(kind, 80)}")


def _known_operator(target: str) -> bool:
    return target in ARITHMETIC or target in ASSERTIONS or OPERATORS.fullmatch(target) is not None


def _check_expression(value: Json, name: str) -> None:
    bare = SYMBOL.sub("s", value) if isinstance(value, str) else "?"
    if not EXPRESSION.fullmatch(bare) or "__" in bare or not set(CALL.findall(bare)) <= CALLS:
        raise UnsupportedError(f"{name}: its graph holds the expression {plain(value, 80)!r}")


def _pairs(value: Json) -> Iterator[tuple[str, Json]]:
    """Every key and its value, at any depth."""
    stack: list[Json] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            yield from item.items()
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
