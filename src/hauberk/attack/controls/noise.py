"""`attack.noise`: the benign control arm. Random change of the size of an attack, without an attacker.

Uniform noise fills the L-infinity ball; Gaussian noise points anywhere at full L2 radius. Inside the box and
the constraints of a table, as the attacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import LimitExceeded
from hauberk.core.exhibits import Chart, Line
from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Evidence, Measurement, Place, Severity
from hauberk.core.ports import Inputs, Need
from hauberk.core.stats import rate

from ..setting import LEAST_SAMPLES, RADII, Setting, count, default_samples, norms, patience, percent, settle
from ..threat import column, size

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

KIND = {"linf": "uniform", "l2": "gaussian"}
NOISE_S = 20.0  # a slow model is asked for so long: noise needs fewer answers than an attack
DROP = 0.1
"""Accuracy that noise at the declared radius may cost before it is a finding: a tenth of the clean accuracy,
beyond what sampling explains. Benign change of a size that is called imperceptible should cost next to nothing."""


def noisy(setting: Setting, norm: str, radius: float, random: np.random.Generator) -> Floats:
    """(n, *shape): every example moved at random within (linf) or by (l2) the radius, and made valid."""
    x, free = setting.x, setting.space.unit > 0
    if norm == "linf":
        step = radius * random.uniform(-1, 1, x.shape)
    else:
        step = np.where(free, random.standard_normal(x.shape), 0.0)
        step *= radius / np.maximum(column(size(step, "l2"), x.ndim), 1e-300)
    return setting.space.into_ball(x + step * setting.space.scale, x, norm, radius)


def noise_accuracy(setting: Setting, norm: str, radius: float, *, draws: int, seed: int, name: str) -> Measurement:
    """Accuracy under noise, a mean over `draws`; costs `draws` queries an example (one at radius 0).

    The interval is that of one draw: draws of the same examples say nothing new about other examples.
    """
    random = np.random.default_rng([seed, draws])
    rounds = draws if radius > 0 else 1
    hits = sum(
        int((setting.model.predict(noisy(setting, norm, radius, random)).argmax(axis=1) == setting.y).sum())
        for _ in range(rounds)
    )
    return rate(name, round(hits / rounds), len(setting.y), at={"eps": radius})


class Noise:
    """Accuracy under uniform and Gaussian noise at the radii of `attack.evasion`.

    draws: of noise for every example and radius. The others: as `attack.evasion`.
    """

    id: str = "attack.noise"
    version: str = "1"
    title: str = "Accuracy under benign noise"
    needs: tuple[Need, ...] = (Need.MODEL, Need.TEST)
    roles: tuple[str, ...] = ("model", "test")
    tools: tuple[str, ...] = ("numpy",)

    defaults: Mapping[str, Json] = MappingProxyType(
        {"norms": ["linf", "l2"], "eps": None, "radii": list(RADII), "samples": None, "draws": 5}
    )

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Measure, and find when noise alone breaks the model."""
        book = Notebook(self, inputs, limits, seed)
        draws, samples = _affordable(book, count(book, "draws", 5))
        setting = settle(book, inputs, samples)
        try:
            for norm in setting.eps:
                self._arm(book, setting, norm, draws)
        except LimitExceeded as spent:
            book.skip("attack.noise: the remaining radii", str(spent))
        return book.evidence()

    def _arm(self, book: Notebook, setting: Setting, norm: str, draws: int) -> None:
        seen: list[Measurement] = []
        for done, radius in enumerate(setting.curve(norm)):
            book.check_time()
            book.inputs.progress(done, len(setting.radii), f"{KIND[norm]} noise, radius {radius:g}")
            seen.append(noise_accuracy(setting, norm, radius, draws=draws, seed=book.seed,
                                       name=f"accuracy.{KIND[norm]}"))  # fmt: skip
            book.measure(seen[-1])
        book.show(Chart(f"noise.{norm}", f"Accuracy under {KIND[norm]} noise", f"radius ({norm}, {setting.unit})",
                        "accuracy", (line(f"{KIND[norm]} noise", seen),)))  # fmt: skip
        _judge(book, seen[0], seen[setting.radii.index(1.0)], norm)


def line(label: str, seen: list[Measurement]) -> Line:
    """Measurements along `eps` as a line with its band."""
    return Line(label, tuple(float(m.at["eps"] or 0) for m in seen), tuple(m.value for m in seen),
                tuple(m.low for m in seen), tuple(m.high for m in seen))  # fmt: skip


def _judge(book: Notebook, clean: Measurement, declared: Measurement, norm: str) -> None:
    if declared.high >= clean.value * (1 - DROP):
        return
    message = (f"{KIND[norm]} noise of radius {declared.at['eps']:g} alone lowers accuracy from {percent(clean.value)} "
               f"to {percent(declared.value)}: no attacker is needed")  # fmt: skip
    book.find(
        "attack.noise.fragile", Severity.MEDIUM, "model", Place("", norm), message,
        remedy="train with noisy and augmented examples, or reject inputs unlike the training data",
        references=("AML.T0015", "CWE-1039", "AISVS-11.1.3"),
    )  # fmt: skip


def _affordable(book: Notebook, draws: int) -> tuple[int, int | None]:
    """Draws, and examples where not even one draw of all can be paid."""
    data, radii = book.inputs.test, len(book.parameters["radii"] or ())  # type: ignore[arg-type]
    if data is None or not len(data.y):
        return draws, None
    looks = max(1, radii * len(norms(book)))
    samples = count(book, "samples", default_samples(data))
    budget = book.limits.queries or patience(book, draws * looks * samples, NOISE_S)
    if budget is None:
        return draws, None
    fitted = max(1, min(draws, budget // (looks * min(samples, len(data.y)))))
    if fitted < draws:
        book.note("settled_draws", fitted)
    return fitted, max(LEAST_SAMPLES, budget // looks) if fitted == 1 else None


NOISE = Noise()
