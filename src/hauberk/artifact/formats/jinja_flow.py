"""Where the texts of a template come from, followed through names, loops, macros and namespaces, without running it.

`x[name]` reaches an attribute of that name. So an index is understood when it is a number, a constant, or comes from
what every prompt is made of (`INPUTS`) and was only cut, never put together. Text that the template spells out piece
by piece is `MADE`; an input that other files of the model may set, as special tokens can, is `OPEN`.

All names of all scopes share one table and containers are one with what they hold: what is said of a value is never
too little. A dict's fields and a namespace's are told apart by their names alone.

>>> from .jinja_statements import statements
>>> found = list(statements("{% set k = '_' ~ 'x' %}{{ ''[k] }}{{ messages[0].role }}"))
>>> flow = Flow(found)
>>> flow.of(found[1].nodes[0].kids[1]) == MADE, flow.of(found[2].nodes[0])
(True, 0)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .jinja_names import COUNT, COUNTS, CUT, CUTS, FIELD, GIVES, HOLDS, LISTS, ONE, PUTS, SAME, TURNS
from .jinja_scopes import loose
from .jinja_statements import Statement
from .jinja_tree import Node, constant, ordered

ANY = ""
"""The field of which nobody knows what it is called."""
SPELLED, PRIVATE, MADE, OPEN, SPACE, DICT, DICTS = 1, 2, 4, 8, 16, 32, 64
"""A text of the template; one that names what Python keeps private; text put together; an input that may be set by
other files; a namespace; a dict; a list of dicts."""
TEXT = SPELLED | PRIVATE | MADE | OPEN
INTERNAL = re.compile(
    r"_|mro$|(func|f|gi|cr|ag|tb|co|im)_(code|globals|closure|defaults|frame|self|func|builtins|back|locals)"
)
"""Attributes that Jinja's sandbox refuses, and those of frames and tracebacks."""
INPUTS = frozenset(("messages", "tools", "documents", "add_generation_prompt"))
"""What runtimes always pass themselves, so that no file of the model can."""
MAX_ROUNDS, MAX_VISITS = 40, 3_000_000
"""Honest templates settle within six rounds of some ten thousand visits."""


class Flow:
    """The table of one template. settled: whether it was followed to its end."""

    def __init__(self, found: list[Statement]) -> None:
        self.statements = found
        self.names: dict[str, int] = {}
        self.fields: dict[str, int] = {}
        self.held = self.pool = 0
        self.values: dict[int, int] = {}
        self.macros = {s.macro: s.assigned for s in found if s.macro}
        self.answers = [name for s in found if s.tag == "call" for name in s.assigned]
        self.loose = loose(found, INPUTS)
        self.roots = [ordered(node) for s in found for node in s.nodes]
        self.numbers: set[int] = set()
        self.lists: set[int] = set()
        for node in (node for nodes in self.roots for node in nodes):
            self._type(node)
        self.counted = self._counted()
        self.settled = self._settle()

    def of(self, node: Node) -> int:
        """What a value may be, by flags; what was put into some container may be anywhere."""
        number = id(node) in self.numbers or (node.text in self.counted and id(node) not in self.loose)
        return self.values.get(id(node), MADE) | (0 if number else self.pool)

    def _counted(self) -> set[str]:
        """Names that hold nothing but numbers, wherever they are bound."""
        given = [name for s in self.statements if s.tag in ("macro", "call") for name in s.assigned]
        kinds = dict.fromkeys(given, False)
        for statement in self.statements:
            for name, node in statement.bound:
                number = node is not None and (id(node) in self.numbers or _ranges(node)) and name[0] != "."
                kinds[name] = kinds.get(name, True) and number
        return {name for name, number in kinds.items() if number}

    def _type(self, node: Node) -> None:
        """Note what can be nothing but a number, or a list: adding a text to one fails."""
        numbers = [id(kid) in self.numbers for kid in (*node.kids, *node.named.values())]
        lists = any(id(kid) in self.lists for kid in node.kids)
        if _counts(node, numbers):
            self.numbers.add(id(node))
        elif node.kind == "list" or node.text in (LISTS if node.kind == "filter" else ("+", "*") if lists else ()):
            self.lists.add(id(node))

    def _settle(self) -> bool:
        size = sum(map(len, self.roots)) + len(self.statements)
        for _ in range(min(MAX_ROUNDS, MAX_VISITS // (size or 1))):
            before = self._state()
            for nodes in self.roots:
                for node in nodes:
                    self.values[id(node)] = self._value(node)
            for statement in self.statements:
                self._bind(statement)
            if self._state() == before:
                return True
        return not size

    def _state(self) -> tuple[int, ...]:
        return sum(self.names.values()), sum(self.fields.values()), self.held, self.pool

    def _bind(self, statement: Statement) -> None:
        for target, node in statement.bound:
            value = MADE if node is None else self.values[id(node)]
            if statement.tag == "for" and node is not None:
                value = self._inside(value)
            if target[0] == ".":
                self._field(target[1:], value)
            else:
                self.names[target] = self.names.get(target, 0) | value

    def _field(self, name: str, value: int) -> None:
        self.fields[name] = self.fields.get(name, 0) | value
        self.held |= _kept(value) | spelled(name)

    def _inside(self, value: int) -> int:
        """What a value holds."""
        return _out(value) | (self.held if value & (SPACE | DICT) else 0)

    def _at(self, value: int, key: object) -> int:
        """What stands in a value under a key, or under any when the key is not known."""
        if not value & (SPACE | DICT):
            return _out(value)
        found = self.fields.get(key, 0) | self.fields.get(ANY, 0) if isinstance(key, str) else self.held
        return _out(value) | found

    def _value(self, node: Node) -> int:
        kids = [self.values[id(kid)] for kid in node.kids]
        named = {name: self.values[id(kid)] for name, kid in node.named.items()}
        reader = READERS.get(node.kind)
        return reader(self, node, kids, named) if reader else 0

    def _const(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        return spelled(node.value) if isinstance(node.value, str) and node.value else 0

    def _name(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        own = self.names.get(node.text, 0)
        if node.text in ("varargs", "kwargs"):
            return own | MADE
        return own | (OPEN if id(node) in self.loose else 0)

    def _attr(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        if node.kids[0].kind == "name" and node.kids[0].text == "loop":
            return self._looped() if node.text in ("previtem", "nextitem") else 0
        return self._at(kids[0], node.text)

    def _looped(self) -> int:
        sources = [value for s in self.statements if s.tag == "for" for _, value in s.bound if value]
        return _joined(_kept(self._inside(self.values.get(id(source), 0))) for source in sources)

    def _item(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        if any(kid.kind == "slice" for kid in node.kids[1:]):
            return kids[0] | (MADE if kids[0] & TEXT and id(node.kids[0]) not in self.lists else 0)
        return self._at(kids[0], constant(node.kids[1]) if len(node.kids) == 2 else None)

    def _cond(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        return kids[0] | kids[2]

    def _list(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        flags = _kept(_joined(kids))
        return flags & ~DICT | DICTS if flags & DICT else flags

    def _dict(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        for n in range(0, len(kids), 2):
            key = constant(node.kids[n])
            self._field(key if isinstance(key, str) else ANY, kids[n + 1])
            self.held |= _kept(kids[n])
        return DICT

    def _op(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        flags = _joined(kids)
        match node.text:
            case "and" | "or" | "*args":
                return flags
            case "~":
                return MADE
            case "+" if len(kids) == 2:
                return self._sum(node, flags)
            case "*" | "%" if flags & TEXT and id(node) not in self.numbers:
                return flags if id(node) in self.lists else flags | MADE
        return 0

    def _sum(self, node: Node, flags: int) -> int:
        """A number plus anything is a number, and a list plus anything a list."""
        if id(node) in self.numbers:
            return 0
        if id(node) in self.lists:
            return _kept(flags)
        return flags | (MADE if flags & TEXT else 0)

    def _filter(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        flags, name = kids[0], node.text
        if name in GIVES:
            flags |= _joined((*kids[1:], *named.values()))
        if name == "map":
            inner = constant(node.kids[1]) if len(kids) > 1 else "list"
            name, flags = str(inner), self._inside(flags) | named.get("default", 0)
        if name in COUNT:
            return _joined((*kids[1:], *named.values()))
        if name in SAME:
            flags |= DICT if flags & DICTS and name in ONE else 0
            return flags | (self.held if flags & (SPACE | DICT) else 0)
        if name in CUT:
            return flags | (MADE if flags & TEXT else 0)
        return MADE

    def _call(self, node: Node, kids: list[int], named: dict[str, int]) -> int:
        target, given = node.kids[0], _joined((*kids[1:], *named.values()))
        if target.kind == "attr":
            return self._method(node, target.text, self.values[id(target.kids[0])], given)
        name = target.text if target.kind == "name" else ""
        if name in self.macros or name == "caller":
            self._pass(name, kids[1:], named, given)
        if name in ("dict", "namespace"):
            for key, value in named.items():
                self._field(key, value)
            return (SPACE if name == "namespace" else DICT) | _kept(given)
        return _kept(given) if name == "cycler" else 0 if name == "range" else MADE

    def _pass(self, name: str, kids: list[int], named: dict[str, int], given: int) -> None:
        """Give a macro its arguments."""
        if name == "caller":
            pairs = [(parameter, given) for parameter in self.answers]
        else:
            pairs = [*zip(self.macros[name], kids, strict=False), *named.items()]
        for parameter, value in pairs:
            self.names[parameter] = self.names.get(parameter, 0) | value

    def _method(self, node: Node, name: str, base: int, given: int) -> int:
        if name in PUTS:
            self.pool |= _put(given | _joined(map(spelled, node.named)))
        if name in FIELD:
            return self._at(base, constant(node.kids[1]) if len(node.kids) > 1 else None) | given
        if name in HOLDS:
            return self._inside(base) | base & (SPACE | DICT) | _kept(given)
        if name in CUTS:
            return base | (MADE if base & TEXT else 0)
        return 0 if name in COUNTS | PUTS else MADE


READERS = {
    "const": Flow._const, "name": Flow._name, "attr": Flow._attr, "item": Flow._item, "cond": Flow._cond,
    "list": Flow._list, "dict": Flow._dict, "op": Flow._op, "filter": Flow._filter, "call": Flow._call,
}  # fmt: skip


def _counts(node: Node, kids: list[bool]) -> bool:
    """Whether a value is a number, or true or false, whatever its names hold. kids: which of its operands are."""
    match node.kind:
        case "const":
            return not isinstance(node.value, str)
        case "filter":  # what cannot be counted is what they are told to give then
            return node.text in COUNT and all(kids[1:])
        case "attr":
            return node.kids[0].kind == "name" and node.kids[0].text == "loop" and node.text in TURNS
        case "op":
            if node.text in ("+", "%"):
                return kids[0] or (node.text == "+" and any(kids))
            return node.text not in ("~", "and", "or", "*args") and (node.text != "*" or all(kids))
    return node.kind == "test"


def _ranges(node: Node) -> bool:
    return node.kind == "call" and node.kids[0].kind == "name" and node.kids[0].text == "range"


def spelled(text: str) -> int:
    """What a text of the template is."""
    return PRIVATE if INTERNAL.match(text) else SPELLED


def _kept(flags: int) -> int:
    """What a container holds of a value: an input that was put into one is one no longer."""
    return flags & ~OPEN | MADE if flags & OPEN else flags


def _put(flags: int) -> int:
    return flags | MADE if flags & (TEXT | SPACE | DICT | DICTS) else flags


def _out(flags: int) -> int:
    """What may come out of a container by itself; the characters of an input are harmless one by one."""
    return flags & ~OPEN | (DICT if flags & DICTS else 0)


def _joined(flags: Iterable[int]) -> int:
    found = 0
    for each in flags:
        found |= each
    return found
