"""The child side of `Sandbox`: confine this process, prove it, say so, and only then run a module.

    python -m hauberk.run.cell MODULE ARGUMENTS…

The plan comes in the variable HAUBERK_CELL. Without it the strictest one holds: nothing to read but Python itself,
nothing to write, and no start where the machine cannot confine.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import runpy
import signal
import sys
from typing import Any, NamedTuple

from . import landlock, places, seccomp
from .kernel import give_up_privileges, hide_memory, machine, system_call
from .lifeline import die_with

PLAN_VARIABLE = "HAUBERK_CELL"
CONFINED = b"confined"
LANDLOCK, SECCOMP, BUBBLEWRAP = "landlock", "seccomp", "bubblewrap"
SOCKET = {"x86_64": 41, "aarch64": 198}
AF_INET, SOCK_DGRAM = 2, 2


class Plan(NamedTuple):
    """What the parent asks for. means: what it promises. status: the pipe on which the cell says that it is confined.

    parent: the process to die with; 0 where bubblewrap sees to that.
    Not a dataclass: importing those would be a sixth of a cell's start.
    """

    means: tuple[str, ...] = (LANDLOCK, SECCOMP)
    reads: tuple[str, ...] = ()
    scratch: str = ""
    imports: tuple[str, ...] = ()
    memory_bytes: int = 16 << 30
    file_bytes: int = 1 << 30
    cpu_s: int = 0
    status: int = -1
    parent: int = 0

    def dump(self) -> str:
        """As JSON, for the variable."""
        return json.dumps(self._asdict())


def load_plan(text: str | None) -> Plan:
    """The plan that the parent dumped, or the strictest one."""
    plain = json.loads(text) if text else {}
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return Plan(**fields)


def confine(plan: Plan) -> None:
    """Apply all of it, in this order. Raises OSError or RuntimeError: then nothing may be run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    os.set_blocking(2, False)  # nobody has to read what a cell says on stderr
    _limit(plan)
    if plan.parent:
        die_with(plan.parent)
    if not plan.means:
        return
    _single_thread()
    hide_memory()
    give_up_privileges()
    if LANDLOCK in plan.means:
        writes = (places.SINK, plan.scratch) if plan.scratch else (places.SINK,)
        landlock.restrict((*places.needed(), *plan.reads, *plan.imports), writes, _landlock_abi())
    if SECCOMP in plan.means:
        seccomp.restrict(writes=LANDLOCK in plan.means or BUBBLEWRAP in plan.means)
    _prove(plan)


def _limit(plan: Plan) -> None:
    """Resource limits, soft and hard: memory, file size, open files, core dumps, processor time."""
    wanted = [
        (resource.RLIMIT_AS, plan.memory_bytes),
        (resource.RLIMIT_FSIZE, plan.file_bytes),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ]
    if plan.cpu_s:
        wanted.append((resource.RLIMIT_CPU, plan.cpu_s))
    for which, value in wanted:
        _, hard = resource.getrlimit(which)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bound, bound))


def _single_thread() -> None:
    """Landlock binds the calling thread and its children only."""
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("a thread was started before the cell was confined: by a .pth file or sitecustomize?")


def _landlock_abi() -> int:
    if not landlock.abi():
        raise RuntimeError("the kernel has no Landlock")
    return landlock.abi()


def _prove(plan: Plan) -> None:
    """Ask the kernel, and try what must fail. Raises RuntimeError when something does not hold."""
    state = _state()
    wanted = {"NoNewPrivs": 1, "CapEff": 0, "CapPrm": 0} | ({"Seccomp": 2} if SECCOMP in plan.means else {})
    if wrong := [name for name, value in wanted.items() if state[name] != value]:
        raise RuntimeError(f"confinement does not hold: {', '.join(wrong)} of /proc/self/status")
    if LANDLOCK in plan.means or BUBBLEWRAP in plan.means:
        _must_fail("a file was made outside the scratch folder", lambda: _touch("/.hauberk-cell"))
    if LANDLOCK in plan.means:
        _must_fail("the root folder could be read", lambda: os.listdir("/"))
    if SECCOMP in plan.means:
        _must_fail("a socket could be made", lambda: system_call(SOCKET[machine()], AF_INET, SOCK_DGRAM, 0))
        _must_fail("a file could be truncated by reading it", lambda: os.open(os.devnull, os.O_TRUNC))


def _state() -> dict[str, int]:
    """The numbers that the kernel tells of this process, by name."""
    with open("/proc/self/status") as f:
        pairs = (line.split(":", 1) for line in f)
        wanted = ("NoNewPrivs", "CapEff", "CapPrm", "Seccomp")
        return {name: int(value, 16) for name, value in pairs if name in wanted}


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)


def _must_fail(what: str, attempt: Any) -> None:
    try:
        attempt()
    except OSError:
        return
    raise RuntimeError(f"confinement does not hold: {what}")


def _report(status: int, word: bytes) -> None:
    if status >= 0:
        with contextlib.suppress(OSError):
            os.write(status, word[:1000])
        os.close(status)


def main() -> None:
    """Confine, report, run."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m hauberk.run.cell MODULE ARGUMENTS…")
    plan = load_plan(os.environ.pop(PLAN_VARIABLE, None))
    try:
        confine(plan)
    except Exception as error:  # noqa: BLE001  whatever it is, the answer is the same: report, and do not run
        _report(plan.status, f"{type(error).__name__}: {error}".encode("utf-8", "replace"))
        os._exit(1)
    _report(plan.status, CONFINED)
    sys.path.extend(plan.imports)
    module, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
