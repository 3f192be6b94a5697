"""Judges what one pickle program would import, call and set, as the symbolic machine tells it, and writes flaws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.nouns import Place, Severity
from ..verdicts import Ruling, Standing
from ..walk import Walk, printable
from . import persistent
from .attributes import complaints
from .joblib import raw_array
from .machine import Machine, Watcher
from .opcodes import Broken, Global, Made, Opaque, Seq, shown
from .shapes import PACKED, SHAPES, STATES, own_entropy

GETATTR = "builtins.getattr"
FILLED = {"APPEND": "collections.deque", "APPENDS": "collections.deque", "ADDITEMS": "builtins.set"}
"""What these opcodes fill that is no plain list or set. A Bunch would call its own item named `append`."""

ITEMS_AS_ATTRIBUTES = frozenset(
    ("sklearn.utils._bunch.Bunch", "sklearn.utils.Bunch", "scipy.optimize._optimize.OptimizeResult",
     "statsmodels.tools.tools.Bunch", "transformers.tokenization_utils_base.BatchEncoding")
)  # fmt: skip
"""Dicts that answer for an attribute with their item of that name: BUILD would call one named `__setstate__`."""

NESTED_MAX = 64 << 20
"""Longer constants are array data; a pickle hidden in one is walked only when a call is given it."""

ENCODED_MIN = 24
"""Characters below which no program fits into base64 or the like."""

MAX_TOLD = 1000
"""Different complaints about one program; no honest one comes near."""

EXPLAIN = {"call": "calls", "new": "makes an instance of"}
DO_NOT_LOAD = "do not load this file; ask its author for safetensors, ONNX or skops"


SCRIPTED = frozenset(
    ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "build_tensor_from_id",
     "restore_type_tag")
)  # fmt: skip
"""What TorchScript's own unpickler has for torch.jit._pickle."""


def _scripted(name: Global) -> bool:
    """Whether TorchScript resolves a global inside the archive, or itself."""
    if name.module == "torch.jit._pickle":
        return name.name in SCRIPTED
    if name.dotted.startswith("__torch__.torch.classes.") and not PACKED.fullmatch(name.dotted):
        return False
    return (name.module == "__torch__" or name.module.startswith("__torch__.")) and "." not in name.name


def inspect(walk: Walk, path: str, prefix: str = "", *, loader: str = "pickle") -> Inspector:
    """The inspector that this walk uses."""
    made: Inspector = (walk.inspector or Inspector)(walk, path, prefix, loader=loader)
    return made


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
        self.kept: dict[str, int] = {}
        self.made: dict[int, memoryview] = {}
        """Bytes that a call made or read, by the id of what it was given: once is enough."""
        self.held: list[Any] = []  # keeps those ids theirs
        self.worst = Standing.ALLOWED
        self.harmful = False
        self.heard: Callable[[Any], None] = lambda pid: None
        """Is given every persistent id."""

    def inside(self, prefix: str) -> Inspector:
        """An inspector for a program inside this one."""
        return type(self)(self.walk, self.path, prefix)

    def begins(self, machine: Machine) -> None:
        """A stream is about to be walked."""

    def ends(self, machine: Machine, error: Broken | None) -> None:
        """A stream was walked. error: what is wrong with the stream itself."""

    # what the machine tells

    def mention(self, name: Global) -> None:
        ruling = self.weigh(name, "import")
        if ruling.verdict is not Standing.ALLOWED:
            self.harmful = self.harmful or ruling.verdict is Standing.DANGEROUS
            self.pending.setdefault(name.dotted, (ruling, name))
            self.pushed(name)
        elif ruling.narrow:
            self._count(name, 1)

    def pushed(self, name: Global, times: int = 1) -> None:
        if (name.module == "builtins" and name.name == "getattr") or self.walk.judge.narrow(name.module, name.name):
            self._count(name, times)

    def _count(self, name: Global, times: int) -> None:
        self.kept[name.dotted] = self.kept.get(name.dotted, 0) + times

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        if not isinstance(target, Global):
            self.odd(f"calls {shown(target)}, which has no name", at)
            return Made(target, args)
        if target.name == "getattr" or self.walk.judge.narrow(target.module, target.name):
            self.pushed(target, -1)
        if target.name == "getattr" and target.dotted == GETATTR and (found := self._attribute(args, at)):
            self.pending.pop(GETATTR, None)  # whoever keeps it as well is told at the end
            return found
        ruling = self.weigh(target, use)
        if ruling.verdict is not Standing.ALLOWED:
            self.harmful = True
            self._accuse(target, lambda: f"{EXPLAIN[use]} {printable(target.dotted)} with {shown(args)}", ruling, at)
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

    def write(self, target: Any, how: str, items: list[Any], at: int) -> None:
        if isinstance(target, Global):
            self._tell(f"writes into {printable(target.dotted)} itself", Standing.DANGEROUS, at)
        elif not isinstance(target, Made):
            self.odd(f"does {how} on {shown(target)}", at)
        elif FILLED.get(how, _dotted(target)) != _dotted(target) or _dotted(target) == "builtins.bytearray":
            self.odd(f"does {how} on {shown(target)}, which may be any method of that name", at)
        elif _dotted(target) in ITEMS_AS_ATTRIBUTES:
            self.hooks(Seq("dict", items), at)

    def persistent(self, pid: Any, at: int) -> Any:
        self.heard(pid)
        if self.loader == "torch" and (cls := persistent.container(pid)):
            self.pushed(cls)
            return cls
        if self.loader == "pickle" or not persistent.storage(pid):
            self.odd(f"asks the program that loads it for the object {shown(pid)}", at)
        return Opaque("persistent", pid)

    def extension(self, code: int, at: int) -> Any:
        self.odd(f"imports extension code {code}, whose meaning the loading process decides", at)
        return Opaque("extension", code)

    def computed(self, module: Any, name: Any, at: int) -> Any:
        what = f"imports a name that is computed while loading: {shown(module)}, {shown(name)}"
        self._tell(what, Standing.DANGEROUS, at)
        self.harmful = True
        return Opaque("computed name")

    def outside(self, at: int) -> None:
        self.walk.skip(self.path or "pickle", "it takes buffers that are not in the file from whoever loads it")

    def constant(self, value: Any, at: int) -> None:
        if type(value) is str:
            plain = "\n" not in value and (len(value) < ENCODED_MIN or " " in value[:ENCODED_MIN])
        else:
            plain = value[0] not in FIRST
        if self.nested and not plain and len(value) <= NESTED_MAX:
            from .nested import constant

            constant(self, value, at)

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
            self._accuse_import(name, ruling)
        self.pending.clear()

    def _accuse_import(self, name: Global, ruling: Ruling) -> None:
        self._accuse(name, lambda: f"imports {printable(name.dotted)}", ruling, name.at)

    def weigh(self, name: Global, use: str) -> Ruling:
        """The verdict on a global in one use; it is counted for the exhibit."""
        key = (name.module, name.name, use)
        if (met := self.walk.met.get(key)) is not None:
            met[1].count += 1
            return met[0]
        if self.loader == "torchscript" and _scripted(name):
            return Ruling(Standing.ALLOWED, "TorchScript resolves it inside the archive")
        ruling = self.walk.judge.rule(*key)
        self.walk.met[key] = ruling, self.walk.saw(printable(name.dotted), use, ruling.verdict, ruling.reason)
        return ruling

    def _attribute(self, args: Any, at: int) -> Any:
        """What getattr gives, where a pack allows it: protocols 0 to 3 write methods and nested classes so."""
        items = args.items if isinstance(args, Seq) and args.kind == "tuple" and args.count == 2 else (None, None)
        owner, name = items
        if isinstance(owner, Global) and isinstance(name, str):
            found = Global(owner.module, f"{owner.name}.{name}", at)
            if self.walk.judge.rule(found.module, found.name, "import").verdict is Standing.ALLOWED:
                self.mention(found)
                return found
        return Opaque("method") if own_entropy(args) else None

    def _build_made(self, target: Made, state: Any, at: int) -> None:
        if isinstance(target.cls, Global):
            ruling = self.weigh(target.cls, "build")
            if ruling.state and (complaint := STATES[ruling.state](target, state)):
                self.odd(f"sets the state of {printable(target.cls.dotted)}: {complaint}", at)
            if ruling.verdict is not Standing.ALLOWED:
                cls = target.cls
                self._accuse(cls, lambda: f"sets the state of {printable(cls.dotted)}", ruling, at)
        target.state = state

    def _accuse(self, name: Global, what: Callable[[], str], ruling: Ruling, at: int) -> None:
        self.pending.pop(name.dotted, None)
        if name.dotted not in self.told and len(self.told) < MAX_TOLD:
            self.told.add(name.dotted)
            self._tell(f"{what()}: {ruling.reason}", ruling.verdict, at, ruling.references, name.dotted)

    def _shaped(self, ruling: Ruling, target: Global, args: Any, at: int) -> Any:
        judged = SHAPES[ruling.shape](self, target, args, at)
        if judged.complaint:
            self.walk.saw(target.dotted, "call", Standing.UNKNOWN, judged.complaint)
            self.odd(f"calls {target.dotted} with {shown(args)}: {judged.complaint}", at)
        return judged.result

    def hooks(self, state: Any, at: int) -> None:
        """Tell of attributes in a state that cannot be seen, or that loading calls or obeys later."""
        if state is not None:
            for complaint in complaints(state):
                self.odd(complaint, at)

    def _tell(self, what: str, verdict: Standing, at: int, references: tuple[str, ...] = (), allow: str = "") -> None:
        dangerous = verdict is Standing.DANGEROUS
        self.worst = verdict if dangerous or self.worst is Standing.ALLOWED else self.worst
        remedy = DO_NOT_LOAD
        if allow and not dangerous:
            remedy = f"read what {printable(allow)} does; if you trust it, allow it by name: {printable(allow)}"
        rule = "artifact.pickle.call" if dangerous else "artifact.pickle.unknown"
        severity = Severity.CRITICAL if dangerous else Severity.HIGH
        place = Place(self.path, f"{self.prefix}opcode {at}")
        self.walk.flaw(rule, severity, place, f"loading {what}", remedy, ("CWE-502", *references))


def _dotted(made: Made) -> str:
    return made.cls.dotted if isinstance(made.cls, Global) else ""


FIRST = frozenset(b"\x80\xe3\xfd\x1f\x7f" + bytes(range(0x21, 0x7B)))
"""Bytes with which a program can begin: of a pickle, of marshalled code, of a compressed stream, of a text, of ELF."""
