"""ONNX operators: known ones of known domains, those that the model defines, and how these call each other.

The known ones are `packs/onnx_ops.json`, out of the registries of onnx and ONNX Runtime.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

from ...core.nouns import Severity
from ..verdicts import BY_USER, Standing, read_pack
from ..walk import printable
from .graphs import Teller
from .protobuf import Layout, Message
from .protobuf_tour import Trail

OFFICIAL = ("", "ai.onnx")
"""Two names of one domain."""
REACHES_OUT = {
    "EPContext": "runs a compiled program for a device, which nobody can read",
    "Snpe": "runs a compiled program for a device, which nobody can read",
    "PythonOp": "calls a Python function that the model names",
    "PythonOpGrad": "calls a Python function that the model names",
    "PyOp": "calls a Python function that the model names",
    "ATen": "calls any operator of PyTorch by name",
    "ExternalGradient": "calls a gradient that is defined elsewhere",
}
MAX_TOLD = 100
MAX_EXPANDED = 10_000_000
"""Nodes after every call of the model's own functions is written out; the largest honest models have 100,000."""

Name = tuple[str, str]


@cache
def known() -> dict[str, dict[str, int]]:
    """Operators by domain, each with the opset that brought it."""
    domains = {name: text.split() for name, text in read_pack("onnx_ops").items() if name != "about"}
    return {name: {op: int(n) for op, _, n in (o.partition(":") for o in ops)} for name, ops in domains.items()}


class Operators:
    """Collects what a model runs and what it defines."""

    def __init__(self, teller: Teller) -> None:
        self.teller, self.layout = teller, Layout("onnx")
        self.used: dict[Name, Trail] = {}
        self.times: Counter[Name] = Counter()
        self.calls: dict[Name, Counter[Name]] = {}
        self.size: Counter[Name] = Counter()
        self.current: Name | None = None

    def imports(self, message: Message, trail: Trail) -> None:
        """The opsets of a ModelProto: one a domain. onnx.compose writes one as often as it merged a model."""
        read = [self.layout.read(data, "OperatorSetIdProto") for data in message.all("opset_import")]
        sets = {(_domain(each.text("domain")), each.number("version")) for each in read}
        if len({domain for domain, _ in sets}) != len(sets):
            self.teller.odd("two opsets of one domain are imported", trail)

    def define(self, message: Message, trail: Trail) -> None:
        """A FunctionProto: the nodes that are met until the next one are its own."""
        name = _domain(message.text("domain")), message.text("name")
        if name in self.calls and not message.text("overload"):
            self.teller.odd("a function is defined twice", trail)
        self.current = name
        self.calls.setdefault(name, Counter())
        if name[1] in known().get(name[0], {}):
            what = f"the model brings its own {printable('::'.join(name))}, in place of the standard operator"
            remedy = "read that function: it runs wherever the model seems to use the standard one"
            self.teller.flaw("shadow", Severity.HIGH, str(trail), what, remedy, ("CWE-436",))

    def use(self, message: Message, trail: Trail) -> None:
        """A NodeProto."""
        self.note(message.text("domain"), message.text("op_type"), trail)

    def note(self, domain: str, op: str, trail: Trail) -> None:
        """A use of an operator."""
        name = _domain(domain), op
        self.used.setdefault(name, trail)
        self.times[name] += 1
        if self.current is not None and _inside_function(trail):
            self.calls[self.current][name] += 1
            self.size[self.current] += 1

    def finish(self) -> None:
        """Tell of operators that are not known, and of functions that call themselves or grow beyond measure."""
        told = 0
        for name, trail in sorted(self.used.items(), key=lambda item: item[0]):
            if name in self.calls or name[1] in known().get(name[0], {}) or self._allowed(name):
                continue
            told += 1
            if told <= MAX_TOLD:
                self._foreign(name, trail)
        self._expansion()

    def _foreign(self, name: Name, trail: Trail) -> None:
        title = printable("::".join(name))
        self.teller.walk.saw(title, "operator", Standing.UNKNOWN, "no pack lists it")
        part = f"operator {title}"
        if why := REACHES_OUT.get(name[1]):
            remedy = "do not run this model unless you trust whoever made that program"
            self.teller.flaw("domain", Severity.HIGH, part, f"operator {title} {why}", remedy, ("CWE-829",))
        else:
            message = f"operator {title} (at {trail}) needs a library that ONNX Runtime lacks"
            remedy = "know that library before you load it; or export the model with standard operators"
            self.teller.flaw("domain", Severity.MEDIUM, part, message, remedy, ("CWE-829",))

    def _allowed(self, name: Name) -> bool:
        if (title := "::".join(name)) not in self.teller.walk.judge.allow:
            return False
        self.teller.walk.saw(title, "operator", Standing.ALLOWED, BY_USER)
        return True

    def _expansion(self) -> None:
        """Sizes of functions, those first that call no other; what is left over calls itself."""
        own = {f: {g: n for g, n in calls.items() if g in self.calls} for f, calls in self.calls.items()}
        callers: dict[Name, list[Name]] = {f: [] for f in own}
        for f, calls in own.items():
            for g in calls:
                callers[g].append(f)
        waiting = {f: len(calls) for f, calls in own.items()}
        ready, total = [f for f, n in waiting.items() if not n], dict(self.size)
        while ready:
            done = ready.pop()
            waiting.pop(done)
            for f in callers[done]:
                grown = total.get(f, 0) + own[f][done] * total.get(done, 0)
                total[f] = min(grown, MAX_EXPANDED + 1)
                waiting[f] -= 1
                if not waiting[f]:
                    ready.append(f)
        if waiting:
            what = f"the function {printable('::'.join(min(waiting)))} calls itself: no runtime can end that"
            self.teller.flaw("recursion", Severity.HIGH, "functions", what, "do not load this model", ("CWE-674",))
        if any(self.times[f] * n > MAX_EXPANDED for f, n in total.items()):
            what = f"its functions grow to more than {MAX_EXPANDED} nodes when they are written out"
            self.teller.flaw("bomb", Severity.HIGH, "functions", what, "do not load this model", ("CWE-776",))


def _domain(name: str) -> str:
    return "ai.onnx" if name in OFFICIAL else name


def _inside_function(trail: Trail | None) -> bool:
    while trail is not None:
        if trail.name == "functions":
            return True
        trail = trail.parent
    return False
