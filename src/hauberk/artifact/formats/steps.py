"""Every pickle opcode as a step of the symbolic machine, by its byte."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .opcodes import Broken, Global, Opaque, Seq

if TYPE_CHECKING:
    from .machine import Machine

BIG_INT_BYTES = 1024
"""Longer integers are never argument values worth reading; they are kept as opaque."""

Step = Callable[["Machine"], None]
STEPS: list[Step | None] = [None] * 256


def _op(code: int) -> Callable[[Step], Step]:
    def keep(step: Step) -> Step:
        STEPS[code] = step
        return step

    return keep


def _push(code: int, value: Callable[[Machine], Any]) -> None:
    def step(m: Machine) -> None:
        made = value(m)  # first, for it may put another stack in place
        m.stack.append(made)

    STEPS[code] = step


def _push_constant(code: int, value: Callable[[Machine], Any]) -> None:
    def step(m: Machine) -> None:
        m.constant(value(m))

    STEPS[code] = step


def _decimal(m: Machine, raw: bytes) -> Any:
    try:
        return int(raw, 0) if len(raw) <= BIG_INT_BYTES else Opaque("int")
    except ValueError as error:
        raise Broken(f"{raw[:20]!r} is not an integer", m.steps) from error


def _int_line(m: Machine) -> Any:
    raw = m.line()
    return {b"00": False, b"01": True}.get(raw) if raw in (b"00", b"01") else _decimal(m, raw)


def _long_line(m: Machine) -> Any:
    raw = m.line()
    return _decimal(m, raw[:-1] if raw.endswith(b"L") else raw)


def _long(m: Machine, n: int) -> Any:
    raw = m.take(n)
    return Opaque("int") if n > BIG_INT_BYTES else int.from_bytes(raw, "little", signed=True)


def _float_line(m: Machine) -> float:
    raw = m.line()
    try:
        return float(raw)
    except ValueError as error:
        raise Broken(f"{raw[:20]!r} is not a number", m.steps) from error


def _string_line(m: Machine) -> str:
    raw = m.line().rstrip(b"\r")
    if len(raw) < 2 or raw[0] != raw[-1] or raw[:1] not in b"'\"":
        raise Broken("the STRING argument is not quoted", m.steps)
    try:
        return codecs.escape_decode(raw[1:-1])[0].decode("latin-1")
    except ValueError as error:
        raise Broken("the STRING argument has a bad escape", m.steps) from error


def _unicode_line(m: Machine) -> str:
    try:
        return m.line().decode("raw-unicode-escape")
    except UnicodeDecodeError as error:
        raise Broken("the UNICODE argument has a bad escape", m.steps) from error


def _signed4(m: Machine) -> int:
    size = int.from_bytes(m.take(4), "little", signed=True)
    if size < 0:
        raise Broken("a length is negative", m.steps)
    return size


def _again(m: Machine, value: Any) -> Any:
    if isinstance(value, Global):
        m.watcher.pushed(value)
    return value


_push(0x4E, lambda m: None)  # NONE
_push(0x88, lambda m: True)  # NEWTRUE
_push(0x89, lambda m: False)  # NEWFALSE
_push(0x49, _int_line)  # INT
_push(0x4A, lambda m: int.from_bytes(m.take(4), "little", signed=True))  # BININT
_push(0x4B, lambda m: m.number(1))  # BININT1
_push(0x4D, lambda m: m.number(2))  # BININT2
_push(0x4C, _long_line)  # LONG
_push(0x8A, lambda m: _long(m, m.number(1)))  # LONG1
_push(0x8B, lambda m: _long(m, _signed4(m)))  # LONG4
_push(0x46, _float_line)  # FLOAT
_push(0x47, lambda m: struct.unpack(">d", m.take(8))[0])  # BINFLOAT
_push_constant(0x53, _string_line)  # STRING
_push_constant(0x54, lambda m: m.take(_signed4(m)).tobytes().decode("latin-1"))  # BINSTRING
_push_constant(0x55, lambda m: m.take(m.number(1)).tobytes().decode("latin-1"))  # SHORT_BINSTRING
_push_constant(0x42, lambda m: m.take(m.number(4)))  # BINBYTES
_push_constant(0x43, lambda m: m.take(m.number(1)))  # SHORT_BINBYTES
_push_constant(0x8E, lambda m: m.take(m.number(8)))  # BINBYTES8
_push_constant(0x96, lambda m: m.take(m.number(8)))  # BYTEARRAY8
_push_constant(0x56, _unicode_line)  # UNICODE
_push_constant(0x58, lambda m: m.text(m.take(m.number(4))))  # BINUNICODE
_push_constant(0x8C, lambda m: m.text(m.take(m.number(1))))  # SHORT_BINUNICODE
_push_constant(0x8D, lambda m: m.text(m.take(m.number(8))))  # BINUNICODE8
_push(0x97, lambda m: Opaque("buffer"))  # NEXT_BUFFER
_push(0x5D, lambda m: Seq("list"))  # EMPTY_LIST
_push(0x29, lambda m: Seq("tuple"))  # EMPTY_TUPLE
_push(0x7D, lambda m: Seq("dict"))  # EMPTY_DICT
_push(0x8F, lambda m: Seq("set"))  # EMPTY_SET
_push(0x91, lambda m: Seq("frozenset", m.pop_mark()))  # FROZENSET
_push(0x6C, lambda m: Seq("list", m.pop_mark()))  # LIST
_push(0x74, lambda m: Seq("tuple", m.pop_mark()))  # TUPLE
_push(0x85, lambda m: Seq("tuple", [m.pop()]))  # TUPLE1
_push(0x86, lambda m: Seq("tuple", [m.pop(), m.pop()][::-1]))  # TUPLE2
_push(0x87, lambda m: Seq("tuple", [m.pop(), m.pop(), m.pop()][::-1]))  # TUPLE3
_push(0x32, lambda m: _again(m, m.top()))  # DUP
_push(0x50, lambda m: m.watcher.persistent(m.line().decode("latin-1"), m.steps))  # PERSID
_push(0x51, lambda m: m.watcher.persistent(m.pop(), m.steps))  # BINPERSID
_push(0x82, lambda m: m.watcher.extension(m.number(1), m.steps))  # EXT1
_push(0x83, lambda m: m.watcher.extension(m.number(2), m.steps))  # EXT2
_push(0x84, lambda m: m.watcher.extension(m.number(4), m.steps))  # EXT4
_push(0x63, lambda m: m.find(m.text(m.line()), m.text(m.line())))  # GLOBAL


@_op(0x80)
def _proto(m: Machine) -> None:
    m.proto = m.number(1)
    if m.proto > 5:
        raise Broken(f"protocol {m.proto} does not exist", m.steps)


@_op(0x95)
def _frame(m: Machine) -> None:
    size = m.number(8)
    if size > m.end - m.pos:  # the C unpickler stops here, the Python one (joblib's) goes on: so do we
        m.late = m.late or Broken("a frame is longer than the file", m.steps)
    m.frame_end = max(m.frame_end, m.pos + size)


@_op(0x98)
def _readonly_buffer(m: Machine) -> None:
    m.top()


@_op(0x28)
def _mark(m: Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


@_op(0x30)
def _pop(m: Machine) -> None:
    if m.stack:
        if isinstance(gone := m.stack.pop(), Global):
            m.watcher.pushed(gone, -1)
    else:
        m.pop_mark()


@_op(0x31)
def _pop_mark(m: Machine) -> None:
    m.pop_mark()


@_op(0x64)
def _dict(m: Machine) -> None:
    items = m.pop_mark()
    if len(items) % 2:
        raise Broken("a dict has a key without a value", m.steps)
    m.stack.append(Seq("dict", items))


def _fill(m: Machine, target: Any, items: list[Any], kinds: str, how: str) -> None:
    if isinstance(target, Seq):
        if target.kind not in kinds:
            raise Broken(f"{how} into a {target.kind}", m.steps)
        target.extend(items)
    else:
        m.watcher.write(target, how, m.steps)


@_op(0x61)
def _append(m: Machine) -> None:
    item = m.pop()
    _fill(m, m.top(), [item], "list", "APPEND")


@_op(0x65)
def _appends(m: Machine) -> None:
    items = m.pop_mark()
    _fill(m, m.top(), items, "list", "APPENDS")


@_op(0x90)
def _additems(m: Machine) -> None:
    items = m.pop_mark()
    _fill(m, m.top(), items, "set", "ADDITEMS")


@_op(0x73)
def _setitem(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    _fill(m, m.top(), [key, value], "dict", "SETITEM")


@_op(0x75)
def _setitems(m: Machine) -> None:
    items = m.pop_mark()
    if len(items) % 2:
        raise Broken("a dict has a key without a value", m.steps)
    _fill(m, m.top(), items, "dict", "SETITEMS")


def _index(m: Machine) -> int:
    found = _decimal(m, m.line())
    if not isinstance(found, int) or found < 0:
        raise Broken("a memo index is not a number", m.steps)
    return found


STEPS[0x70] = lambda m: m.remember(_index(m))  # PUT
STEPS[0x71] = lambda m: m.remember(m.number(1))  # BINPUT
STEPS[0x72] = lambda m: m.remember(m.number(4))  # LONG_BINPUT
STEPS[0x94] = lambda m: m.remember(len(m.memo))  # MEMOIZE
STEPS[0x67] = lambda m: m.recall(_index(m))  # GET
STEPS[0x68] = lambda m: m.recall(m.number(1))  # BINGET
STEPS[0x6A] = lambda m: m.recall(m.number(4))  # LONG_BINGET


@_op(0x93)
def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Broken("STACK_GLOBAL of what is not text", m.steps)
    m.stack.append(m.find(module, name))


@_op(0x52)
def _reduce(m: Machine) -> None:
    args, target = m.pop(), m.pop()
    m.call("call", target, args)


@_op(0x81)
def _newobj(m: Machine) -> None:
    args, target = m.pop(), m.pop()
    m.call("new", target, args)


@_op(0x92)
def _newobj_ex(m: Machine) -> None:
    kwargs, args, target = m.pop(), m.pop(), m.pop()
    m.call("new", target, args if _empty(kwargs) else Opaque("keywords", (args, kwargs)))


def _empty(kwargs: Any) -> bool:
    return isinstance(kwargs, Seq) and kwargs.kind == "dict" and kwargs.count == 0


@_op(0x69)
def _inst(m: Machine) -> None:
    module, name = m.text(m.line()), m.text(m.line())
    args = Seq("tuple", m.pop_mark())
    m.call("call", m.find(module, name), args)


@_op(0x6F)
def _obj(m: Machine) -> None:
    items = m.pop_mark()
    if not items:
        raise Broken("OBJ without a class", m.steps)
    m.call("call", items[0], Seq("tuple", items[1:]))


@_op(0x62)
def _build(m: Machine) -> None:
    state, target = m.pop(), m.top()
    m.watcher.build(target, state, m.steps)
    m.watcher.after_build(m)
