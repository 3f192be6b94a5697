"""Sealing and opening beside a plain AESGCM loop over the same file: throughput and processor seconds.

    python benchmarks/sealing.py [--mib 1024] [--repeat 7] [--folder DIR] [--dry]

The plain loop is what one writes first: read a MiB, `AESGCM.decrypt`, and keep, write or drop the result, each in a
bytes object of its own. It decrypts chunks of the same size that it sealed itself, with a counter for a nonce. All
sides run in turn over files in the page cache; the least of each is kept. The table goes between the markers of
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hauberk.crypto import sealkeys
from hauberk.crypto.open import open_sealed, open_to_file
from hauberk.crypto.seal import seal

README = Path(__file__).parent / "README.md"
MIB = 1 << 20
KEY, ASSOCIATED = bytes(32), b"header"
Work = Callable[[], object]


@dataclass
class Best:
    """The least that a piece of work took."""

    wall_s: float = float("inf")
    cpu_s: float = float("inf")

    def time(self, work: Work) -> None:
        """Once more."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.wall_s = min(self.wall_s, time.perf_counter() - wall)
        self.cpu_s = min(self.cpu_s, time.process_time() - cpu)
        del result


class Bench:
    """The files, and each side's work over them."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.clear, self.sealed, self.plain, self.out = (folder / n for n in ("clear", "sealed", "plain", "out"))
        self.mib, self.key, self.cipher = mib, sealkeys.generate(), AESGCM(KEY)
        with self.clear.open("wb") as f:
            for _ in range(mib):
                f.write(os.urandom(MIB))
        seal(self.clear, self.sealed, [self.key.public])
        self.plain_seal()
        os.replace(self.out, self.plain)
        for path in (self.clear, self.sealed, self.plain):
            with path.open("rb") as f:
                while f.read(MIB):
                    pass

    def work(self) -> dict[str, Work]:
        """By name; what begins with `plain` is the loop."""
        return {
            "plain, decrypt and drop": self.plain_drop,
            "plain, decrypt into memory": self.plain_memory,
            "plain, decrypt into a file": self.plain_file,
            "plain, encrypt into a file": self.plain_seal,
            "open into memory, one thread": lambda: open_sealed(self.sealed, [self.key], threads=1),
            "open into memory": lambda: open_sealed(self.sealed, [self.key]),
            "open into a file, one thread": lambda: self.opened(1),
            "open into a file": lambda: self.opened(None),
            "seal into a file, one thread": lambda: self.sealing(1),
            "seal into a file": lambda: self.sealing(None),
        }

    def chunks(self) -> object:
        with self.plain.open("rb") as f:
            i = 0
            while piece := f.read(MIB + 16):
                yield self.cipher.decrypt(i.to_bytes(12, "big"), piece, ASSOCIATED)
                i += 1

    def plain_drop(self) -> None:
        for _ in self.chunks():  # type: ignore[attr-defined]
            pass

    def plain_memory(self) -> bytes:
        return b"".join(list(self.chunks()))  # type: ignore[call-overload]

    def plain_file(self) -> None:
        with self.out.open("wb") as f:
            for piece in self.chunks():  # type: ignore[attr-defined]
                f.write(piece)

    def plain_seal(self) -> None:
        with self.clear.open("rb") as f, self.out.open("wb") as out:
            i = 0
            while piece := f.read(MIB):
                out.write(self.cipher.encrypt(i.to_bytes(12, "big"), piece, ASSOCIATED))
                i += 1

    def opened(self, threads: int | None) -> None:
        open_to_file(self.sealed, self.out, [self.key], replace=True, threads=threads)

    def sealing(self, threads: int | None) -> None:
        seal(self.clear, self.out, [self.key.public], replace=True, threads=threads)


BESIDE = {
    "open into memory": "plain, decrypt into memory", "open into a file": "plain, decrypt into a file",
    "seal into a file": "plain, encrypt into a file",
}  # fmt: skip
DROP = "plain, decrypt and drop"


def measure(bench: Bench, repeat: int) -> dict[str, Best]:
    """All sides in turn; before each, what the one before wrote is gone and on the disk."""
    work, best = bench.work(), dict[str, Best]()
    for _ in range(repeat):
        for name, run in work.items():
            bench.out.unlink(missing_ok=True)
            os.sync()
            best.setdefault(name, Best()).time(run)
    return best


def table(best: dict[str, Best], mib: int, repeat: int) -> str:
    """The Markdown between the markers."""
    cores = len(os.sched_getaffinity(0))
    how = (
        f"`python benchmarks/sealing.py --mib {mib} --repeat {repeat}`, {datetime.now(UTC):%Y-%m-%d}, Python "
        f"{platform.python_version()}, cryptography {version('cryptography')}, {cores} processors, {_processor()}. "
        f"A file of {mib} MiB in the page cache; the least of {repeat} runs, in turn. *beside*: throughput over that "
        "of the plain loop that gives the same (memory or a file); *beside drop*: over the loop that decrypts and "
        "drops, which nobody can use."
    )
    head = "| work | GB/s | wall s | CPU s | beside | beside drop |"
    lines = ["## Sealing", "", how, "", head, "|---|--:|--:|--:|--:|--:|"]
    for name, took in best.items():
        peer = BESIDE.get(name.removesuffix(", one thread"))
        beside = f"{best[peer].wall_s / took.wall_s:.1f}x" if peer else ""
        drop = f"{best[DROP].wall_s / took.wall_s:.1f}x" if peer and not peer.endswith("encrypt into a file") else ""
        rate = mib * MIB / took.wall_s / 1e9
        lines.append(f"| {name} | {rate:.2f} | {took.wall_s:.2f} | {took.cpu_s:.2f} | {beside} | {drop} |")
    return "\n".join(lines)


def _processor() -> str:
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def write(text: str, path: Path = README) -> None:
    """Put the table between its markers; the rest of the file is others'."""
    old = path.read_text() if path.exists() else "# Benchmarks\n"
    block = f"<!-- sealing -->\n{text}\n<!-- /sealing -->"
    marked = re.compile(r"<!-- sealing -->.*?<!-- /sealing -->", re.DOTALL)
    new = marked.sub(lambda _: block, old) if marked.search(old) else old.rstrip() + "\n\n" + block + "\n"
    path.write_text(new)


def main() -> None:
    """Make the files, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the files lie (default: the system's temporary folder)")
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        text = table(measure(Bench(Path(folder), chosen.mib), chosen.repeat), chosen.mib, chosen.repeat)
    print(text)
    if not chosen.dry:
        write(text)


if __name__ == "__main__":
    main()
