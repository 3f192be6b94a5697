"""Persistent ids as torch writes them: a storage, or a module's class in the form of torch before 1.6."""

from __future__ import annotations

from typing import Any

from .opcodes import Global, Seq


def container(pid: Any) -> Global | None:
    """The class of a module in the form of torch before 1.6: ('module', class, file, source)."""
    if not isinstance(pid, Seq) or pid.kind != "tuple" or pid.count != 4 or pid.items[0] != "module":
        return None
    return pid.items[1] if isinstance(pid.items[1], Global) else None


def storage(pid: Any) -> bool:
    """Whether a persistent id is a torch storage: ('storage', type, key, location, size, …)."""
    if not isinstance(pid, Seq) or pid.kind != "tuple" or not pid.items:
        return False
    return isinstance(pid.items[0], str) and pid.items[0] == "storage"
