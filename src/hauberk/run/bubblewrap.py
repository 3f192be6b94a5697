"""bubblewrap: namespaces made by a small setuid or unprivileged program, where the kernel has no Landlock.

The cell sees an empty root with the given folders bound into it, a /proc without the other processes, four devices
that hold nothing, and a network without interfaces.

>>> command("/usr/bin/bwrap", ["/usr/lib"], "")[:2]
['/usr/bin/bwrap', '--unshare-all']
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from functools import cache

TRIAL_S = 10.0
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
"""Not bwrap's own /dev: that has a maker of terminals, and shared memory."""
FIXED = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")


@cache
def program() -> str:
    """The path of a bwrap that works here, else ''."""
    path = shutil.which("bwrap")
    return path if path is not None and _works(path) else ""


def _works(path: str) -> bool:
    trial = [path, *FIXED, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "/bin/true"]
    try:
        return subprocess.run(trial, capture_output=True, timeout=TRIAL_S, check=False).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False


def command(path: str, reads: Iterable[str], scratch: str) -> list[str]:
    """The words before the command to confine. reads: bound read-only; scratch: bound for writing; '' for none."""
    words = [path, *FIXED]
    for place in reads:
        words += ["--ro-bind-try", place, place]
    words += ["--proc", "/proc", "--tmpfs", "/dev"]
    for device in DEVICES:
        words += ["--dev-bind-try", device, device]
    if scratch:
        words += ["--bind", scratch, scratch]
    for mount in ("/proc", "/dev", "/"):  # root may write to /proc/sys even without a capability
        words += ["--remount-ro", mount]
    return [*words, "--chdir", scratch or "/", "--"]
