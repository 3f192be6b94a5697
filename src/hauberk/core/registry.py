"""A lazy table of named things, and the plug-ins that join it by entry point.

Nothing is imported until it is asked for; nothing is found by walking folders.

>>> codecs = Registry("hauberk.examples", {"json": "json:dumps"})
>>> codecs.ids()
('json',)
>>> codecs.get("json")({})
'{}'
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(group: str) -> Iterable[EntryPoint]:
    """The installed entry points of a group. Imported late: it costs as much as a small scan."""
    from importlib import metadata

    return metadata.entry_points(group=group)


class Registry:
    """id -> `module:attribute`, ours first, then entry points of `group`."""

    def __init__(self, group: str, table: Mapping[str, str]) -> None:
        self.group, self._table = group, dict(table)
        self._plugins: dict[str, EntryPoint] | None = None

    def ids(self) -> tuple[str, ...]:
        """Every id, ours in table order, then the plug-ins' sorted."""
        return (*self._table, *sorted(self._joined()))

    def get(self, name: str) -> Any:
        """Import and return the thing. Raises InputError for an unknown id."""
        if name in self._table:
            module, _, attribute = self._table[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        plugins = self._joined()
        if name in plugins:
            return plugins[name].load()
        raise InputError(f"{name!r} is not in {self.group}", hint="known: " + ", ".join(self.ids()))

    def _joined(self) -> dict[str, EntryPoint]:
        if self._plugins is None:
            found: dict[str, EntryPoint] = {}
            for point in entry_points(group=self.group):
                if point.name in self._table or point.name in found:
                    raise InputError(
                        f"{self.group}: {point.name!r} is there twice (the second is {point.value})",
                        hint="uninstall one of the two packages",
                    )
                found[point.name] = point
            self._plugins = found
        return self._plugins
