"""HTML that cannot be injected into: text is escaped unless it is `Markup`, which only `tag` makes.

>>> tag("p", "a < b", class_="note")
'<p class="note">a &lt; b</p>'
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..words import clean

VOID = frozenset({"meta", "img", "br", "hr"})
MAX_ATTRIBUTE = 100_000
"""Characters; a line of a chart takes about 10,000."""
Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Any value as HTML text: nothing hidden, nothing that a browser could take for markup."""
    return value if isinstance(value, Markup) else Markup(escape(clean(str(value)), quote=True))


def tag(name: str, /, *children: object, **attributes: Attribute) -> Markup:
    """An element. Children that are not Markup are escaped, None is left out.

    Attributes: `class_` is class, `aria_label` is aria-label; False and None are left out, True stands bare.
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{head}>")
    return Markup(f"<{head}>{''.join(text(child) for child in children if child is not None)}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{shown if isinstance(value, Markup) else escape(clean(shown, MAX_ATTRIBUTE), quote=True)}"'


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Parts one after another."""
    return Markup(between.join(text(part) for part in parts if part is not None))
