"""Pickle: what loading would import, call and set, each judged; nothing is loaded.

Reads every stream of a file. A stream that breaks is reported with what would already have run before it broke.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from ...core.nouns import Place, Severity
from ..verdicts import Ruling, Standing
from ..walk import Walk, printable
from .joblib import raw_array
from .machine import Machine, Watcher
from .opcodes import Broken, Global, Made, Opaque, Seq, shown
from .shapes import SHAPES, STATES, own_entropy

MAGIC = re.compile(rb"\x80[\x00-\x05]")
TORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
"""LONG1 of the number 0x1950a86a20f9469cfc6c, torch.serialization.MAGIC_NUMBER."""
TEXT_GLOBAL = re.compile(rb"[\x80-\x82(]*[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n")
"""How a pickle of protocol 0 that imports something begins."""

HOOKS = frozenset({"__setstate__", "append", "extend", "add", "__class__", "__reduce__", "__reduce_ex__"})
"""Instance attributes that later opcodes would call, or that change what the instance is."""

GETATTR = "builtins.getattr"
FILLED = {"APPEND": "collections.deque", "APPENDS": "collections.deque", "ADDITEMS": "builtins.set"}
"""What these opcodes fill that is no plain list or set. A Bunch would call its own item named `append`."""

HIDING = frozenset(
    ("builtins.dict", "builtins.tuple", "builtins.list", "collections.OrderedDict", "collections.defaultdict",
     "collections.Counter")
)  # fmt: skip
"""Constructors whose result could be a state that the machine does not see into."""

NESTED_MAX = 64 << 20
"""Longer constants are array data; a pickle hidden in one is walked only when a call is given it."""

TRIAL_OPCODES, TRIAL_LINE = 1_000_000, 1 << 24
"""How far bytes of no known format are followed before they count as a pickle, and their longest line."""

MAX_TOLD = 1000
"""Different complaints about one program; no honest one comes near."""

EXPLAIN = {"call": "calls", "new": "makes an instance of"}


class Inspector(Watcher):
    """Judges what one pickle program would do, and writes flaws.

    loader: pickle (`pickle.load` and `joblib.load`), torch (storages by persistent id), torchscript (classes of
    the archive's own code). prefix: where this program stands inside another. nested: whether constants that are
    pickles are walked as well.
    """

    def __init__(self, walk: Walk, path: str, prefix: str = "", *, loader: str = "pickle", nested: bool = True) -> None:
        self.walk, self.path, self.prefix, self.loader, self.nested = walk, path, prefix, loader, nested
        self.pending: dict[str, tuple[Ruling, Global]] = {}
        self.told: set[str] = set()
        self.kept: Counter[str] = Counter()
        self.worst = Standing.ALLOWED
        self.harmful = False

    # what the machine tells

    def mention(self, name: Global) -> None:
        ruling = self._weigh(name, "import")
        self.harmful = self.harmful or ruling.verdict is Standing.DANGEROUS
        if ruling.verdict is not Standing.ALLOWED:
            self.pending.setdefault(name.dotted, (ruling, name))
        self.pushed(name)

    def pushed(self, name: Global, times: int = 1) -> None:
        if name.dotted == GETATTR or self.walk.judge.narrow(name.module, name.name):
            self.kept[name.dotted] += times

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        if not isinstance(target, Global):
            self.odd(f"calls {shown(target)}, which has no name", at)
            return Made(target, args)
        self.pushed(target, -1)
        if target.dotted == GETATTR and own_entropy(args):
            self.pending.pop(GETATTR, None)  # whoever keeps it as well is told at the end
            return Opaque("method")
        ruling = self._weigh(target, use)
        if ruling.verdict is not Standing.ALLOWED:
            self.harmful = True
            self._accuse(target, f"{EXPLAIN[use]} {printable(target.dotted)} with {shown(args)}", ruling, at)
        elif ruling.shape:
            return self._shaped(ruling, target, args, at)
        return Made(target, args)

    def build(self, target: Any, state: Any, at: int) -> None:
        if isinstance(target, Global):
            self._tell(f"writes attributes of {printable(target.dotted)} itself", Standing.DANGEROUS, at)
        elif not isinstance(target, Made):
            self.odd(f"sets the state of {shown(target)}", at)
        else:
            self._build_made(target, state, at)
        self.hooks(state, at)

    def write(self, target: Any, how: str, at: int) -> None:
        if isinstance(target, Global):
            self._tell(f"writes into {printable(target.dotted)} itself", Standing.DANGEROUS, at)
        elif not isinstance(target, Made):
            self.odd(f"does {how} on {shown(target)}", at)
        elif FILLED.get(how, _dotted(target)) != _dotted(target):
            self.odd(f"does {how} on {shown(target)}, which may be any method of that name", at)

    def persistent(self, pid: Any, at: int) -> Any:
        if self.loader == "torch" and (cls := _container(pid)):
            return cls
        if self.loader == "pickle" or not _storage(pid):
            self.odd(f"asks the program that loads it for the object {shown(pid)}", at)
        return Opaque("persistent", pid)

    def extension(self, code: int, at: int) -> Any:
        self.odd(f"imports extension code {code}, whose meaning the loading process decides", at)
        return Opaque("extension", code)

    def constant(self, value: Any, at: int) -> None:
        if not self.nested:
            return
        if isinstance(value, memoryview):
            head = bytes(value[:64]) if 8 <= len(value) <= NESTED_MAX else b""
        else:
            head = value[:64].encode("latin-1", "replace") if 8 <= len(value) <= NESTED_MAX else b""
        if head and (MAGIC.match(head) or TEXT_GLOBAL.match(head)):
            data = value if isinstance(value, memoryview) else memoryview(value.encode("latin-1", "replace"))
            if TORCH in bytes(data[:24]):
                self.walk.enter(data, f"{self.path}!{self.prefix}opcode {at}")
            elif is_pickle(self.walk, data):
                walk_streams(Inspector(self.walk, self.path, f"{self.prefix}opcode {at} > "), data)

    def after_build(self, machine: Machine) -> None:
        if self.loader == "pickle":
            raw_array(machine, self)

    # judging

    def odd(self, what: str, at: int) -> None:
        """Something that no pack explains, in a way that cannot be allowed by name."""
        if what not in self.told and len(self.told) < MAX_TOLD:
            self.told.add(what)
            self._tell(what, Standing.UNKNOWN, at)

    def finish(self) -> None:
        """Report what was imported and never called, and what is only allowed when called at once but was kept."""
        for dotted in [name for name, times in self.kept.items() if times > 0]:
            self.odd(f"keeps {printable(dotted)}, which other objects could call with anything", 0)
        self.kept.clear()
        for ruling, name in list(self.pending.values()):
            self._accuse(name, f"imports {printable(name.dotted)}", ruling, name.at)
        self.pending.clear()

    def _weigh(self, name: Global, use: str) -> Ruling:
        if self.loader == "torchscript" and (name.module == "torch.jit._pickle" or name.module[:9] == "__torch__"):
            return Ruling(Standing.ALLOWED, "TorchScript resolves it inside the archive")
        ruling = self.walk.judge.rule(name.module, name.name, use)
        self.walk.saw(printable(name.dotted), use, ruling.verdict, ruling.reason)
        return ruling

    def _build_made(self, target: Made, state: Any, at: int) -> None:
        if isinstance(target.cls, Global):
            ruling = self._weigh(target.cls, "build")
            if ruling.state and (complaint := STATES[ruling.state](target, state)):
                self.odd(f"sets the state of {printable(target.cls.dotted)}: {complaint}", at)
            if ruling.verdict is not Standing.ALLOWED:
                self._accuse(target.cls, f"sets the state of {printable(target.cls.dotted)}", ruling, at)
        target.state = state

    def _accuse(self, name: Global, what: str, ruling: Ruling, at: int) -> None:
        self.pending.pop(name.dotted, None)
        if name.dotted not in self.told and len(self.told) < MAX_TOLD:
            self.told.add(name.dotted)
            self._tell(f"{what}: {ruling.reason}", ruling.verdict, at, ruling.references, name.dotted)

    def _shaped(self, ruling: Ruling, target: Global, args: Any, at: int) -> Any:
        judged = SHAPES[ruling.shape](self, target, args, at)
        if judged.complaint:
            reason = Ruling(Standing.UNKNOWN, judged.complaint, ruling.references)
            self.walk.saw(target.dotted, "call", Standing.UNKNOWN, judged.complaint)
            self.odd(f"calls {target.dotted} with {shown(args)}: {reason.reason}", at)
        return judged.result

    def hooks(self, state: Any, at: int) -> None:
        """Tell of attributes in a state that cannot be seen, or that loading calls or obeys later."""
        if isinstance(state, Made) and isinstance(state.cls, Global) and state.cls.dotted in HIDING:
            self.odd(f"sets attributes from the result of {state.cls.dotted}, where they cannot be seen", at)
        for part in (state, *(state.items if isinstance(state, Seq) and state.kind == "tuple" else ())):
            if isinstance(part, Seq) and part.kind == "dict" and not part.whole:
                self.odd("sets more attributes than can be seen", at)
        for keys, by_setattr in _state_keys(state):
            for key in keys:
                if isinstance(key, Made | Opaque | Global):
                    self.odd(f"sets an attribute whose name is computed: {shown(key)}", at)
                elif isinstance(key, str) and (key in HOOKS or (by_setattr and key.startswith("__"))):
                    self.odd(f"sets the attribute {key!r}, which loading calls or obeys later", at)

    def _tell(self, what: str, verdict: Standing, at: int, references: tuple[str, ...] = (), allow: str = "") -> None:
        dangerous = verdict is Standing.DANGEROUS
        self.worst = verdict if dangerous or self.worst is Standing.ALLOWED else self.worst
        remedy = "do not load this file; ask its author for safetensors, ONNX or skops"
        if allow and not dangerous:
            remedy = f"read what {printable(allow)} does; if you trust it, allow it by name: {printable(allow)}"
        rule = "artifact.pickle.call" if dangerous else "artifact.pickle.unknown"
        severity = Severity.CRITICAL if dangerous else Severity.HIGH
        place = Place(self.path, f"{self.prefix}opcode {at}")
        self.walk.flaw(rule, severity, place, f"loading {what}", remedy, ("CWE-502", *references))


def _dotted(made: Made) -> str:
    return made.cls.dotted if isinstance(made.cls, Global) else ""


def _container(pid: Any) -> Global | None:
    """The class of a module in the form of torch before 1.6: ('module', class, file, source)."""
    if not isinstance(pid, Seq) or pid.kind != "tuple" or pid.count != 4 or pid.items[0] != "module":
        return None
    return pid.items[1] if isinstance(pid.items[1], Global) else None


def _storage(pid: Any) -> bool:
    """Whether a persistent id is a torch storage: ('storage', type, key, location, size, …)."""
    if not isinstance(pid, Seq) or pid.kind != "tuple" or not pid.items:
        return False
    return isinstance(pid.items[0], str) and pid.items[0] == "storage"


def _state_keys(state: Any) -> list[tuple[list[Any], bool]]:
    """The attribute names that a state sets; True where they are set with setattr (slots)."""
    if isinstance(state, Seq) and state.kind == "dict":
        return [(state.items[::2], False)]
    if isinstance(state, Seq) and state.kind == "tuple" and state.count == 2:
        pairs = zip(state.items, (False, True), strict=False)
        return [(part.items[::2], slots) for part, slots in pairs if isinstance(part, Seq) and part.kind == "dict"]
    return []


def sniff(data: memoryview) -> bool:
    """Whether bytes begin as a pickle of protocol 2 or later. Older ones have no mark of their own."""
    return MAGIC.match(bytes(data[:2])) is not None


def is_pickle(walk: Walk, data: memoryview) -> bool:
    """Whether bytes that nothing calls a pickle are one: they end as one, or are about to do harm before they break."""
    inspector = Inspector(walk.trial(), "", nested=False)
    machine = Machine(data, 0, inspector, TRIAL_OPCODES)
    machine.max_line = TRIAL_LINE
    try:
        machine.run()
    except Broken:
        return inspector.harmful
    return True


def walk_streams(inspector: Inspector, data: memoryview, start: int = 0) -> None:
    """Walk every stream of a pickle file."""
    walk = inspector.walk
    if walk.depth >= walk.limits.max_depth:
        walk.skip(inspector.path or "pickle", "pickles are nested too deeply")
        return
    walk.depth += 1
    pos, streams = start, 0
    try:
        while pos < len(data) or not streams:
            machine = Machine(data, pos, inspector, max(0, walk.limits.max_opcodes - walk.opcodes))
            pos = run(machine, inspector, streams, len(data) - pos)
            streams += 1
            if machine.limited:
                walk.skip(inspector.path or "pickle", f"more than {walk.limits.max_opcodes} opcodes")
                return
    finally:
        walk.depth -= 1


def run(machine: Machine, inspector: Inspector, streams: int, left: int) -> int:
    """Walk one stream, and report. Returns the position behind it; the end of the data when it breaks."""
    try:
        return machine.run()
    except Broken as error:
        inspector.finish()
        _broken(inspector, error, streams, left)
        return machine.end
    finally:
        inspector.walk.opcodes += machine.steps
        inspector.finish()


def _broken(inspector: Inspector, error: Broken, streams: int, left: int) -> None:
    place = Place(inspector.path, f"{inspector.prefix}opcode {error.at}")
    remedy = "do not load this file; download it again and compare the digest"
    if streams and inspector.worst is Standing.ALLOWED:
        message = f"{left} bytes follow the last pickle and are none: {error}"
        inspector.walk.flaw("artifact.pickle.trailing", Severity.MEDIUM, place, message, remedy, ("CWE-502",))
    else:
        message = f"the pickle breaks: {error}; whatever stands before that would still run"
        inspector.walk.flaw("artifact.pickle.broken", Severity.HIGH, place, message, remedy, ("CWE-502",))


def walk(walk: Walk, data: memoryview, path: str, *, loader: str = "pickle") -> None:
    """Walk a pickle file."""
    walk_streams(Inspector(walk, path, loader=loader), data)
