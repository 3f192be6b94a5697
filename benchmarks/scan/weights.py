"""How much the check `artifact.weights` finds of payloads in low bits, and what it takes for one in honest weights.

    cd benchmarks && python -m scan.weights [--trials 200] [--dry]

Honest: every tensor of at least 1,024 floats in the real files of honest.tsv and in the models that made.py trains,
each once. Planted: windows of those tensors get 2 KB of a payload at 1 to 8 bits a weight, in both orders of bits, at a
random place. The table goes between the markers of benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hauberk.artifact.weights_bits import examine
from hauberk.artifact.weights_facts import BITS, words_of
from hauberk.artifact.weights_power import WINDOW, planted
from hauberk.artifact.weights_read import Named, numbers
from hauberk.core.errors import HauberkError
from hauberk.core.limits import Limits
from hauberk.core.stats import clopper_pearson

from .honest import collect
from .made import made

README = Path(__file__).parent.parent / "README.md"
FLOATS = ("F32", "F16", "BF16")
SIZE, DEPTHS = 2048, (1, 2, 3, 4, 5, 6, 7, 8)
MAX_ITEMS = 1 << 22
"""Numbers of one tensor that are looked at here; the check looks at all."""


def payloads() -> dict[str, bytes]:
    """What somebody might hide, each longer than SIZE."""
    root = Path(__file__).parent.parent.parent / "src" / "hauberk"
    source = b"".join(path.read_bytes() for path in sorted(root.glob("artifact/*.py")))
    program = Path(sys.executable).resolve().read_bytes()[: 1 << 20]
    key = np.random.default_rng(5).integers(0, 256, 16, dtype=np.uint8)
    packed = gzip.compress(source)
    return {
        "source text": source, "JSON": json.dumps([{"id": i, "key": hex(i * 7919)} for i in range(9999)]).encode(),
        "base64": base64.b64encode(program), "a program (ELF)": program,
        "Chinese text": "模型安全检查水印隐藏数据".encode() * 300,
        "a program, XOR with 16 bytes": _xor(program, key), "source text, XOR with 16 bytes": _xor(source, key),
        "gzip, from the start of a tensor": packed, "gzip, elsewhere": packed[64:],
        "random bytes (control)": np.random.default_rng(6).bytes(1 << 20),
    }  # fmt: skip


def _xor(data: bytes, key: Any) -> bytes:
    plain = np.frombuffer(data, np.uint8)
    return bytes(plain ^ np.resize(key, len(plain)))


def tensors(folder: Path) -> Iterator[tuple[str, Named]]:
    """(source, tensor), each tensor's bytes once."""
    seen: set[bytes] = set()
    paths = [(h.package, h.path) for h in collect()] + [(by, path) for _, by, path in made(folder)]
    for source, path in paths:
        try:
            for item in numbers(path, Limits()):
                if isinstance(item, Named) and item.dtype in FLOATS and len(item.data) >= 2048:
                    digest = hashlib.sha256(item.data).digest()
                    if digest not in seen:
                        seen.add(digest)
                        yield source, item
        except HauberkError as error:
            print(f"{source}: {error}", file=sys.stderr)


def measure(trials: int, folder: Path) -> dict[str, Any]:
    """Look at every honest tensor, then plant."""
    counts: Counter[str] = Counter()
    alarms: list[str] = []
    windows: list[tuple[Any, int]] = []
    draw = random.Random(0)
    for source, tensor in tensors(folder):
        words, mantissa = words_of(tensor)[:MAX_ITEMS].copy(), BITS[tensor.dtype][2]
        if len(words) < 1024:
            continue
        found = examine(words, mantissa)
        counts.update(tensors=1, blocks=found.blocks, all_blocks=found.all_blocks, numbers=len(words))
        counts["examined"] += found.blocks > 0
        if found.suspicion is not None:
            alarms.append(f"{source} {tensor.name}: {found.suspicion.mark}, {found.suspicion.what}")
        elif found.blocks >= 4 and len(words) >= WINDOW:
            at = draw.randrange(len(words) - WINDOW + 1)
            windows.append((words[at : at + WINDOW].copy(), mantissa))
    draw.shuffle(windows)
    rows = {name: _trials(payload, name, windows, trials) for name, payload in payloads().items()}
    return {"counts": counts, "alarms": alarms, "windows": len(windows), "rows": rows}


def _trials(payload: bytes, name: str, windows: list[tuple[Any, int]], trials: int) -> dict[int, tuple[int, int]]:
    draw, out = random.Random(name), dict.fromkeys(DEPTHS, (0, 0))
    for i in range(trials):
        words, mantissa = windows[i % len(windows)]
        depth = DEPTHS[i % len(DEPTHS)]
        if depth > mantissa - 3:
            continue
        start = 0 if "start" in name else draw.randrange(max(1, len(payload) - SIZE))
        at = 0 if "start" in name else draw.randrange(max(1, WINDOW - SIZE * 8 // depth))
        changed = planted(words, payload[start : start + SIZE], depth, at, low_first=bool(i // len(DEPTHS) % 2))
        hits, n = out[depth]
        out[depth] = hits + (examine(changed, mantissa).suspicion is not None), n + 1
    return out


def table(found: dict[str, Any], trials: int) -> str:
    """The Markdown between the markers."""
    counts, alarms = found["counts"], found["alarms"]
    wrong = clopper_pearson(len(alarms), counts["examined"])
    about = (
        f"`cd benchmarks && python -m scan.weights --trials {trials}` on {datetime.now(UTC):%Y-%m-%d}. Honest: "
        f"{counts['tensors']} tensors of {counts['numbers']:,} floats from the files of honest.tsv and models trained "
        f"here; {counts['examined']} of them ({counts['blocks']} of {counts['all_blocks']} blocks of 4,096) are at "
        f"full precision and were examined. **{len(alarms)} false alarms**: {100 * wrong.value:.2f} % of tensors, at "
        f"most {100 * wrong.high:.2f} % (95 %)."
    )
    how = (
        f"Planted: {SIZE} bytes in windows of {WINDOW:,} weights of {found['windows']} of those tensors. Share found, "
        "by bits a weight; what is random, or compressed and not at a tensor's start, is noise, and is not claimed."
    )
    told = [f"- {alarm}" for alarm in alarms]
    lines = ["## Bytes hidden in weights", "", about, "", *told, "", how, ""]
    lines += [f"| payload | {' | '.join(map(str, DEPTHS))} | all |", "|---|" + "--:|" * (len(DEPTHS) + 1)]
    for name, row in found["rows"].items():
        hits, n = sum(h for h, _ in row.values()), sum(m for _, m in row.values())
        cells = [f"{h / m:.2f}" if m else "–" for h, m in row.values()]
        lines.append(f"| {name} | {' | '.join(cells)} | {hits}/{n} |")
    return "\n".join(lines)


def write(text: str) -> None:
    """Put the table between its markers; the rest of the file is others'."""
    old = README.read_text()
    block = f"<!-- weights -->\n{text}\n<!-- /weights -->"
    marked = re.compile(r"<!-- weights -->.*?<!-- /weights -->", re.DOTALL)
    README.write_text(marked.sub(lambda _: block, old) if marked.search(old) else f"{old.rstrip()}\n\n{block}\n")


def main() -> None:
    """Measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hauberk-weights-") as folder:
        text = table(measure(chosen.trials, Path(folder)), chosen.trials)
    print(text) if chosen.dry else write(text)


if __name__ == "__main__":
    main()
