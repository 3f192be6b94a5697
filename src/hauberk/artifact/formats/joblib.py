"""joblib's raw array blocks: after the state of a NumpyArrayWrapper, the array's bytes stand in the stream itself."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from .dtypes import facts
from .machine import COPIES_MAX, Machine, Watcher
from .opcodes import Broken, Global, Made, Opaque, Seq
from .steps import STEPS

if TYPE_CHECKING:
    from .inspector import Inspector

WRAPPERS = ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle")
"""Where the wrapper lives; scikit-learn before 0.21 brought its own copy of joblib along."""
FIELDS = frozenset(("subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"))
"""What joblib writes into a wrapper. Another name could stand before one of its methods."""
PROBE_OPCODES = 1_000_000


def raw_array(machine: Machine, inspector: Inspector) -> None:
    """If BUILD just completed a wrapper, pass over the array as joblib does: padding, then raw bytes or a pickle.

    Raises Broken where joblib would fail. What cannot be followed is told as not understood.
    """
    made = machine.top()
    if not isinstance(made, Made) or not isinstance(made.cls, Global) or made.cls.name != "NumpyArrayWrapper":
        return
    if made.cls.module not in WRAPPERS or not machine.has_blocks:
        return
    state = _fields(made.state)
    if not set(state) <= FIELDS or len(state) * 2 != len(made.state.items if isinstance(made.state, Seq) else ()):
        inspector.odd("gives an array wrapper attributes that joblib does not write, and would call", machine.steps)
        raise Broken("an array block cannot be followed", machine.steps)
    dtype, count = facts(state.get("dtype")), _count(state.get("shape"))
    if dtype is None or count is None or machine.pos < machine.frame_end:
        inspector.odd("reads an array whose size cannot be told beforehand", machine.steps)
        raise Broken("an array block cannot be followed", machine.steps)
    if not dtype.objects:  # what is a pickle there is one to every reader, and walked below
        _as_plain_pickle(machine, inspector)
    machine.stack[-1] = Opaque("array")
    machine.stop = machine.end  # the array begins where a frame ends
    if dtype.objects:
        _object_array(machine, inspector)
        return
    if state.get("numpy_array_alignment_bytes") is not None:
        machine.take(machine.number(1))
    machine.take(count * dtype.size)


def _as_plain_pickle(machine: Machine, inspector: Inspector) -> None:
    """`pickle.load` knows no raw arrays and would run their bytes as opcodes: see what it would import."""
    if machine.pos >= machine.end or STEPS[machine.data[machine.pos]] is None:
        return  # as joblib writes since 1.2: padding, which is no opcode
    from .inspector import Inspector

    silent = Inspector(inspector.walk.trial(), "", nested=False)
    probe = Probe(inspector, silent)
    twin = Machine(machine.view, machine.pos, probe, min(PROBE_OPCODES, inspector.walk.opcodes_left))
    twin.proto, twin.stack, twin.marks = machine.proto, list(machine.stack), [list(m) for m in machine.marks]
    twin.memo, twin.dry = Scratch(machine.memo), True
    try:
        twin.run()
    except Broken:
        return
    finally:
        inspector.walk.spend(twin.steps)
        for flaw in silent.walk.flaws[:1]:
            inspector.odd(f"with pickle.load instead of joblib.load: {flaw.message}", machine.steps)
        if twin.copies > COPIES_MAX:
            inspector.odd("with pickle.load instead of joblib.load fills more than can be followed", machine.steps)
    if twin.limited:
        inspector.odd("with pickle.load instead of joblib.load runs more opcodes than are followed", machine.steps)


LOADERS = frozenset(("_load_from_bytes", "_ufunc_reconstruct"))
"""Allowed names that load or import what they are given: the main walk looks at their arguments, this one cannot."""


class Probe(Watcher):
    """Tells an inspector of imports that are well-formed and not allowed, and lets a silent one judge what is done with
    names and with what they made. Random bytes hold no names; what they do with numbers is not judged.
    """

    def __init__(self, inspector: Inspector, silent: Inspector) -> None:
        self.inspector, self.silent = inspector, silent

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        return self.silent.call(use, target, args, at) if isinstance(target, Global | Made) else Made(target, args)

    def build(self, target: Any, state: Any, at: int) -> None:
        if isinstance(target, Global | Made):
            kept = target.state if isinstance(target, Made) else None
            self.silent.build(target, state, at)
            if isinstance(target, Made):
                target.state = kept  # it is the main program's as well

    def write(self, target: Any, how: str, items: list[Any], at: int) -> None:
        if isinstance(target, Global | Made):
            self.silent.write(target, how, items, at)

    def computed(self, module: Any, name: Any, at: int) -> Any:
        return self.silent.computed(module, name, at)

    def mention(self, name: Global) -> None:
        judge = self.inspector.walk.judge
        allowed = judge.rule(name.module, name.name, "import").verdict == "allowed"
        harmless = allowed and name.name not in LOADERS
        if not harmless and name.dotted.replace(".", "").isidentifier():
            self.inspector.odd(f"with pickle.load instead of joblib.load imports {name.dotted}", name.at)


class Scratch(dict[int, Any]):
    """A memo that is written to without touching the one below."""

    def __init__(self, below: dict[int, Any]) -> None:
        super().__init__()
        self.below = below

    def __missing__(self, index: int) -> Any:
        return self.below[index]

    def __contains__(self, index: object) -> bool:
        return super().__contains__(index) or index in self.below

    def __len__(self) -> int:
        return len(self.below) + super().__len__()

    def items(self) -> Any:
        """Of both, the upper ones last."""
        return itertools.chain(self.below.items(), super().items())


def _object_array(machine: Machine, inspector: Inspector) -> None:
    inner = type(machine)(machine.view, machine.pos, inspector, machine.max_opcodes - machine.steps)
    inner.has_blocks = False  # joblib reads these with pickle.load
    machine.pos = inner.run()
    machine.steps += inner.steps
    machine.late = machine.late or inner.late


def _fields(state: Any) -> dict[str, Any]:
    if not isinstance(state, Seq) or state.kind != "dict" or not state.whole:
        return {}
    pairs = zip(state.items[::2], state.items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}


def _count(shape: Any) -> int | None:
    if not isinstance(shape, Seq) or not shape.whole or not all(type(n) is int and n >= 0 for n in shape.items):
        return None
    return int(math.prod(shape.items))
