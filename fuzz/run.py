"""Long fuzzing of the scanner: `python -m fuzz.run [--minutes 10] [--seed 0] [--worst] [FILE …]`, or `make fuzz`.

Files of tests/corpus are changed (see mutate.py) and scanned, each in a fork with time and memory held. A change that
reaches lines of hauberk.artifact that no file before it reached is kept and changed further: coverage comes from
sys.settrace, of one scan in twenty. What is not fine is written to fuzz/found/, with its traceback, and ends in exit 1;
once it is understood it moves to fuzz/corpus/, which the tests scan for ever.
--worst runs the files of worst.py instead: megabytes made to be slow. FILE: try these alone.
"""

# ruff: noqa: T201, S311
from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from .mutate import LARGEST, mutated
from .trial import FINE, Trial, answer, tried, warm

HERE = Path(__file__).parent
FOUND, KEPT = HERE / "found", HERE / "corpus"
TRACED = 20
SMALL = 1 << 16
"""Seeds above this are left to --worst: a fuzzer wants many scans a second."""


def seeds() -> list[bytes]:
    """Every single file of the corpus of the tests, and every regression."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from corpus import samples

    out = []
    for sample in samples():
        try:
            content = sample.build()
        except ImportError:
            continue
        parts = [content] if isinstance(content, bytes) else list(content.values())
        out += [part for part in parts if isinstance(part, bytes) and 0 < len(part) <= SMALL]
    return out + [path.read_bytes() for path in sorted(KEPT.glob("*")) if path.stat().st_size <= LARGEST]


def reached(data: bytes) -> set[tuple[str, int]]:
    """The lines of hauberk.artifact that a scan of these bytes runs. An error is none of this function's business."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if "hauberk/artifact" not in frame.f_code.co_filename:
            return None
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        answer(data)
    except Exception:  # noqa: BLE001 - `tried` has judged these bytes already; here only their lines count
        return lines
    finally:
        sys.settrace(None)
    return lines


def fuzz(minutes: float, seed: int) -> Iterator[tuple[bytes, Trial]]:
    """Change and scan until the time is over; yield what is not fine."""
    draw, pool, known = random.Random(seed), seeds(), set[tuple[str, int]]()
    end, n, kept = time.monotonic() + 60 * minutes, 0, 0
    while time.monotonic() < end:
        n += 1
        data = mutated(draw.choice(pool), draw.getrandbits(48), draw.choice(pool))
        trial = tried(data)
        if trial.word != FINE:
            yield data, trial
        elif n % TRACED == 0 and trial.cpu_s < 0.3 and (new := reached(data) - known):
            known |= new
            pool.append(data)
            kept += 1
        if n % 500 == 0:
            print(f"{n} scans, {len(known)} lines reached, {kept} kept", file=sys.stderr, flush=True)


def tell(name: str, data: bytes, trial: Trial, *, keep: bool = True) -> None:
    """Print what is not fine, and keep the bytes."""
    cost = f"{len(data):8} bytes {trial.cpu_s:6.2f} CPU s {trial.megabytes:5} MB"
    print(f"{trial.word:7} {name:28} {cost}  {trial.verdict}", flush=True)
    if trial.told:
        print("        " + trial.told.strip().splitlines()[-1][:160])
    if keep:
        FOUND.mkdir(exist_ok=True)
        (FOUND / name).write_bytes(data)
        (FOUND / f"{name}.txt").write_text(trial.told)


def main() -> int:
    """Fuzz, or run the worst files, or the files named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worst", action="store_true")
    parser.add_argument("--all", action="store_true", help="tell what is fine too")
    chosen = parser.parse_args()
    bad = 0
    warm()
    if chosen.worst or chosen.files:
        from .worst import CASES

        built = {p.name: p.read_bytes for p in chosen.files} or CASES
        for name, build in built.items():
            data = build()
            trial = tried(data)
            bad += trial.word != FINE
            if trial.word != FINE or chosen.all:
                tell(name, data, trial, keep=False)
        print(f"{len(built)} files, {bad} not fine")
    else:
        for data, trial in fuzz(chosen.minutes, chosen.seed):
            bad += 1
            tell(hashlib.sha256(data).hexdigest()[:16], data, trial)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
