"""A process for what may be hostile: no network, no files but its own, no other process, no secrets.

    box = Sandbox(reads=(Path("model.joblib"),))
    process = box.start("hauberk.model.resident", ["/abs/model.joblib"])
    ...
    if not box.strength:
        book.skip("sandbox", "this system has neither Landlock nor seccomp nor bubblewrap")

What it stops and what it does not: docs/explanation/sandbox.md.

>>> Sandbox(means=()).strength
''
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hauberk.core.errors import HauberkError, InputError

from . import bubblewrap, landlock, places, seccomp
from .cell import BUBBLEWRAP, CONFINED, LANDLOCK, PLAN_VARIABLE, SECCOMP, Plan
from .lifeline import describe_exit

START_S = 60.0
"""A cell is confined some 0.1 s after its start; a machine that swaps may take much longer."""

STDERR_BYTES = 1 << 20

STRENGTHS = {
    (LANDLOCK, SECCOMP): "landlock + seccomp",
    (BUBBLEWRAP, SECCOMP): "bubblewrap + seccomp",
    (BUBBLEWRAP,): "bubblewrap",
    (SECCOMP,): "seccomp (read-only, but every file of the user can be read)",
    (): "",
}


@cache
def best_means() -> tuple[str, ...]:
    """The strongest confinement that this machine offers, asked of its kernel; () when there is none."""
    filtered = (SECCOMP,) if seccomp.is_available() else ()
    if filtered and landlock.abi():
        return (LANDLOCK, SECCOMP)
    if bubblewrap.program():
        return (BUBBLEWRAP, *filtered)
    return filtered


@dataclass(frozen=True)
class Sandbox:
    """Starts confined Python processes.

    reads: files and folders that the module may read. scratch: the folder that it may write below; None for none.
    imports: folders added to its module path. memory_bytes: of address space. file_bytes: largest file it may write.
    cpu_s: processor seconds after which it is killed. means: a fixed choice of confinement, None for the best.
    """

    reads: tuple[Path, ...] = ()
    scratch: Path | None = None
    imports: tuple[Path, ...] = ()
    memory_bytes: int = 16 << 30
    file_bytes: int = 1 << 30
    cpu_s: int | None = None
    means: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.means is not None and self.means not in STRENGTHS:
            raise InputError(f"sandbox: means {self.means!r}", hint=f"one of {', '.join(map(str, STRENGTHS))}")

    @property
    def strength(self) -> str:
        """What confines the process, in words; empty when nothing does."""
        return STRENGTHS[self._means]

    @property
    def _means(self) -> tuple[str, ...]:
        return best_means() if self.means is None else self.means

    def start(self, module: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """`python -m module arguments…`, confined before the module is imported. Returns once that is proved.

        stdin, stdout and stderr are pipes; stderr keeps the first MiB unread and never blocks the cell. It works in
        the scratch folder, or in /: give absolute paths. It dies with the thread that called this.
        Raises InputError when a given path is not there, HauberkError when a promised confinement cannot be had.
        """
        told, status = os.pipe()
        try:
            process = self._launch(module, arguments, status)
        except OSError as error:
            os.close(told)
            raise HauberkError(f"sandbox: the cell could not be started: {error}") from error
        finally:
            os.close(status)
        with _killed_on_error(process), open(told, "rb", buffering=0) as ear:
            _hear(process, ear.fileno())
        return process

    def _launch(self, module: str, arguments: Sequence[str], status: int) -> subprocess.Popen[bytes]:
        plan = self._plan(status)
        home = plan.scratch or "/"
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module, no shell
            [*self._wrapper(plan), sys.executable, "-P", "-m", "hauberk.run.cell", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=places.environment(home) | {PLAN_VARIABLE: plan.dump()},
            cwd=home,
            pass_fds=(status,),
            start_new_session=True,  # no terminal to type into
        )
        assert process.stderr is not None
        with contextlib.suppress(OSError, AttributeError):  # the kernel's bound for users; another system
            fcntl.fcntl(process.stderr.fileno(), fcntl.F_SETPIPE_SZ, STDERR_BYTES)
        return process

    def _plan(self, status: int) -> Plan:
        return Plan(
            means=self._means,
            reads=tuple(map(_existing, self.reads)),
            scratch=_existing(self.scratch) if self.scratch is not None else "",
            imports=tuple(map(_existing, self.imports)),
            memory_bytes=self.memory_bytes,
            file_bytes=self.file_bytes,
            cpu_s=self.cpu_s or 0,
            status=status,
            parent=0 if BUBBLEWRAP in self._means else os.getpid(),
        )

    def _wrapper(self, plan: Plan) -> list[str]:
        if BUBBLEWRAP not in plan.means:
            return []
        if not (path := bubblewrap.program()):
            raise HauberkError("sandbox: bubblewrap is not installed, or does not work here")
        reads = (*places.software(), *places.MACHINE, *plan.reads, *plan.imports)
        return bubblewrap.command(path, (r for r in reads if not r.startswith("/proc")), plan.scratch)


def _existing(path: Path) -> str:
    try:
        return str(path.resolve(strict=True))
    except OSError as error:
        raise InputError(f"sandbox: {path}: {error.strerror}") from error


@contextmanager
def _killed_on_error(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.kill()
        process.communicate()
        raise


def _hear(process: subprocess.Popen[bytes], ear: int) -> None:
    """Wait for the cell to say that it is confined. Raises HauberkError when it says anything else, or nothing."""
    word = b""
    while word != CONFINED:
        if not select.select([ear], [], [], START_S)[0]:
            raise HauberkError(f"sandbox: the cell was not confined within {START_S:g} s")
        if not (piece := os.read(ear, 4096)):
            raise HauberkError(f"sandbox: the cell could not be confined: {_why(process, word)}", hint=_HINT)
        word += piece


_HINT = "nothing was run; `means=()` would run it unconfined, and evidence then says so"


def _why(process: subprocess.Popen[bytes], word: bytes) -> str:
    if word:
        return word.decode("utf-8", "replace")
    process.kill()
    _, said = process.communicate()
    words = " | ".join(said.decode("utf-8", "replace").split("\n")[-4:]).strip(" |")
    return f"{describe_exit(process.returncode)}: {words}"
