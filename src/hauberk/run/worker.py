"""The child side of `Workers`: read a job, run it, answer, until the end of input.

    python -m hauberk.run.worker PARENT_PID

In:  {"path": [...]} once, then {"function": …, "argument": …}.
Out: {"progress": [done, total, note]}, then {"result": …} or {"error": …}.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hauberk.core.errors import HauberkError

from .call import call, plain_error
from .frames import FrameReader, enclose, frame
from .lifeline import die_with
from .own import is_a_worker

PIECE = 1 << 20
TELL_EVERY_S = 0.1
"""Progress faster than the eye sees would only fill the pipe, and make the job wait for whoever reads it."""

MAX_NOTE = 200


class Wire:
    """The two ends of the protocol, moved away from the standard streams so that stray prints cannot reach them."""

    def __init__(self) -> None:
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def messages(self) -> Iterator[Any]:
        """Every message of the parent, until it closes the pipe."""
        reader = FrameReader()
        while piece := os.read(self._in, PIECE):
            yield from reader.feed(piece)

    def send(self, whole: bytes) -> None:
        """Write one frame; leave at once when the parent is gone."""
        rest = memoryview(whole)
        with self._lock:
            while rest:
                try:
                    rest = rest[os.write(self._out, rest) :]
                except BrokenPipeError:
                    os._exit(1)


def teller(wire: Wire, clock: Callable[[], float] = time.monotonic) -> Callable[[int, int, str], None]:
    """A progress function that sends now and then, and never fails."""
    last = -TELL_EVERY_S

    def tell(done: int, total: int, note: str) -> None:
        nonlocal last
        try:
            if done < total and clock() - last < TELL_EVERY_S:
                return
            last = clock()
            wire.send(frame({"progress": [int(done), int(total), str(note)[:MAX_NOTE]]}))
        except (HauberkError, TypeError, ValueError):
            return  # a number or a note that JSON cannot carry is not worth a job

    return tell


def answer(wire: Wire, message: Mapping[str, Any]) -> None:
    """Run one job and send how it ended."""
    try:
        result = call(message["function"], message["argument"], teller(wire))
        wire.send(enclose(b'{"result":' + result + b"}"))
    except HauberkError as error:
        wire.send(frame({"error": plain_error(error)}))


def main() -> None:
    """Serve jobs until the parent closes the pipe, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which cancels
    die_with(int(sys.argv[1]))
    is_a_worker()
    wire = Wire()
    messages = wire.messages()
    sys.path[:] = next(messages, {"path": sys.path})["path"]
    for message in messages:
        answer(wire, message)


if __name__ == "__main__":
    main()
