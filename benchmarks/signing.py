"""Signing beside the OpenSSF `model_signing`: CPU seconds of whole commands, start-up included.

    pip install model-signing==1.1.1 pyopenssl        # in any environment whose bin folder is on the PATH
    python benchmarks/signing.py [--repeat 5] [--gib 1] [--dry]

Both sides sign and verify the same files with the same ECDSA P-256 key, in turn; a figure is the least of the repeats,
of user plus system time of the process and its threads. Each verifies what the other signed, or the run fails. The
table goes between the markers of benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from hauberk.crypto.keys import generate

README = Path(__file__).parent / "README.md"
Command = Sequence[object]


@dataclass(frozen=True)
class Cost:
    """CPU and wall-clock seconds, and the largest resident set in MB."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True)
class Row:
    """One job of both sides."""

    job: str
    ours: Cost
    theirs: Cost
    goal: float | None = None


def cost(command: Command) -> Cost:
    """Run once. Fails when the command does."""
    began = time.perf_counter()
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed with {process.returncode}: {' '.join(map(str, command))}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss / 1024)


def compare(job: str, ours: Command, theirs: Command, repeat: int, goal: float | None = None) -> Row:
    """Both in turn; the least of each."""
    runs = [(cost(ours), cost(theirs)) for _ in range(repeat)]
    return Row(job, least([run[0] for run in runs]), least([run[1] for run in runs]), goal)


def least(costs: Sequence[Cost]) -> Cost:
    """The least of each figure."""
    return Cost(min(c.cpu for c in costs), min(c.wall for c in costs), min(c.memory for c in costs))


def jobs(folder: Path, gib: float) -> list[tuple[str, Path, float]]:
    """The files to sign: one large, and two thousand of 4 KB; random, so that nothing on the way is compressed."""
    with (folder / "weights.bin").open("wb") as file:
        for _ in range(int(gib * 1024)):
            file.write(os.urandom(1 << 20))
    for i in range(2000):
        place = folder / "model" / f"part{i % 20}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i}.bin").write_bytes(os.urandom(4096))
    return [(f"one file of {gib:g} GiB", folder / "weights.bin", 0.7), ("2,000 files of 4 KB", folder / "model", 0.3)]


def measure(folder: Path, peer: str, gib: float, repeat: int) -> list[Row]:
    """Every row of the table."""
    key = generate("ecdsa-p256")
    key.save(folder / "k.pem")
    key.public.save(folder / "k.pub")
    private, public, ours, theirs = (folder / name for name in ("k.pem", "k.pub", "ours.sig", "theirs.sig"))
    hauberk = Path(sys.executable).with_name("hauberk")
    rows = [compare("--help of the command", (hauberk, "sign", "--help"), (peer, "sign", "key", "--help"), repeat)]
    for name, model, goal in jobs(folder, gib):
        rows.append(compare(
            f"sign {name}", (hauberk, "sign", model, "--key", private, "-o", ours),
            (peer, "sign", "key", model, "--private_key", private, "--signature", theirs), repeat, goal,
        ))  # fmt: skip
        rows.append(compare(  # each reads what the other wrote
            f"verify {name}", (hauberk, "verify", model, "--key", public, "--signature", theirs),
            (peer, "verify", "key", model, "--public_key", public, "--signature", ours), repeat, goal,
        ))  # fmt: skip
    return rows


def table(rows: list[Row], peer_version: str, gib: float, repeat: int) -> str:
    """The Markdown between the markers."""
    how = (
        f"`python benchmarks/signing.py --repeat {repeat} --gib {gib:g}` on {datetime.now(UTC):%Y-%m-%d}, Python "
        f"{platform.python_version()}, hauberk {version('hauberk')}, model-signing {peer_version}, {os.cpu_count()} "
        f"cores, {platform.machine()}. Whole commands with their start-up; ECDSA P-256, SHA-256, files in the page "
        f"cache; the least of {repeat} runs, both sides in turn. Each verifies what the other signed. CPU seconds are "
        "user + system."
    )
    head = "| job | CPU s | CPU s, model_signing | ratio | goal | s | s, model_signing | MB | MB, model_signing |"
    lines = ["## Signing", "", how, "", head, "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for r in rows:
        goal = "" if r.goal is None else f"≤ {r.goal:g}"
        pairs = (r.ours.wall, r.theirs.wall, r.ours.memory, r.theirs.memory)
        figures = f"{pairs[0]:.2f} | {pairs[1]:.2f} | {pairs[2]:.0f} | {pairs[3]:.0f}"
        ratio = r.ours.cpu / r.theirs.cpu
        lines.append(f"| {r.job} | {r.ours.cpu:.2f} | {r.theirs.cpu:.2f} | {ratio:.2f} | {goal} | {figures} |")
    return "\n".join(lines)


def write(text: str, path: Path = README) -> None:
    """Put the table between its markers; the rest of the file is others'."""
    old = path.read_text() if path.exists() else "# Benchmarks\n"
    block = f"<!-- signing -->\n{text}\n<!-- /signing -->"
    marked = re.compile(r"<!-- signing -->.*?<!-- /signing -->", re.DOTALL)
    new = marked.sub(lambda _: block, old) if marked.search(old) else old.rstrip() + "\n\n" + block + "\n"
    path.write_text(new)


def peer_version(command: str) -> str:
    """What the command calls itself: it may live in another environment."""
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[-1]


def main() -> None:
    """Make the files, run, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--gib", type=float, default=1)
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    chosen = parser.parse_args()
    peer = shutil.which("model_signing")
    if peer is None:
        raise SystemExit("model_signing is not on the PATH: pip install model-signing==1.1.1 pyopenssl")
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), peer, chosen.gib, chosen.repeat)
    text = table(rows, peer_version(peer), chosen.gib, chosen.repeat)
    print(text)
    if not chosen.dry:
        write(text)


if __name__ == "__main__":
    main()
