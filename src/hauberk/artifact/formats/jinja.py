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
from collections.abc import Iterator
from dataclasses import dataclass

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import hidden
from .jinja_statements import READERS, Statement, statements
from .jinja_tree import Node, builds_text, constant, length, turns
from .opcodes import Broken

GLOBALS = frozenset(("range", "dict", "namespace", "joiner", "cycler", "raise_exception", "strftime_now", "caller"))
"""Functions that Jinja and transformers give to a template; `lipsum`, `self` and the rest are not among them."""
FUNCTION_OBJECTS = frozenset(("lipsum", "cycler", "joiner", "namespace", "self", "config", "request", "url_for",
                              "get_flashed_messages", "raise_exception", "strftime_now", "range", "dict"))  # fmt: skip
"""Objects from which a template walks to Python's modules; honest ones only call those that can be called."""
METHODS = frozenset((
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "replace", "upper",
    "lower", "title", "capitalize", "find", "rfind", "index", "count", "join", "isdigit", "isalpha", "isspace",
    "isupper", "islower", "isnumeric", "isalnum", "removeprefix", "removesuffix", "partition", "rpartition",
    "items", "keys", "values", "get", "append", "extend", "insert", "pop", "update", "copy", "next", "cycle",
    "setdefault", "clear", "remove", "reverse", "changed", "swapcase", "casefold", "strftime", "isoformat",
))  # fmt: skip
"""Methods of text, lists, dicts, times and `loop` that compute and do nothing else. `format` walks attributes."""
FILTERS = frozenset((
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat", "first",
    "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower",
    "map", "max", "min", "pprint", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
    "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate", "unique",
    "upper", "urlencode", "wordcount", "wordwrap", "xmlattr", "from_json", "fromjson", "strftime", "center",
))  # fmt: skip
"""Jinja's own filters without `attr`, `random` and `urlize`, and `tojson` as transformers has it."""
TESTS = frozenset((
    "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "escaped", "even", "false", "filter", "float",
    "ge", "gt", "greaterthan", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none",
    "None", "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper", "contains",
))  # fmt: skip
BY_ATTRIBUTE = {"map": (), "selectattr": (1,), "rejectattr": (1,), "groupby": (1,), "sum": (1,), "join": (2,),
                "sort": (3,), "unique": (2,), "max": (2,), "min": (2,)}  # fmt: skip
"""Filters that read an attribute by its name: the argument's place, or `attribute=`."""
ASKS = ("defined", "undefined", "none", "callable")
"""Tests that ask whether a function is there, and hand out nothing of it."""
INTERNAL = re.compile(
    r"_|mro$|(func|f|gi|cr|ag|tb|co|im)_(code|globals|closure|defaults|frame|self|func|builtins|back|locals)"
)
"""Attributes that Jinja's sandbox refuses, and those of frames and tracebacks."""
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
    """Something in a template. at: where in its text."""

    rule: str
    severity: Severity
    at: int
    message: str
    references: tuple[str, ...]


def walk_template(walk: Walk, text: str, path: str, part: str = "") -> None:
    """Tell what is wrong with a template that stands at a place. What cannot be parsed is told as well."""
    told: set[tuple[str, str]] = set()
    for complaint in complaints(text):
        if (complaint.rule, complaint.message) in told or len(told) >= hidden.MAX_TOLD:
            continue
        told.add((complaint.rule, complaint.message))
        line = f"line {text.count(chr(10), 0, complaint.at) + 1}"
        place = Place(path, f"{part}, {line}" if part else line)
        remedy = "do not render prompts with this template; take the one that the model's author publishes"
        walk.flaw(complaint.rule, complaint.severity, place, complaint.message, remedy, complaint.references)


GO = re.compile(r"\{\{-?\s*(?:\.|\$|(?:if|range|with|else|end|define|block|template|printf)\b)")
"""How Go's templates read, which Ollama renders and which call nothing."""
SUSPECT = re.compile(
    r"__|\\x5f|\\u005f|\\137|\battr\b|\b(?:lipsum|cycler|joiner|self|request|config)\b|\b(?:popen|system|eval|exec)\b"
)


def walk_text(walk: Walk, key: str, text: str, path: str) -> None:
    """Walk a text that stands under a key of some configuration, if a runtime might render it as a template.

    Under a key that says `template` everything is told; elsewhere, where braces may mean many things, ways out alone.
    """
    if "{{" not in text and "{%" not in text:
        return
    told = "chat_template" in key or ("template" in key and not GO.search(text))
    if not told and SUSPECT.search(text):
        told = any(complaint.severity is Severity.CRITICAL for complaint in complaints(text))
    if told:
        walk_template(walk, text, path, printable(key, 60))


def complaints(text: str) -> Iterator[Complaint]:
    """What is wrong with a template."""
    if len(text) > MAX_TEMPLATE:
        yield _not_understood(0, f"the template has {len(text)} characters, the limit is {MAX_TEMPLATE}")
        return
    try:
        found = list(statements(text))
    except Broken as error:
        yield _not_understood(error.at, f"Jinja could not read this template, and neither can we: {error}")
        if re.search(r"__\w+__", text):
            yield _escape(0, "the template names attributes between double underscores")
        return
    macros = {s.macro for s in found if s.macro}
    assigned = {name for s in found for name in s.assigned}
    yield from Judge(macros, assigned).judge(found)


def _not_understood(at: int, message: str) -> Complaint:
    return Complaint("artifact.template.unknown", Severity.HIGH, at, message, ("CWE-94",))


def _escape(at: int, message: str) -> Complaint:
    return Complaint("artifact.template.escape", Severity.CRITICAL, at, message, ESCAPE_REFERENCES)


def _denial(at: int, message: str) -> Complaint:
    return Complaint("artifact.template.denial", Severity.MEDIUM, at, message, DENIAL_REFERENCES)


class Judge:
    """Judges statements. macros: the template's own; assigned: every name that it sets, in any scope."""

    def __init__(self, macros: set[str], assigned: set[str]) -> None:
        self.macros, self.assigned = macros, assigned
        self.callable = (GLOBALS | macros) - assigned

    def judge(self, found: list[Statement]) -> Iterator[Complaint]:
        """Every complaint."""
        for statement in found:
            known = statement.tag in READERS or statement.tag.startswith("end") or statement.tag in ("print", "text")
            if not known:
                yield _tag(statement)
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
        elif not called and name in FUNCTION_OBJECTS - self.assigned - self.macros:
            yield _not_understood(node.at, f"the template handles the object {name!r} instead of calling it")

    def _attr(self, node: Node, called: bool) -> Iterator[Complaint]:
        if INTERNAL.match(node.text):
            yield _escape(
                node.at, f"the template reaches the attribute {printable(node.text)!r}, behind which Python lies"
            )
        elif called and node.text not in METHODS:
            yield _not_understood(node.at, f"the template calls the method {printable(node.text)!r}")
        elif not called and node.text in ("format", "format_map"):
            yield _not_understood(node.at, f"the template keeps the method {node.text!r}, which walks attributes")

    def _item(self, node: Node, called: bool) -> Iterator[Complaint]:
        for index in node.kids[1:]:
            key = constant(index)
            if isinstance(key, str) and INTERNAL.match(key):
                yield _escape(
                    node.at, f"the template reaches the attribute {printable(key)!r}, behind which Python lies"
                )
            elif key is None and builds_text(index):
                yield _not_understood(node.at, "the template computes the name of what it reaches")

    def _call(self, node: Node, called: bool) -> Iterator[Complaint]:
        target = node.kids[0]
        if target.kind not in ("name", "attr"):
            yield _not_understood(node.at, "the template calls something that has no name")
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


def _tag(statement: Statement) -> Complaint:
    reads = "reads other files" if statement.tag in ("include", "import", "from", "extends") else "is not known"
    return _not_understood(statement.at, f"the template's statement {printable(statement.tag)!r} {reads}")


def read(walk: Walk, text: str, path: str) -> None:
    """Read a file that is one template."""
    walk_template(walk, text, path)
