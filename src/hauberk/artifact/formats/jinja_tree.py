"""Jinja's expressions as trees, and what can be said of one without running it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Node:
    """kind: const, name, attr, item, slice, call, filter, test, op, cond, list, dict. text: a name or an operator.

    value: of a constant. kids: operands; first the object of an attr, item, call, filter or test, then arguments.
    named: keyword arguments.
    """

    kind: str
    at: int
    text: str = ""
    value: str | int | float | bool | None = None
    kids: list[Node] = field(default_factory=list)
    named: dict[str, Node] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Node({self.kind} {self.text})"


def constant(node: Node, depth: int = 0) -> str | int | float | None:
    """The value of an expression of constants; None where it has another one, or too large a one."""
    if node.kind == "const":
        return node.value if not isinstance(node.value, bool) else None
    if node.kind == "cond" or node.kind != "op" or len(node.kids) != 2 or depth > 60:
        return None
    left, right = constant(node.kids[0], depth + 1), constant(node.kids[1], depth + 1)
    if left is None or right is None:
        return None
    return _folded(node.text, left, right)


def _folded(operator: str, left: str | int | float, right: str | int | float) -> str | int | float | None:
    if operator == "~" or (operator == "+" and isinstance(left, str) and isinstance(right, str)):
        return (str(left) + str(right))[:200]
    if isinstance(left, str) or isinstance(right, str) or max(abs(left), abs(right)) > 1e30:
        return None
    if operator == "*":
        return left * right
    return left + right if operator == "+" else left - right if operator == "-" else None


def length(call: Node) -> int:
    """How far a call of `range` with constants counts; 0 when that cannot be said."""
    numbers = [n for n in map(constant, call.kids[1:4]) if isinstance(n, int)]
    if len(numbers) != len(call.kids) - 1 or not numbers or 0 in numbers[2:]:
        return 0
    return len(range(*numbers)) if max(map(abs, numbers)) < 1 << 60 else 1 << 60


def turns(loops: tuple[Node, ...]) -> int:
    """How often loops inside one another turn, as far as their sources are constant ranges."""
    times = 1
    for source in loops:
        if source.kind == "call" and source.kids[0].text == "range":
            times *= max(1, length(source))
    return times


def ordered(root: Node) -> list[Node]:
    """Every node of an expression, operands before what they are given to."""
    found, todo = [], [root]
    while todo:
        node = todo.pop()
        found.append(node)
        todo.extend(node.kids)
        todo.extend(node.named.values())
    return found[::-1]
