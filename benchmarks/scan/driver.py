"""Runs inside a peer's own environment: its command once for every path on stdin, one JSON line out for each.

    venvs/picklescan/bin/python driver.py SECONDS MEGABYTES PACKAGE,… module:function ARGUMENT … < paths

The peer and every module of the PACKAGEs are imported once and forked for each file, so that a thousand files do not
cost a thousand starts; a file that hangs it or eats its memory ends one fork. `{}` among the arguments stands for the
path. Standard library only.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable

KEPT = 400_000
"""Bytes of a peer's output that are kept: enough for the JSON of one file."""


def fickling(path: str) -> int:
    """fickling the way its manual says: the command for a pickle, `scan_zip_archive` for a zip. 2: it read nothing."""
    from fickling.cli import main as command
    from fickling.loader import scan_zip_archive

    if not os.path.isfile(path) or not zipfile.is_zipfile(path):
        return int(command(["fickling", "--check-safety", "-p", path]) or 0)
    results = scan_zip_archive(path, graceful=True)
    if not results:
        sys.stderr.write("No pickle files detected")
        return 2
    return 0 if all(results.values()) else 1


def warm(package: str) -> None:
    """Import a package and what is in it; what does not import here will not in a fork either."""
    with contextlib.suppress(Exception):
        whole = importlib.import_module(package)
        for module in pkgutil.iter_modules(getattr(whole, "__path__", []), package + "."):
            with contextlib.suppress(Exception):
                importlib.import_module(module.name)


def one(run: Callable[..., object], arguments: list[str], path: str, seconds: int, megabytes: int) -> dict[str, object]:
    """Fork, run, wait. How it ended, and what it printed."""
    with tempfile.TemporaryFile() as told:
        child = os.fork()
        if child == 0:
            _child(run, arguments, path, told.fileno(), megabytes)
        status, started = 0, time.monotonic()
        while True:
            done, status, used = os.wait4(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() - started > seconds:
                os.kill(child, signal.SIGKILL)
                _, status, used = os.wait4(child, 0)
                break
            time.sleep(0.005)
        told.seek(0)
        out = told.read(KEPT).decode("utf-8", "replace")
    code = os.waitstatus_to_exitcode(status)
    return {"path": path, "code": code, "out": out, "cpu": used.ru_utime + used.ru_stime}


def _child(run: Callable[..., object], arguments: list[str], path: str, told: int, megabytes: int) -> None:
    code = 70
    try:
        os.dup2(told, 1)
        os.dup2(told, 2)
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.argv = [a.replace("{}", path) for a in arguments]
        code = int(run(path) if run is fickling else run() or 0)  # type: ignore[call-overload]
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - whatever ends the peer is its answer: it goes out with exit code 70
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Read paths, write results."""
    seconds, megabytes, packages, entry, *arguments = sys.argv[1:]
    module, _, name = entry.partition(":")
    run = fickling if module == "fickling" else getattr(importlib.import_module(module), name)
    if run is fickling:
        importlib.import_module("fickling.loader")
    for package in filter(None, packages.split(",")):
        warm(package)
    keep = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(keep, "w") as out:
        for line in sys.stdin:
            result = one(run, arguments, line.rstrip("\n"), int(seconds), int(megabytes))
            out.write(json.dumps(result) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
