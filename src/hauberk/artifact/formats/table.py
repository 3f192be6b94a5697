"""The table of a pickle machine's steps, and how a step gets into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .machine import Machine

Step = Callable[["Machine"], None]
STEPS: list[Step | None] = [None] * 256
"""What each opcode does, by its byte. None: the byte is no opcode."""


def op(code: int) -> Callable[[Step], Step]:
    """Decorate the step of an opcode."""

    def keep(step: Step) -> Step:
        STEPS[code] = step
        return step

    return keep


def push(code: int, value: Callable[[Machine], Any]) -> None:
    """An opcode that does no more than put a value on the stack."""

    def step(m: Machine) -> None:
        made = value(m)  # first, for it may put another stack in place
        m.stack.append(made)

    STEPS[code] = step


def push_constant(code: int, value: Callable[[Machine], Any]) -> None:
    """An opcode that puts bytes or text on the stack, which the watcher is shown."""

    def step(m: Machine) -> None:
        m.constant(value(m))

    STEPS[code] = step
