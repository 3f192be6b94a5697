"""Chat templates in Jinja: what one would call and reach when a prompt is rendered.

Runtimes have rendered such templates without a sandbox (CVE-2024-34359, CVE-2026-5760), and Jinja's own sandbox was
escaped more than once. So a template may call only what honest ones call: its macros, the functions that
transformers gives it, and harmless methods of text, lists and dicts, each by its name. Whatever walks to a private
attribute, or calls anything else, is a finding, whichever way it is written.

>>> [c.rule for c in complaints("{{ messages[0]['content'] | trim }}")]
[]
>>> [c.rule for c in complaints("{{ x['__cl' ~ 'ass__'] }}")]
['artifact.template.escape']
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import hidden
from .jinja_flow import ANY, DICT, INTERNAL, MADE, OPEN, PRIVATE, SPACE, Flow
from .jinja_names import (
    ASKS,
    BY_ATTRIBUTE,
    FILTERS,
    FUNCTION_OBJECTS,
    GLOBALS,
    METHODS,
    OF_DICTS,
    PLAIN,
    RESERVED,
    TESTS,
    WALKERS,
)
from .jinja_statements import READERS, Statement, statements
from .jinja_tree import Node, constant, length, turns
from .opcodes import Broken
from .text_kinds import name_of

SURE = re.compile(r"chat_template|\.(?:jinja2?|j2)$")
"""Names of files that are Jinja's."""
MAX_TEMPLATE = 4 << 20
"""Characters; the longest honest templates have 40,000."""
MAX_NUMBER = 1_000_000
MAX_RANGE = 100_000
"""Jinja's sandbox refuses longer ranges."""
MAX_STEPS = 10_000_000
"""Turns of nested loops over constant ranges."""
ESCAPE_REFERENCES = ("CWE-94", "CVE-2024-34359")
DENIAL_REFERENCES = ("CWE-400",)


@dataclass(frozen=True)
class Complaint:
    """Something in a template. at: where in its text. out: whether it is a way out, which no honest text
    takes. broken: whether Jinja reads no such template."""

    rule: str
    severity: Severity
    at: int
    message: str
    references: tuple[str, ...]
    out: bool = False
    broken: bool = False


def walk_template(walk: Walk, text: str, path: str, part: str = "") -> None:
    """Tell what is wrong with a template that stands at a place. What cannot be parsed is told as well."""
    tell(walk, complaints(text), text, path, part)


def tell(walk: Walk, found: Iterable[Complaint], text: str, path: str, part: str = "") -> None:
    """Write down complaints about a template, each once."""
    told: set[tuple[str, str]] = set()
    for complaint in found:
        if (complaint.rule, complaint.message) in told or len(told) >= hidden.MAX_TOLD:
            continue
        told.add((complaint.rule, complaint.message))
        line = f"line {text.count(chr(10), 0, complaint.at) + 1}"
        place = Place(path, f"{part}, {line}" if part else line)
        remedy = "do not render prompts with this template; take the one that the model's author publishes"
        walk.flaw(complaint.rule, complaint.severity, place, complaint.message, remedy, complaint.references)


GO = re.compile(r"\{\{-?\s*(?:\.|\$|(?:if|range|with|else|end|define|block|template|printf)\b)")
"""How Go's templates read, which Ollama renders and which call nothing."""


def walk_text(walk: Walk, key: str, text: str, path: str) -> None:
    """Walk a text that stands under a key of some configuration, if a runtime might render it as a template.

    Under a key that says `template` everything is told; elsewhere, where braces may mean many things, ways out alone.
    """
    if "{{" not in text and "{%" not in text:
        return
    found = list(complaints(text))
    go = any(complaint.broken for complaint in found) and GO.search(text)
    if "chat_template" in key or ("template" in key and not go) or any(complaint.out for complaint in found):
        tell(walk, found, text, path, printable(key, 60))


def complaints(text: str) -> Iterator[Complaint]:
    """What is wrong with a template."""
    if len(text) > MAX_TEMPLATE:
        yield _not_understood(0, f"the template has {len(text)} characters, the limit is {MAX_TEMPLATE}")
        return
    try:
        found = list(statements(text))
    except Broken as error:
        message = f"Jinja could not read this template, and neither can we: {error}"
        yield replace(_not_understood(error.at, message), broken=True)
        if re.search(r"__\w+__", text):
            yield _escape(0, "the template names attributes between double underscores")
        return
    flow = Flow(found)
    if not flow.settled:
        yield _not_understood(0, "the template hands its values about more often than can be followed")
    yield from Judge(flow).judge(found)


def _not_understood(at: int, message: str, *, out: bool = False) -> Complaint:
    return Complaint("artifact.template.unknown", Severity.HIGH, at, message, ("CWE-94",), out)


def _escape(at: int, message: str) -> Complaint:
    return Complaint("artifact.template.escape", Severity.CRITICAL, at, message, ESCAPE_REFERENCES, out=True)


def _denial(at: int, message: str) -> Complaint:
    return Complaint("artifact.template.denial", Severity.MEDIUM, at, message, DENIAL_REFERENCES)


class Judge:
    """Judges statements. flow: where the values of their names come from."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.macros = flow, frozenset(flow.macros)
        self.assigned = frozenset(name for s in flow.statements for name in s.assigned)
        self.callable = (GLOBALS | self.macros) - self.assigned

    def judge(self, found: list[Statement]) -> Iterator[Complaint]:
        """Every complaint."""
        for statement in found:
            known = statement.tag in READERS or statement.tag.startswith("end") or statement.tag in ("print", "text")
            if not known:
                yield _tag(statement)
            if taken := RESERVED.intersection((*statement.assigned, statement.macro)):
                yield _not_understood(statement.at, f"the template sets {min(taken)!r}, which Jinja itself binds")
            if statement.macro in GLOBALS:
                yield _not_understood(statement.at, f"the macro {statement.macro!r} replaces a function of Jinja")
            if (times := turns(statement.loops)) > MAX_STEPS and statement.tag == "for":
                yield _denial(statement.at, f"loops inside one another turn {times} times for one prompt")
            for node in statement.nodes:
                yield from self.expression(node)

    def expression(self, root: Node) -> Iterator[Complaint]:
        """Complaints about an expression, without recursion. A name or attribute counts as called only in its call."""
        todo: list[tuple[Node, bool]] = [(root, False)]
        while todo:
            node, called = todo.pop()
            if reader := getattr(self, "_" + node.kind, None):
                yield from reader(node, called)
            for n, kid in enumerate(node.kids):
                if not (n == 0 and kid.kind == "name" and node.kind == "test" and node.text in ASKS):
                    todo.append((kid, node.kind == "call" and n == 0))
            todo.extend((kid, False) for kid in node.named.values())

    def _name(self, node: Node, called: bool) -> Iterator[Complaint]:
        name = node.text
        if name.startswith("__"):
            yield _escape(node.at, f"the template reaches {printable(name)!r}")
        elif called and name not in self.callable:
            what = "a value that it set itself" if name in self.assigned else "which no chat template is given"
            yield _not_understood(node.at, f"the template calls {printable(name)!r}, {what}")
        elif not called and self._function(node):
            message = f"the template handles the object {printable(name)!r} instead of calling it"
            yield _not_understood(node.at, message, out=True)

    def _function(self, node: Node) -> bool:
        """Whether a name may be a function's: an object that leads to Python's modules."""
        if node.text in self.macros:
            return node.text not in self.assigned
        return node.text in FUNCTION_OBJECTS and id(node) in self.flow.loose

    def _attr(self, node: Node, called: bool) -> Iterator[Complaint]:
        if INTERNAL.match(node.text):
            yield _escape(
                node.at, f"the template reaches the attribute {printable(node.text)!r}, behind which Python lies"
            )
        elif called and node.text == "format" and PLAIN.fullmatch(str(constant(node.kids[0]) or ".")):
            pass
        elif called and node.text not in METHODS:
            yield _not_understood(node.at, f"the template calls the method {printable(node.text)!r}")
        elif called and self._kept(node):
            message = f"the template calls {printable(node.text)!r}, a value that it keeps in a namespace or a dict"
            yield _not_understood(node.at, message, out=True)
        elif not called and node.text in WALKERS:
            yield _walker(node, node.text)

    def _kept(self, node: Node) -> bool:
        """Whether a method may be a value that the template itself put under that name."""
        owner = self.flow.of(node.kids[0])
        found = node.text in self.flow.fields or ANY in self.flow.fields
        return found and bool(owner & SPACE or (owner & DICT and node.text not in OF_DICTS))

    def _item(self, node: Node, called: bool) -> Iterator[Complaint]:
        for index in node.kids[1:]:
            key = constant(index)
            if isinstance(key, str) and INTERNAL.match(key):
                yield _escape(
                    node.at, f"the template reaches the attribute {printable(key)!r}, behind which Python lies"
                )
            elif key is None and index.kind != "slice":
                yield from self._index(node, self.flow.of(index))

    def _index(self, node: Node, flags: int) -> Iterator[Complaint]:
        """An index that is no constant: it must be known to be no name that the template spells."""
        if flags & PRIVATE:
            yield _escape(node.at, "the template reaches an attribute, behind which Python lies, by a name that it set")
        elif flags & (MADE | OPEN):
            yield _not_understood(node.at, "the template computes the name of what it reaches", out=bool(flags & MADE))

    def _call(self, node: Node, called: bool) -> Iterator[Complaint]:
        target = node.kids[0]
        if target.kind not in ("name", "attr"):
            yield _not_understood(node.at, "the template calls something that has no name", out=True)
        elif target.kind == "name" and target.text == "range" and (count := length(node)) > MAX_RANGE:
            yield _denial(node.at, f"the template counts to {count}")

    def _filter(self, node: Node, called: bool) -> Iterator[Complaint]:
        if node.text == "attr":
            yield _escape(node.at, "the template reaches an attribute with the filter 'attr'")
        elif node.text not in FILTERS:
            yield _not_understood(node.at, f"the template uses the filter {printable(node.text)!r}")
        elif node.text in BY_ATTRIBUTE:
            yield from self._by_attribute(node)
        if node.text in ("map", "select", "reject", "selectattr", "rejectattr"):
            yield from self._by_name(node)

    def _by_attribute(self, node: Node) -> Iterator[Complaint]:
        places = [node.kids[n] for n in BY_ATTRIBUTE[node.text] if n < len(node.kids)]
        for given in [*places, *(node.named[key] for key in ("attribute",) if key in node.named)]:
            key = constant(given)
            if isinstance(key, str) and any(INTERNAL.match(piece) for piece in key.split(".")):
                yield _escape(node.at, f"the filter {node.text!r} reaches the attribute {printable(key)!r}")
            elif not isinstance(key, str | int):
                yield _not_understood(node.at, f"the filter {node.text!r} reads an attribute whose name is computed")

    def _by_name(self, node: Node) -> Iterator[Complaint]:
        first = 2 if node.text.endswith("attr") else 1
        if len(node.kids) <= first:
            return
        name, known = constant(node.kids[first]), FILTERS - {"map"} if node.text == "map" else TESTS | OPERATORS
        if not isinstance(name, str) or name not in known:
            yield _not_understood(node.at, f"{node.text!r} applies {printable(str(name))!r}, which is not known")

    def _test(self, node: Node, called: bool) -> Iterator[Complaint]:
        if node.text not in TESTS:
            yield _not_understood(node.at, f"the template uses the test {printable(node.text)!r}")

    def _const(self, node: Node, called: bool) -> Iterator[Complaint]:
        if isinstance(node.value, int | float) and abs(node.value) > MAX_NUMBER:
            yield _denial(node.at, f"the template holds the number {node.value:g}")
        elif isinstance(node.value, str) and re.search(r"\{[^{}]{0,40}[.\[]\s*_|%\(?[^)%]{0,20}\)?\d{6,}", node.value):
            yield _not_understood(node.at, "a text of the template is a format that walks attributes")

    def _op(self, node: Node, called: bool) -> Iterator[Complaint]:
        if node.text == "**":
            yield _denial(node.at, "the template raises numbers to a power")
        elif node.text == "*args":
            yield _not_understood(node.at, "the template passes arguments that cannot be seen")
        elif node.text == "*" and (isinstance(value := constant(node), str | int)):
            if isinstance(value, int) and abs(value) > MAX_NUMBER:
                yield _denial(node.at, f"the template computes the number {value}")
        elif node.text == "*" and any(isinstance(constant(kid), int) for kid in node.kids):
            numbers = [kid for kid in map(constant, node.kids) if isinstance(kid, int)]
            if any(abs(n) > MAX_RANGE for n in numbers):
                yield _denial(node.at, "the template repeats a value without measure")


OPERATORS = frozenset(("==", "!=", "<", "<=", ">", ">="))


def _walker(node: Node, name: str) -> Complaint:
    message = f"the template keeps the method {printable(name)!r}, which walks attributes"
    return _not_understood(node.at, message, out=True)


def _tag(statement: Statement) -> Complaint:
    reads = "reads other files" if statement.tag in ("include", "import", "from", "extends") else "is not known"
    return _not_understood(statement.at, f"the template's statement {printable(statement.tag)!r} {reads}")


def read(walk: Walk, text: str, path: str) -> None:
    """Read a file that is one template: Jinja's, or Go's, which runs nothing, where the name does not say which."""
    walk_text(walk, "chat_template" if SURE.search(name_of(path or walk.name)) else "template", text, path)
