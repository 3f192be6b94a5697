"""Every pickle opcode as a step of the symbolic machine, by its byte: here the stack, the memo and the containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import calls, literals
from .opcodes import Broken, Global, Seq
from .table import STEPS, op, push

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["STEPS", "calls", "literals"]

STEPS[0x5D] = lambda m: m.stack.append(Seq("list"))  # EMPTY_LIST
STEPS[0x29] = lambda m: m.stack.append(Seq("tuple"))  # EMPTY_TUPLE
STEPS[0x7D] = lambda m: m.stack.append(Seq("dict"))  # EMPTY_DICT
STEPS[0x8F] = lambda m: m.stack.append(Seq("set"))  # EMPTY_SET
push(0x91, lambda m: Seq("frozenset", m.pop_mark()))  # FROZENSET
push(0x6C, lambda m: Seq("list", m.pop_mark()))  # LIST
push(0x74, lambda m: Seq("tuple", m.pop_mark()))  # TUPLE
push(0x64, lambda m: Seq("dict", _pairs(m)))  # DICT
STEPS[0x85] = lambda m: _tuple(m, 1)  # TUPLE1
STEPS[0x86] = lambda m: _tuple(m, 2)  # TUPLE2
STEPS[0x87] = lambda m: _tuple(m, 3)  # TUPLE3


def _tuple(m: Machine, n: int) -> None:
    stack = m.stack
    items = stack[-n:]
    if len(items) < n:
        raise Broken("the stack underflows", m.steps)
    stack[-n:] = (Seq("tuple", items),)


@op(0x28)
def _mark(m: Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


@op(0x30)
def _pop(m: Machine) -> None:
    if m.stack:
        if isinstance(gone := m.stack.pop(), Global):
            m.watcher.pushed(gone, -1)
    else:
        m.pop_mark()


@op(0x31)
def _pop_mark(m: Machine) -> None:
    m.pop_mark()


@op(0x32)
def _dup(m: Machine) -> None:
    value = m.top()
    if type(value) is Global:
        m.watcher.pushed(value)
    m.stack.append(value)


def _pairs(m: Machine) -> list[Any]:
    items = m.pop_mark()
    if len(items) % 2:
        raise Broken("a dict has a key without a value", m.steps)
    return items


def _fill(m: Machine, items: list[Any], kind: str, how: str) -> None:
    """Put items into the top of the stack. With none to put, the C unpickler does not look what it is."""
    target = m.top()
    if type(target) is Seq and target.kind == kind:
        if m.dry:
            m.fill_copy(target, items)
        else:
            target.extend(items)
    elif type(target) is Seq and (target.kind != "list" or kind != "dict"):
        if items:
            raise Broken(f"{how} into a {target.kind}", m.steps)
    else:
        m.watcher.write(target, how, items, m.steps)


@op(0x61)
def _append(m: Machine) -> None:
    item = m.pop()
    _fill(m, [item], "list", "APPEND")


@op(0x65)
def _appends(m: Machine) -> None:
    items = m.pop_mark()
    _fill(m, items, "list", "APPENDS")


@op(0x90)
def _additems(m: Machine) -> None:
    items = m.pop_mark()
    _fill(m, items, "set", "ADDITEMS")


@op(0x73)
def _setitem(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    _fill(m, [key, value], "dict", "SETITEM")


@op(0x75)
def _setitems(m: Machine) -> None:
    items = _pairs(m)
    _fill(m, items, "dict", "SETITEMS")


def _index(m: Machine) -> int:
    """A memo index in decimal. The C unpickler reads no further than a NUL, the one in Python refuses it."""
    raw = m.line()
    if b"\0" in raw:
        m.doubt("a memo index holds a NUL")
        raw = raw.partition(b"\0")[0]
    try:
        found = int(raw)
    except ValueError as error:
        raise Broken("a memo index is not a number", m.steps) from error
    if found < 0:
        raise Broken("a memo index is negative", m.steps)
    return found


STEPS[0x70] = lambda m: m.remember(_index(m))  # PUT
STEPS[0x71] = lambda m: m.remember(m.number(1))  # BINPUT
STEPS[0x72] = lambda m: m.remember(m.number(4))  # LONG_BINPUT
STEPS[0x94] = lambda m: m.remember(len(m.memo))  # MEMOIZE
STEPS[0x67] = lambda m: m.recall(_index(m))  # GET
STEPS[0x68] = lambda m: m.recall(m.number(1))  # BINGET
STEPS[0x6A] = lambda m: m.recall(m.number(4))  # LONG_BINGET


@op(0x80)
def _proto(m: Machine) -> None:
    m.proto = m.number(1)
    if m.proto > 5:
        raise Broken(f"protocol {m.proto} does not exist", m.steps)


@op(0x95)
def _frame(m: Machine) -> None:
    if m.pos < m.frame_end:  # the C unpickler looks at no frame that it reads from bytes, the one in Python stops
        m.doubt("a frame begins inside another one")
    size = m.number(8)
    if size > m.end - m.pos:  # the C unpickler stops here, the one in Python goes on
        m.doubt("a frame is longer than the file")
    m.frame_end = max(m.frame_end, m.pos + size)
    m.stop = min(m.end, m.frame_end)
