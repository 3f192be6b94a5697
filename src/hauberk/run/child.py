"""The parent's hold on one worker process: its pipes, its last words, the job in its hands.

Nothing here blocks: bytes move when the selector of `workers` says that they can.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import IO, Any

from hauberk.core.canon import Json
from hauberk.core.errors import HauberkError
from hauberk.core.ports import Job

from .frames import FrameReader, frame
from .lifeline import describe_exit

PIECE = 1 << 20
MAX_WORDS_BYTES = 16_384
LAST_LINES = 6
REAP_S = 5.0
"""A killed process that the kernel cannot end within this hangs in a device; it is left to the kernel."""

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip


class Child:
    """A worker process. `job` is what it is working on, `deadline` the moment at which it is killed for it."""

    def __init__(self, threads: int) -> None:
        self.job: Job | None = None
        self.deadline = float("inf")
        self.gone = self.mute = False
        self._reader = FrameReader()
        self._rest = bytearray()
        self._words = bytearray()
        self._process = _start(threads)
        self.stdin, self.stdout, self.stderr = _pipes(self._process)
        self._send({"path": list(sys.path)})

    def give(self, job: Job, deadline: float) -> None:
        """Hand a job over. Raises InputError when its argument has no canonical JSON."""
        self._send({"function": job.function, "argument": dict(job.argument)})
        self.job, self.deadline = job, deadline

    def _send(self, message: Mapping[str, Json]) -> None:
        self._rest += frame(message)

    @property
    def has_more(self) -> bool:
        """Whether bytes wait to be written."""
        return bool(self._rest)

    def push(self) -> None:
        """Write what the pipe takes now."""
        try:
            del self._rest[: os.write(self.stdin.fileno(), memoryview(self._rest)[:PIECE])]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._rest.clear()  # it died: the end of its output says so

    def pull(self) -> list[Any]:
        """The messages that have come. `gone` turns true at the end of its output.

        Raises InputError or LimitExceeded when what comes is no frame.
        """
        piece = _read(self.stdout)
        self.gone = piece == b""
        return list(self._reader.feed(piece or b""))

    def listen(self) -> bool:
        """Keep the last of what it says on stderr; whether it said anything. `mute` turns true at its end."""
        piece = _read(self.stderr)
        self.mute = piece == b""
        self._words += piece or b""
        del self._words[:-MAX_WORDS_BYTES]
        return bool(piece)

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended, even if someone else still holds its pipes. Leaves it to be reaped."""
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def last_words(self) -> str:
        """The last lines of its stderr, on one line, safe to print."""
        while self.listen():
            pass
        lines = self._words.decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
        return " | ".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)

    def post_mortem(self) -> HauberkError:
        """Why its job has no answer, once its output has ended. Makes sure that it is dead."""
        self.kill()
        job = self.job.name if self.job else "worker"
        code = self._process.returncode
        hint = "the system may be out of memory: use fewer workers" if code == -signal.SIGKILL else ""
        said = f"; its last words: {words}" if (words := self.last_words()) else ""
        return HauberkError(f"{job}: its worker died: {describe_exit(code)}{said}", hint=hint)

    def let_go(self) -> None:
        """Ask it to leave: its input ends."""
        with contextlib.suppress(OSError):
            self.stdin.close()

    def kill(self) -> None:
        """End it and what it started, and reap it. Costs nothing the second time."""
        if self._process.returncode is not None:
            return  # reaped: its number may be another's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # it leads a session of its own
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_S)

    def close(self) -> None:
        """Close the pipes."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(OSError):
                pipe.close()


def _start(threads: int) -> subprocess.Popen[bytes]:
    isolation = "-I" if sys.flags.isolated else "-P"
    return subprocess.Popen(  # noqa: S603  our own interpreter and module, no shell
        [sys.executable, isolation, "-m", "hauberk.run.worker", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)),
        start_new_session=True,
    )


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None
    assert stdout is not None
    assert stderr is not None
    for pipe in (stdin, stdout, stderr):
        os.set_blocking(pipe.fileno(), False)
    return stdin, stdout, stderr


def _read(pipe: IO[bytes]) -> bytes | None:
    """What is there, empty at the end, None when nothing has come."""
    try:
        return os.read(pipe.fileno(), PIECE)
    except BlockingIOError:
        return None
