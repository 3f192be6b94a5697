"""Opcodes that import, call, or write attributes: what makes a pickle a program."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .opcodes import Broken, Global, Opaque, Seq
from .table import op, push

if TYPE_CHECKING:
    from .machine import Machine


@cache
def _python_2() -> ModuleType:
    import _compat_pickle

    return _compat_pickle


def find(m: Machine, module: str, name: str) -> Global:
    """Resolve a global as `find_class` does: protocols below 3 read Python 2 names."""
    if m.proto < 3:
        names = _python_2()
        if (module, name) in names.NAME_MAPPING:
            module, name = names.NAME_MAPPING[module, name]
        else:
            module = names.IMPORT_MAPPING.get(module, module)
    found = Global(module, name, m.steps)
    m.watcher.mention(found)
    return found


def _call(m: Machine, use: str, target: Any, args: Any) -> None:
    m.stack.append(m.watcher.call(use, target, args, m.steps))


push(0x50, lambda m: m.watcher.persistent(m.line().decode("latin-1"), m.steps))  # PERSID
push(0x51, lambda m: m.watcher.persistent(m.pop(), m.steps))  # BINPERSID
push(0x82, lambda m: m.watcher.extension(m.number(1), m.steps))  # EXT1
push(0x83, lambda m: m.watcher.extension(m.number(2), m.steps))  # EXT2
push(0x84, lambda m: m.watcher.extension(m.number(4), m.steps))  # EXT4
push(0x63, lambda m: find(m, m.text(m.line()), m.text(m.line())))  # GLOBAL


@op(0x93)
def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    if isinstance(name, str) and isinstance(module, str):
        m.stack.append(find(m, module, name))
    elif any(not isinstance(part, str) and _never_text(part) for part in (name, module)):
        raise Broken("STACK_GLOBAL of what is not text", m.steps)
    else:
        m.stack.append(m.watcher.computed(module, name, m.steps))


def _never_text(value: Any) -> bool:
    """Whether no reader could have text here; the result of a call, or of an application, may be one."""
    return isinstance(value, Seq | Global | memoryview | int | float | None)


@op(0x52)
def _reduce(m: Machine) -> None:
    args, target = m.pop(), m.pop()
    _call(m, "call", target, args)


@op(0x81)
def _newobj(m: Machine) -> None:
    args, target = m.pop(), m.pop()
    _call(m, "new", target, args)


@op(0x92)
def _newobj_ex(m: Machine) -> None:
    kwargs, args, target = m.pop(), m.pop(), m.pop()
    empty = isinstance(kwargs, Seq) and kwargs.kind == "dict" and kwargs.count == 0
    _call(m, "new", target, args if empty else Opaque("keywords", (args, kwargs)))


@op(0x69)
def _inst(m: Machine) -> None:
    target = find(m, m.text(m.line()), m.text(m.line()))  # the one in Python imports before it misses a mark
    _call(m, "call", target, Seq("tuple", m.pop_mark()))


@op(0x6F)
def _obj(m: Machine) -> None:
    items = m.pop_mark()
    if not items:
        raise Broken("OBJ without a class", m.steps)
    _call(m, "call", items[0], Seq("tuple", items[1:]))


@op(0x62)
def _build(m: Machine) -> None:
    state, target = m.pop(), m.top()
    m.watcher.build(target, state, m.steps)
    m.watcher.after_build(m)
