"""CPU seconds and peak memory of whole commands: `--help`, one small pickle, a large checkpoint, many files.

Every command is started as a user starts it, five times, in turn with the others; the median counts. CPU is user and
system time of the command and its children, memory the largest resident set of any of them.
"""

from __future__ import annotations

import os
import pickle
import platform
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .peers import QUIET, Peer

REPEAT, LIMIT_S = 5, 120
GIB = 1 << 30
Build = Callable[[Path], Path | None]


def machine() -> str:
    """What this was measured on, in a few words."""
    return f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"


def small(folder: Path) -> Path:
    """A pickle of 5 KB."""
    path = folder / "small.pkl"
    path.write_bytes(pickle.dumps({f"weight{i}": [i / 7, i] for i in range(170)}))
    return path


def checkpoint(folder: Path) -> Path:
    """A torch checkpoint of 1 GiB, as torch.save writes it; in a process of its own, or each child would begin as large
    as this one."""
    path = folder / "big.pt"
    weights = "{f'layer{i}.weight': torch.zeros(4096, 4096) for i in range(16)}"
    code = f"import sys, torch; torch.save({weights}, sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, path], check=True)
    return path


def many(folder: Path) -> Path:
    """2,000 pickles of about 1 KB in one folder."""
    root = folder / "many"
    root.mkdir()
    for n in range(2000):
        (root / f"m{n}.pkl").write_bytes(pickle.dumps({f"w{n}_{i}": [i / 7, i] for i in range(30)}))
    return root


def members(folder: Path) -> Path:
    """A zip of 5,000 small pickles."""
    path = folder / "many.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(5000):
            archive.writestr(f"m{n}.pkl", pickle.dumps([n, struct.pack("<d", n / 7)]))
    return path


TASKS: tuple[tuple[str, Build], ...] = (
    ("`--help`", lambda folder: None), ("a pickle of 5 KB", small), ("a checkpoint of 1 GiB", checkpoint),
    ("2,000 pickles in a folder", many), ("a zip of 5,000 pickles", members),
)  # fmt: skip
UNHASHED = "a checkpoint of 1 GiB, not hashed"


def measured(peers: list[Peer]) -> dict[str, dict[str, Any]]:
    """{scanner: {task: {cpu, megabytes, code}}}."""
    out: dict[str, dict[str, Any]] = {p.name: {} for p in peers}
    for task, build in TASKS:
        with tempfile.TemporaryDirectory(prefix="hauberk-speed-") as name:
            path = build(Path(name))
            runs: dict[str, list[tuple[float, float, int]]] = {p.name: [] for p in peers}
            for _ in range(REPEAT):
                for peer in peers:
                    if not any(code == -9 for _, _, code in runs[peer.name]):  # too slow once is too slow
                        runs[peer.name].append(timed(_command(peer, path)))
            if task.endswith("GiB") and "hauberk" in out and path is not None:
                out["hauberk"][UNHASHED] = _median([timed(_unhashed(path)) for _ in range(REPEAT)])
            for peer in peers:
                out[peer.name][task] = _median(runs[peer.name])
                print(f"speed: {task}: {peer.name}: {out[peer.name][task]}", flush=True)
    return out


def _command(peer: Peer, path: Path | None) -> list[str]:
    if path is None:
        return [peer.command(Path())[0], "--help"]
    return peer.command(path)


def _unhashed(path: Path) -> list[str]:
    code = (
        "import sys; from pathlib import Path; from hauberk.artifact.scan import scan; "
        "scan(Path(sys.argv[1]), digests=False)"
    )
    return [sys.executable, "-c", code, str(path)]


def _median(runs: list[tuple[float, float, int]]) -> dict[str, Any]:
    cpu, memory, codes = zip(*runs, strict=True)
    return {"cpu": statistics.median(cpu), "megabytes": statistics.median(memory), "code": max(codes, key=abs)}


def timed(command: list[str]) -> tuple[float, float, int]:
    """(CPU seconds, megabytes, exit code) of one command; code -9 when it was ended for its slowness."""
    with tempfile.TemporaryDirectory() as work:
        child = subprocess.Popen(command, cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env={**os.environ, **QUIET}, preexec_fn=_bounded)  # fmt: skip
        end = time.monotonic() + LIMIT_S
        while True:
            done, status, used = os.wait4(child.pid, os.WNOHANG)
            if done:
                break
            if time.monotonic() > end:
                child.kill()
                _, status, used = os.wait4(child.pid, 0)
                break
            time.sleep(0.01)
        child.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))


def table(results: dict[str, dict[str, Any]]) -> list[str]:
    """A line a task; each cell CPU seconds and megabytes."""
    names = list(results)
    tasks = [task for task, _ in TASKS]
    tasks.insert(3, UNHASHED)
    lines = [f"Median of {REPEAT}: CPU seconds · peak MB. — : ended after {LIMIT_S} s, or it cannot.", "",
             f"| task | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]  # fmt: skip
    for task in tasks:
        cells = [_cell(results[name].get(task)) for name in names]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return lines


def _cell(row: dict[str, Any] | None) -> str:
    return "—" if row is None or row["code"] < 0 else f"{row['cpu']:.2f} · {row['megabytes']:.0f}"
