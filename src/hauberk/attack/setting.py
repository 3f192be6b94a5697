"""The setting that an attack and its control share: the same examples, the same space, the same radii.

>>> stratified(np.array([0, 0, 0, 0, 1, 1]), 3, seed=0).tolist()
[2, 3, 5]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import InputError
from hauberk.core.notebook import Notebook
from hauberk.core.ports import Dataset, Inputs, Model

from .threat import NORMS, Space, space_of

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

EPS_PICTURE = 8 / 255  # the usual radius of coloured pictures, of the range of a pixel (RobustBench)
EPS_SMALL_GREY = 0.1  # strokes on an empty ground bear more: a third of MNIST's customary 0.3, still hardly seen
EPS_TABLE = 0.1  # of a column's width
EPS_ARRAY = 0.03  # of the range of an element
L2_SHARE = 0.3
"""eps_l2 / (eps_linf * sqrt(elements)): the ratio of the usual radii 0.5 and 8/255 on 32x32x3 pictures."""
SMALL = 32
MAX_CHANNELS = 4

PATIENCE_S = 60.0
"""A default audit asks a slow model for so long; one that needs no more than three times that is asked in full."""
LONG_S = 0.1  # an answer that took so long was timed well enough
LEAST_SAMPLES = 20

RADII: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""The curve: multiples of the declared radius."""


@dataclass(frozen=True)
class Setting:
    """x: (n, *shape), y: (n,), rows: (n,) their positions in the test set; eps: declared radius by norm.

    radii: multiples of eps in rising order, 0 and 1 among them.
    """

    model: Model
    data: Dataset
    space: Space
    rows: Ints
    x: Floats
    y: Ints
    eps: Mapping[str, float]
    radii: tuple[float, ...]

    def curve(self, norm: str) -> tuple[float, ...]:
        """The radii of the curve in units of the space, rising."""
        return tuple(multiple * self.eps[norm] for multiple in self.radii)

    @property
    def unit(self) -> str:
        """What a radius is counted in."""
        return "feature widths" if self.space.features else "input units"


def settle(book: Notebook, inputs: Inputs, samples: int | None = None) -> Setting:
    """Choose examples and radii by the check's parameters `norms`, `eps`, `radii`, `samples`, and note them.

    samples: use at most so many, whatever the parameters say (a query budget).
    """
    model, data = inputs.model, inputs.test
    if model is None or data is None:
        raise InputError(f"{book.check.id}: needs a model and labelled test data")
    if tuple(data.x.shape[1:]) != tuple(model.shape):
        raise InputError(f"{data.name}: examples have shape {data.x.shape[1:]}, the model takes {model.shape}")
    if not len(data.y) or int(data.y.max()) >= model.n_classes:
        raise InputError(f"{data.name}: {len(data.y)} examples, labels up to {data.y.max(initial=0)}; "
                         f"the model knows {model.n_classes} classes")  # fmt: skip
    space = space_of(model, data)
    wanted = count(book, "samples", default_samples(data))
    rows = stratified(data.y, min(wanted, samples or wanted), book.seed)
    book.note("settled_examples", len(rows))
    eps = _eps(book, space, data)
    radii = tuple(sorted({0.0, 1.0, *(_number(r, "radii") for r in _list(book, "radii"))}))
    return Setting(model, data, space, rows, np.array(data.x[rows]), np.array(data.y[rows]), eps, radii)


def stratified(y: Ints, n: int, seed: int) -> Ints:
    """Positions of n examples, every class in proportion (the rarest first served), in rising order."""
    if n >= len(y):
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    rank, size = np.zeros(len(y)), np.zeros(len(y))
    for label in np.unique(y):
        mine = order[y[order] == label]
        rank[mine], size[mine] = np.arange(len(mine)) + 0.5, len(mine)
    return np.sort(np.argsort(rank / size, kind="stable")[:n])


def default_eps(space: Space, shape: tuple[int, ...]) -> dict[str, float]:
    """Radii to attack at when none was declared, by norm, in units of the space."""
    free = space.unit > 0
    if space.features:
        linf = EPS_TABLE
    else:
        span = float(np.median((space.high - space.low)[free])) if free.any() else 0.0
        linf = span * (_picture_eps(shape) if len(shape) in (2, 3) else EPS_ARRAY)
    return {"linf": linf, "l2": derived_l2(linf, space)}


def derived_l2(linf: float, space: Space) -> float:
    """The L2 radius that goes with an L-infinity radius: L2_SHARE of the longest step in that ball."""
    return _two_digits(L2_SHARE * linf * float(np.sqrt((space.unit > 0).sum())))


def norms(book: Notebook) -> tuple[str, ...]:
    """The parameter `norms`, checked."""
    chosen = tuple(str(norm) for norm in _list(book, "norms"))
    if unknown := [norm for norm in chosen if norm not in NORMS]:
        raise InputError(f"{book.check.id}: norm {unknown[0]!r} is none of {', '.join(NORMS)}")
    return chosen


def count(book: Notebook, name: str, default: int) -> int:
    """A whole-number parameter; where it is None, the default, which is then noted."""
    value = book.parameters[name]
    if value is None:
        book.note(name, default)
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{book.check.id}: {name} is {value!r}, expected a whole number above 0")
    return value


def default_samples(data: Dataset) -> int:
    """A table's rows are cheap; a large picture's gradients are not."""
    elements = data.x[0].size
    most = 300 if data.features else 200 if elements <= 4096 else 100 if elements <= 50_000 else 50
    return min(most, len(data.y))


def patience(book: Notebook, queries: float, aim_s: float = PATIENCE_S) -> int | None:
    """How many queries a slow model is asked instead of `queries`, or None where nothing need be cut.

    Nothing is cut where the caller gave samples, queries or a query budget, or where the time is less than three
    times `aim_s`. A wall-clock budget takes the place of both bounds. What is cut is noted with the measured cost.
    """
    chosen = (book.parameters.get(name) for name in ("samples", "queries"))
    if book.limits.queries is not None or any(value is not None for value in chosen):
        return None
    return fitting(book, queries, query_s(book), aim_s, "query_ms")


def fitting(book: Notebook, asked: float, each_s: float, aim_s: float, name: str) -> int | None:
    """How many of `asked` answers of `each_s` seconds fit the time, noted under `name`; None if all do."""
    wall = book.limits.wall_s
    full, aim = (3 * aim_s, aim_s) if wall is None else (0.8 * wall, 0.8 * wall)
    if asked * each_s <= full:
        return None
    book.note(name, _two_digits(1000 * each_s))
    return int(aim / each_s)


def query_s(book: Notebook) -> float:
    """Seconds of an answer in a batch, measured on test examples in growing batches. Costs at most 681 queries."""
    model, data, clock = book.inputs.model, book.inputs.test, book.inputs.clock
    assert model is not None
    assert data is not None
    x, n = np.asarray(data.x), 8
    model.predict(x[:1])  # the first answer may build what the others use
    while True:
        start = clock.monotonic()
        model.predict(x[:n])
        took = clock.monotonic() - start
        if took >= LONG_S or n >= min(512, len(x)):
            return took / min(n, len(x))
        n *= 4


def _eps(book: Notebook, space: Space, data: Dataset) -> dict[str, float]:
    given: Any = book.parameters["eps"]
    if given is None:
        found = default_eps(space, tuple(data.x.shape[1:]))
        eps: dict[str, float] = {norm: found[norm] for norm in norms(book)}
        book.note("eps", {**eps})
        return eps
    if isinstance(given, Mapping) and set(norms(book)) <= set(given):
        return {norm: _number(given[norm], "eps") for norm in norms(book)}
    if not isinstance(given, Mapping):
        return _one_eps(book, space, _number(given, "eps"))
    raise InputError(f"{book.check.id}: eps is {given!r}", hint="give a radius for every norm: eps = { linf = 0.03 }")


def _one_eps(book: Notebook, space: Space, given: float) -> dict[str, float]:
    """One number is the radius of the only norm, or of L-infinity; L2 is then derived, and noted."""
    if len(norms(book)) == 1:
        return {norms(book)[0]: given}
    both = {"linf": given, "l2": derived_l2(given, space)}
    eps = {norm: both[norm] for norm in norms(book)}
    book.note("settled_eps", {**eps})
    return eps


def percent(share: float) -> str:
    """A share of one in a message, as the report writes it.

    >>> percent(0.985)
    '98.5 %'
    """
    return f"{100 * share:.1f} %"


def _picture_eps(shape: tuple[int, ...]) -> float:
    colours = shape[0] if shape[0] <= MAX_CHANNELS else shape[-1] if shape[-1] <= MAX_CHANNELS else 1
    return EPS_SMALL_GREY if max(shape) < SMALL and colours < 3 else EPS_PICTURE


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def _number(value: Json, name: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise InputError(f"{name} holds {value!r}, expected a finite number >= 0")
    return float(value)


def _list(book: Notebook, name: str) -> list[Json]:
    value: Any = book.parameters[name]
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise InputError(f"{book.check.id}: {name} is {value!r}, expected a list")
    return list(value)
