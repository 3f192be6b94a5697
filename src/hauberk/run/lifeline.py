"""No process outlives the one that started it: a child dies with its parent, and Ctrl-C does not stop the cleaning.

>>> with uninterrupted():
...     pass  # kill the children: a second Ctrl-C waits until this is done
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hauberk.core.errors import HauberkError

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; exit now if that already happened.

    Linux only; elsewhere a child must leave at the end of its input.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise HauberkError(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        os._exit(1)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Drop every Ctrl-C until the block is done: for the cleaning that an interrupt has already asked for.

    A signal mask would not do: the kernel hands SIGINT to any thread that does not block it, and numerical
    libraries start such threads.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


def describe_exit(returncode: int | None) -> str:
    """How a process ended, in words. None: the kernel has not ended it yet.

    >>> describe_exit(-11), describe_exit(3)
    ('it was killed by SIGSEGV', 'it exited with status 3')
    """
    if returncode is None:
        return "it was killed and has not ended yet"
    if returncode >= 0:
        return f"it exited with status {returncode}"
    try:
        return f"it was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"it was killed by signal {-returncode}"
