"""Which names a template may read before it has bound them: those come from outside, from whoever renders it.

Source of the rules: jinja2/idtracking.py of Jinja 3.1. `if` opens no scope, and a name is bound behind it only when
every branch binds it; everything else that ends opens one.
"""

from __future__ import annotations

from collections.abc import Iterator

from .jinja_statements import BLOCKS, Statement
from .jinja_tree import Node

CONDITIONAL = "if"
GIVEN = {"for": ("loop",), "macro": ("caller", "varargs", "kwargs")}
"""Names that Jinja itself binds in a block."""


class Scope:
    """A block that is open. outer: what was bound before it. branches: what each branch of an `if` has bound."""

    def __init__(self, tag: str, outer: set[str], after: list[str]) -> None:
        self.tag, self.outer, self.after = tag, outer, after
        self.branches: list[set[str]] = []
        self.whole = False

    def turn(self, bound: set[str], *, last: bool) -> set[str]:
        """Another branch begins."""
        self.branches.append(bound)
        self.whole |= last and self.tag == CONDITIONAL
        return set(self.outer)

    def close(self, bound: set[str]) -> set[str]:
        """What is bound behind the block."""
        if self.tag != CONDITIONAL:
            return self.outer | set(self.after)
        branches = [*self.branches, bound] if self.whole else [self.outer]
        return set.intersection(*branches)


def loose(found: list[Statement], always: frozenset[str]) -> set[int]:
    """The ids of the nodes that read a name which may not be bound there. always: names that nobody else can give."""
    bound: set[str] = set()
    opened: list[Scope] = []
    free: set[int] = set()
    for statement in found:
        own = statement.assigned if statement.tag == "for" else []
        for number, root in enumerate(statement.nodes):
            own_too = own if number else []  # the filter of a loop reads what its source gives
            free.update(id(n) for n in _names(root) if not (n.text in bound or n.text in always or n.text in own_too))
        bound = _after(statement, bound, opened)
    return free


def _after(statement: Statement, bound: set[str], opened: list[Scope]) -> set[str]:
    tag = statement.tag
    if tag.startswith("end") and opened:
        return opened.pop().close(bound)
    if tag in ("elif", "else") and opened:
        return opened[-1].turn(bound, last=tag == "else")
    if tag == "set" and statement.text != "block":
        bound.update(statement.assigned)
        return bound
    if tag in BLOCKS:
        opened.append(Scope(tag, bound, statement.assigned if tag == "set" else []))
        return bound.union(statement.assigned if tag != "set" else (), GIVEN.get(tag, ()))
    return bound


def _names(root: Node) -> Iterator[Node]:
    todo = [root]
    while todo:
        node = todo.pop()
        if node.kind == "name":
            yield node
        todo.extend(node.kids)
        todo.extend(node.named.values())
