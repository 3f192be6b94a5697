"""What a pickle's symbolic values are, and the errors that end its program.

Nothing here is the value that an unpickler would build: a `Global` is a name that would be imported, a `Made`
is the unknown result of a call, and a `Seq` keeps how many items it has and the first few of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import InputError

KEPT = {"dict": 8192, "tuple": 256}
"""Items of a container that are kept: enough for every attribute of an honest instance and any argument list."""
KEPT_ELSE = 64


class Broken(InputError):
    """The bytes cannot be read further: here a loader would raise as well, after whatever ran before."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.at = at


class Global:
    """A name that loading imports, as the unpickler resolves it."""

    __slots__ = ("at", "dotted", "module", "name")

    def __init__(self, module: str, name: str, at: int) -> None:
        self.module, self.name, self.at = module, name, at
        self.dotted = f"{module}.{name}"

    def __repr__(self) -> str:
        return self.dotted


class Seq:
    """A list, tuple, dict, set or frozenset: how many items, and the first `KEPT` of them (keys and values in turn).

    items: taken over, not copied. noted: what each rule found out about it, and how many items it had then, for a
    program may show it to the same rule a hundred thousand times.
    """

    __slots__ = ("count", "items", "kind", "noted")

    def __init__(self, kind: str, items: list[Any] | None = None) -> None:
        self.kind = kind
        self.noted: dict[str, tuple[int, Any]] | None = None
        self.items: list[Any] = [] if items is None else items
        self.count = len(self.items)
        if self.count > KEPT_ELSE:
            del self.items[KEPT.get(kind, KEPT_ELSE) :]

    def extend(self, items: list[Any]) -> None:
        """More items."""
        self.count += len(items)
        kept = self.items
        kept += items
        if len(kept) > KEPT_ELSE:
            del kept[KEPT.get(self.kind, KEPT_ELSE) :]

    def note(self, rule: str, find: Callable[[], Any]) -> Any:
        """What `rule` finds out about it: once, unless it has grown since."""
        if self.noted is None:
            self.noted = {}
        if (known := self.noted.get(rule)) is None or known[0] != self.count:
            known = self.noted[rule] = self.count, find()
        return known[1]

    @property
    def whole(self) -> bool:
        """Whether every item was kept."""
        return self.count == len(self.items)

    def __repr__(self) -> str:
        left, right = {"list": ("[", "]"), "tuple": ("(", ")")}.get(self.kind, ("{", "}"))
        more = ", …" if self.count > 4 else ""
        return left + ", ".join(shown(item) for item in self.items[:4]) + more + right


class Made:
    """The result of a call that loading would make. cls: the class it is an instance of, where that is known.

    known: what a rule about its state found out.
    """

    __slots__ = ("args", "cls", "known", "maker", "state")

    def __init__(self, maker: Any, args: Any, cls: Any = None) -> None:
        self.maker, self.args, self.cls, self.state = maker, args, cls or maker, None
        self.known: Any = None

    def __repr__(self) -> str:
        return f"{shown(self.maker)}(…)"


class Opaque:
    """A value of a kind that is known, whose contents do not matter: a buffer, an extension, a persistent id."""

    __slots__ = ("inner", "kind")

    def __init__(self, kind: str, inner: Any = None) -> None:
        self.kind, self.inner = kind, inner

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def shown(value: Any, limit: int = 60) -> str:
    """A value in a few characters, for a message. Never follows nesting further than two levels."""
    if isinstance(value, Made):
        maker = value.maker.dotted if isinstance(value.maker, Global) else "…"
        return f"{maker}(…)"
    if isinstance(value, Seq) and any(isinstance(item, Seq) for item in value.items[:4]):
        return f"<{value.kind} of {value.count}>"
    if isinstance(value, memoryview | bytes | str):
        value = value[:limit] if isinstance(value, str) else bytes(value[:limit])
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
