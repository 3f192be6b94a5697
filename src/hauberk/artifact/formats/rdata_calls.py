"""What a stored call would run besides the function that it names: functions handed over as names, texts or values.

R looks a function up by a text in `na.action`, `family`, `method` and their like (`get(na.action)`, `match.fun`), and
takes the first function of a name from a list that is the data of a model: `lm(c("id") ~ 1, data = list(c = system))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import rdata_names as names

LOOKED_UP = frozenset(("na.action", "family", "method", "FUN", "fun", "f", "fn", "model", "distribution", "link"))
"""Arguments in which fitting functions take a function, or the text that names it."""
CONTAINERS = frozenset(("list", "c", "cbind", "rbind", "pairlist"))
TEXTS = frozenset(("paste", "paste0", "substr", "rev", "["))
"""Calls that make up a text."""


@dataclass(frozen=True)
class Name:
    """A symbol."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call: what it calls, and its arguments."""

    head: Any
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Singleton:
    """A value of which there is but one."""

    kind: int


UNBOUND = Singleton(252)
"""The value of a promise that was not kept yet."""


def title(head: Any) -> str:
    """The function that a call names, `package::` or not; '' when it is computed."""
    if isinstance(head, Call) and head.head == Name("::"):
        head = head.arguments[1] if len(head.arguments) == 2 else None
    return head.text if isinstance(head, Name) else ""


def trick(head: str, arguments: Sequence[Any], tags: Sequence[str]) -> str:
    """What a call of a harmless function would run all the same; '' when nothing.

    >>> trick("lm", [Name("y"), ("q",)], ["", "na.action"]), trick("list", [Name("system")], ["c"])
    ("'q', which its argument na.action names", "'system', which it calls 'c'")
    """
    for number, (value, tag) in enumerate(zip(arguments, tags, strict=True)):
        if head in CONTAINERS:
            if isinstance(value, Name) and tag and (value.text in names.DANGEROUS or tag in names.HARMLESS):
                return f"{value.text!r}, which it calls {tag!r}"
            if isinstance(value, Call) and tag in names.HARMLESS and title(value.head) not in names.HARMLESS:
                return f"what is computed, which it calls {tag!r}"
        elif head in names.FITTERS and number and (not tag or tag in LOOKED_UP):
            named = _named(value)
            if named in names.DANGEROUS:
                return f"{named!r}, which its argument {tag or number + 1} names"
            if isinstance(value, Call) and title(value.head) in TEXTS:
                return f"what its argument {tag or number + 1} names, a text that is computed"
    return ""


def _named(value: Any) -> str:
    if isinstance(value, Name):
        return value.text
    return value[0] if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], str) else ""
