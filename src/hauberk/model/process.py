"""The parent's end of a model's process: one question, one answer, never longer than a timeout."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hauberk.core.errors import HauberkError, InputError, UnsupportedError

from .served import plain
from .wire import Message, pack, unpack

if TYPE_CHECKING:
    from hauberk.core.ports import Sandbox

MAX_REPLY = 1 << 20  # of replies without a large array
PIECE = 1 << 20


class Process:
    """A server started in a sandbox. Thread-safe: questions wait for one another.

    what: the model's name, for messages. timeout_s: longest wait for one answer.
    """

    def __init__(self, sandbox: Sandbox, module: str, *, what: str, timeout_s: float) -> None:
        self.what, self._timeout_s = what, timeout_s
        self._lock, self._discarded = threading.Lock(), deque[int]()
        self._popen = sandbox.start(module, ())
        if self._popen.stdin is None or self._popen.stdout is None:
            raise InputError(f"{what}: the sandbox gave no pipes")
        self._in, self._out = self._popen.stdin.fileno(), self._popen.stdout.fileno()
        for pipe in (self._in, self._out):
            os.set_blocking(pipe, False)
            with contextlib.suppress(OSError, AttributeError):  # the kernel's bound for users; another system
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIECE)
        self.close = weakref.finalize(self, _end, self._popen)

    def discard(self, handle: int) -> None:
        """Forget a model, with the next question. Safe to call from a finalizer."""
        self._discarded.append(handle)

    def ask(self, head: Mapping[str, Any], arrays: Mapping[str, Any], *, max_body: int = MAX_REPLY) -> Message:
        """Send one frame and return the answer, of at most max_body bytes of arrays.

        Raises InputError when the process ended, was too slow, sent something malformed, or says that it
        could not; after the first three it is ended. UnsupportedError when it says so.
        """
        with self._lock:
            if not self.close.alive:
                raise InputError(f"{self.what}: its process has ended", hint="open the model again")
            frame = pack({**head, "release": self._forgotten()}, arrays)
            deadline = time.monotonic() + self._timeout_s
            try:
                self._send(frame, deadline)
                reply = unpack(lambda n: self._receive(n, deadline), max_body=max_body, what=self.what)
            except (EOFError, OSError) as error:
                raise self._ended() from error
            except HauberkError:
                self.close()
                raise
        return self._good(reply)

    def _forgotten(self) -> list[int]:
        return [self._discarded.popleft() for _ in range(len(self._discarded))]

    def _good(self, reply: Message) -> Message:
        if reply.head.get("ok") is True:
            return reply
        kind = UnsupportedError if reply.head.get("error") == "unsupported" else InputError
        message = plain(reply.head.get("message", "it failed without a word"))
        raise kind(f"{self.what}: {message}", hint=plain(reply.head.get("hint", "")))

    def _send(self, frame: bytes, deadline: float) -> None:
        view, at = memoryview(frame), 0
        while at < len(view):
            self._wait(self._in, select.POLLOUT, deadline)
            at += os.write(self._in, view[at : at + PIECE])

    def _receive(self, n: int, deadline: float) -> bytes:
        pieces: list[bytes] = []
        while n > 0:
            self._wait(self._out, select.POLLIN, deadline)
            piece = os.read(self._out, min(n, PIECE))
            if not piece:
                break
            pieces.append(piece)
            n -= len(piece)
        return b"".join(pieces)

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        while not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            if time.monotonic() >= deadline:
                raise InputError(
                    f"{self.what}: its process gave no answer within {self._timeout_s:g} s",
                    hint="give a smaller model, or raise the timeout",
                )

    def _ended(self) -> InputError:
        words = _last_words(self._popen)
        self.close()
        return InputError(
            f"{self.what}: its process ended in the middle of work (exit code {self._popen.returncode}){words}",
            hint="the file may be damaged or hostile, or need more memory or rights than the sandbox gives",
        )


def _last_words(popen: subprocess.Popen[bytes]) -> str:
    """The last line that the process wrote to stderr, if that is a pipe. Never waits."""
    if popen.stderr is None:
        return ""
    os.set_blocking(popen.stderr.fileno(), False)
    try:
        lines = (os.read(popen.stderr.fileno(), PIECE) or b"").decode("utf-8", "replace").strip().splitlines()
    except BlockingIOError:
        return ""
    return f": {plain(lines[-1], 200)}" if lines else ""


def _end(popen: subprocess.Popen[bytes]) -> None:
    for pipe in (popen.stdin, popen.stdout, popen.stderr):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # its buffer is empty: all writing went past it
    try:
        popen.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
