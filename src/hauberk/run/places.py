"""The files that a Python process needs to import and compute: what a cell may read besides its model.

Not a home folder, not /etc, not the working folder, not /tmp.

>>> "/proc/self/maps" in needed(), "/proc/self" in needed()
(True, False)
"""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

import hauberk

IN_A_PREFIX = ("bin", "lib", "lib64", "share", "pyvenv.cfg")
SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache",
    "/etc/localtime", "/nix/store", "/gnu/store",
)  # fmt: skip
PROCESS = tuple(f"/proc/self/{name}" for name in ("auxv", "cgroup", "fd", "limits", "maps", "stat", "statm", "status"))
"""Not the whole folder: below it lie the network connections and the mounts of the machine."""

MACHINE = (
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup/cpu.max",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
)  # fmt: skip
"""What numerical libraries ask to choose their kernels and their number of threads."""

DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom")
SINK = "/dev/null"

VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "LOKY_MAX_CPU_COUNT")
VARIABLE_PREFIXES = ("OMP_", "OPENBLAS_", "MKL_", "KMP_", "VECLIB_", "NUMEXPR_", "POLARS_", "RAYON_")
"""Threads and kernels of numerical libraries; a token or a key has no such name."""


def package_root() -> Path:
    """The folder that must be on the path for `import hauberk`."""
    return Path(hauberk.__file__).parent.parent


def software() -> tuple[str, ...]:
    """Python, what is installed for it, and the system's libraries: existing paths."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    found = [os.path.join(prefix, part) for prefix in sorted(prefixes) for part in IN_A_PREFIX]
    found += [*SYSTEM, str(Path(hauberk.__file__).parent)]
    if site.ENABLE_USER_SITE:
        found.append(site.getusersitepackages())
    return tuple(path for path in dict.fromkeys(found) if os.path.exists(path))


def needed() -> tuple[str, ...]:
    """All that a cell may read besides what it is given."""
    return (*software(), *PROCESS, *MACHINE, *DEVICES)


def environment(home: str) -> dict[str, str]:
    """The variables of a cell: an allow-list of the parent's, and a home and a temporary folder of its own."""
    kept = {k: v for k, v in os.environ.items() if k in VARIABLES or k.startswith(VARIABLE_PREFIXES)}
    mine = {
        "HOME": home,
        "TMPDIR": home,
        "PYTHONPATH": str(package_root()),
        "PYTHONDONTWRITEBYTECODE": "1",
        "JOBLIB_MULTIPROCESSING": "0",  # its semaphores need /dev/shm, its workers fork
        "CUDA_VISIBLE_DEVICES": "",
    }
    if site.ENABLE_USER_SITE:
        mine["PYTHONUSERBASE"] = site.getuserbase()
    return kept | mine
