"""A worker process that confines itself for good, before it parses what a stranger made.

Formats that run in the process that measures them (ONNX, TorchScript, `.pt2`) meet native parsers and runtimes: a fault
there must reach no network and no file but those that the audit was given.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .cell import LANDLOCK, SECCOMP, Plan, confine
from .sandbox import STRENGTHS, best_means

NO_BOUND = 1 << 46
"""Address space of a worker, which holds the user's own data too: as large as the hardware's."""

_worker: int | None = None
_confined = False


def is_a_worker() -> None:
    """Say that this process serves jobs only, so that it may be confined. `run.worker` calls this."""
    global _worker
    _worker = os.getpid()


def confine_worker(reads: Iterable[Path]) -> str:
    """Confine this process, once: it can read `reads` and its libraries, write nothing, reach nobody, start nothing.

    Returns what confines it, as `Sandbox.strength`; '' in a process that is no worker, where the kernel lacks
    Landlock or seccomp, or where a thread was started already, which would stay free: call it before numerical
    libraries are imported. Raises RuntimeError or OSError when it cannot be had for another reason.
    """
    global _confined
    if _worker != os.getpid() or best_means() != (LANDLOCK, SECCOMP):
        return ""
    if not _confined:
        if len(os.listdir("/proc/self/task")) != 1:
            return ""
        confine(Plan(reads=tuple(str(path.resolve()) for path in reads if path.exists()), memory_bytes=NO_BOUND))
        _confined = True
    return STRENGTHS[(LANDLOCK, SECCOMP)]
