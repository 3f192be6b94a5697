"""One scan of hostile bytes in a process of its own: how it ended, what it cost, and whether that is allowed.

A scan of any bytes ends with a verdict, or raises a HauberkError. It takes at most 2 CPU seconds a megabyte (and as
much for less) and 512 MB: time and memory are held by the kernel, so that a hang is an answer too.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import resource
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from hauberk.artifact.scan import scan
from hauberk.core.errors import HauberkError
from hauberk.core.limits import Limits

CPU_S, MEMORY = 2.0, 512 << 20
HARD_S = 20
FINE, RAISED, SLOW, LARGE = "fine", "raised", "slow", "large"
LIMITS = Limits(max_file_bytes=64 << 20, max_total_bytes=256 << 20)


@dataclass(frozen=True)
class Trial:
    """word: fine, raised, slow or large. verdict: held, broken, inconclusive or refused. told: a traceback."""

    word: str
    verdict: str
    cpu_s: float
    megabytes: int
    told: str = ""


def warm() -> None:
    """Import every format once, so that no fork has to."""
    from hauberk.artifact import formats

    for module in pkgutil.iter_modules(formats.__path__, formats.__name__ + "."):
        importlib.import_module(module.name)


def tried(data: bytes) -> Trial:
    """Scan bytes in a fork of this process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _child(data, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read().decode("utf-8", "replace")
    _, status, used = os.wait4(child, 0)
    cpu, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss >> 10
    verdict, _, trace = told.partition("\n")
    if not verdict:
        return Trial(SLOW if os.WIFSIGNALED(status) else RAISED, "none", cpu, megabytes, "it ended without an answer")
    if verdict == RAISED:
        return Trial(LARGE if "MemoryError" in trace else RAISED, "none", cpu, megabytes, trace)
    slow = cpu > CPU_S * max(1.0, len(data) / (1 << 20))
    return Trial(SLOW if slow else FINE, verdict, cpu, megabytes)


def _child(data: bytes, write: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (HARD_S, HARD_S + 1))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = RAISED
    try:
        told = answer(data)
    except BaseException:  # noqa: BLE001 - what a scan may not do is exactly this: it is written down and reported
        told = f"{RAISED}\n{traceback.format_exc()}"
    finally:
        os.write(write, told.encode("utf-8", "replace")[:60_000])
        sys.stdout.flush()
        os._exit(0)


def answer(data: bytes) -> str:
    """The verdict on some bytes: held, broken or inconclusive; refused when a HauberkError says so."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.bin")
        path.write_bytes(data)
        try:
            return str(scan(path, LIMITS).verdict.value)
        except HauberkError:
            return "refused"
