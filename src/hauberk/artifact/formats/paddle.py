"""PaddlePaddle: programs (`.pdmodel`), whose operators are judged, and parameters (`.pdiparams`), held to their shapes.

Layouts: paddle/fluid/framework/framework.proto (`packs/paddle_proto.json`); a parameter is its version, levels of
detail, version again, a TensorDesc, and raw values (paddle/phi/core/framework/dense_tensor_serialize.cc).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ...core.nouns import Severity
from ..verdicts import BY_USER, Standing, read_pack
from ..walk import Walk, printable
from . import raw_numbers
from .graphs import Teller, volume
from .opcodes import Broken
from .protobuf import Layout, Message, first, shape_of
from .protobuf_tour import Tour, Trail

SIZES = {0: 1, 1: 2, 2: 4, 3: 8, 4: 2, 5: 4, 6: 8, 20: 1, 21: 1, 22: 2, 23: 8, 24: 16, 32: 1, 33: 1}
"""VarType.Type: bytes of one value, where it is a plain one."""
BLOCK = {1: 0, 2: 0, 3: 2, 4: 2, 5: 0}
MAX_DESC, MAX_LEVELS = 4096, 64
MAX_NAMES = 10_000
CALLSTACK, MAX_LINE = "op_callstack", 400
"""The attribute in which Paddle keeps a stack trace, and the longest of its lines that are honest."""
VALUES = ("i", "f", "s", "ints", "floats", "strings", "b", "bools", "block_idx", "l", "blocks_idx", "longs", "float64s",
          "var_name", "vars_name", "float64", "scalar", "scalars")  # fmt: skip


@dataclass(frozen=True)
class Pack:
    """Operators that compute, those that only new programs name, and those that reach out, with the reason."""

    allow: frozenset[str]
    pir: frozenset[str]
    refused: dict[str, str]


@cache
def pack() -> Pack:
    """Read it, once."""
    content = read_pack("paddle_ops")
    refused = {name: why for why, names in content["refused"].items() for name in names.split()}
    return Pack(frozenset(content["allow"].split()), frozenset(content["pir"].split()), refused)


def sniff(data: memoryview) -> bool:
    """Whether this is a ProgramDesc: blocks with numbers, and versions."""
    shape = shape_of(data) or {}
    block = shape_of(first(data, 1)) or {}
    if shape.get(1) != 2 or not set(shape) <= {0, 1, 4, 5}:
        return False
    return block.get(1) == block.get(2) == 0 and all(BLOCK.get(n, w) == w for n, w in block.items())


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk a program. Raises Broken."""
    teller = Teller(walk, path, "paddle")
    program = Program(teller)
    tour = Tour(walk, Layout("paddle"), {"OpDesc": program.operator, "OpDesc.Attr": program.attribute},
                teller.odd, program.text, teller.blob)  # fmt: skip
    tour.go(data, "ProgramDesc")
    program.finish()
    teller.finish()


class Program:
    """Collects the operators of a program."""

    def __init__(self, teller: Teller) -> None:
        self.teller, self.times, self.where = teller, dict[str, int](), dict[str, Trail]()
        self.traced = False

    def operator(self, message: Message, trail: Trail) -> None:
        """An OpDesc."""
        self.traced = False
        name = message.text("type")
        self.times[name] = self.times.get(name, 0) + 1
        self.where.setdefault(name, trail)

    def attribute(self, message: Message, trail: Trail) -> None:
        """An attribute: one value."""
        self.traced = message.text("name") == CALLSTACK
        if sum(name in message for name in VALUES) > 1:
            self.teller.odd("an attribute holds two values", trail)

    def text(self, text: str, trail: Trail) -> None:
        """A text of the program. The lines of Python that made an operator are no program that somebody hid."""
        if not self.traced or len(text) > MAX_LINE:
            self.teller.text(text, trail)

    def finish(self) -> None:
        """Judge them."""
        for name in sorted(self.times)[:MAX_NAMES]:
            judge(self.teller, name, str(self.where[name]), self.times[name])


def judge(teller: Teller, name: str, part: str, times: int, known: frozenset[str] = frozenset()) -> None:
    """Tell of an operator that does not only compute. known: further ones that do."""
    if name in pack().allow or name in known:
        return
    why = pack().refused.get(name, "")
    allowed = not why and f"paddle::{name}" in teller.walk.judge.allow
    standing = Standing.DANGEROUS if why else Standing.ALLOWED if allowed else Standing.UNKNOWN
    reason = why or (BY_USER if allowed else "no pack lists it")
    teller.walk.saw(f"paddle::{printable(name)}", "operator", standing, reason)
    if not allowed:
        teller.operator(name, part, why, times=times)


def sniff_parameters(data: memoryview) -> bool:
    """Whether a parameter stands at the beginning, with a description that fits."""
    try:
        return len(data) > 20 and not any(data[:4]) and _parameter(data, 0)[1] > 0
    except Broken:
        return False


def walk_parameters(walk: Walk, data: memoryview, path: str) -> None:
    """Walk from parameter to parameter. Raises Broken where one is none."""
    teller, at = Teller(walk, path, "paddle"), 0
    while at < len(data):
        begin, size = _parameter(data, at)
        if begin + size > len(data):
            what = f"a parameter needs {size} bytes and there are {len(data) - begin}"
            teller.flaw("size", Severity.HIGH, f"byte {at}", what, "do not load these parameters", ("CWE-130",))
            return
        raw_numbers.look(walk, data[begin : begin + size], path, f"byte {begin}")
        at = begin + size


def _level(data: memoryview, at: int) -> int:
    """Behind a level of detail: where the sequences of a tensor begin, in order. Raises Broken."""
    size, at = int.from_bytes(data[at : at + 8], "little"), at + 8
    if size % 8 or at + size > len(data):
        raise Broken("a level of a parameter is cut", at)
    before = 0
    for place in range(at, at + size, 8):
        begin = int.from_bytes(data[place : place + 8], "little")
        if begin < before or begin > len(data):
            raise Broken("the levels of a parameter are not in order", place)
        before = begin
    return at + size


def _parameter(data: memoryview, at: int) -> tuple[int, int]:
    """(where the values begin, how many bytes they are). Raises Broken."""
    begin = at
    if any(data[at : at + 4]):
        raise Broken("a parameter is of another version", at)
    levels, at = int.from_bytes(data[at + 4 : at + 12], "little"), at + 12
    if levels > MAX_LEVELS:
        raise Broken("a parameter has too many levels", at)
    for _ in range(levels):
        at = _level(data, at)
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    if at + 8 + size > len(data) or not 0 < size <= MAX_DESC or any(data[at : at + 4]):
        raise Broken("a parameter has no description", begin)
    message = Layout("paddle").read(data[at + 8 : at + 8 + size], "VarType.TensorDesc")
    dims, width = list(message.numbers("dims")), SIZES.get(message.number("data_type", -1))
    if message.odd or width is None or any(n < 0 for n in dims):
        raise Broken("the description of a parameter is none", at)
    return at + 8 + size, volume(dims) * width
