"""What the evidence of an evasion campaign shows: curves, pictures, changed rows, records, classes."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.canon import Scalar
from hauberk.core.exhibits import Chart, Picture, Strip, Table
from hauberk.core.nouns import Measurement

from ..controls.noise import KIND, line
from ..referee import Referee
from ..setting import Setting
from .square import picture_axes

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

SHOWN = 8
MAX_SIDE = 96


def curve(setting: Setting, norm: str, attacked: Sequence[Measurement], control: Sequence[Measurement]) -> Chart:
    """Accuracy against radius: under attack, and under benign noise of the same size."""
    lines = [line("under attack", list(attacked))]
    if control:
        lines.append(line(f"{KIND[norm]} noise", list(control)))
    return Chart(f"robustness.{norm}", f"Accuracy against attack strength ({norm})",
                 f"radius ({setting.unit})", "accuracy", tuple(lines))  # fmt: skip


def strip(setting: Setting, referee: Referee, norm: str) -> Strip | None:
    """Up to 8 originals beside their adversarial twins, one a class first; None where examples are no pictures."""
    shape = setting.x.shape[1:]
    rows = _chosen(setting, referee, norm)
    if setting.space.features or picture_axes(shape) is None or not len(rows):
        return None
    twins = [[_pixels(setting, a[row]) for a in (setting.x, referee.closest[norm].x_adv)] for row in rows]
    height, width, channels = twins[0][0].shape
    said = referee.model.predict(referee.closest[norm].x_adv[rows]).argmax(axis=1)
    pictures = tuple(
        Picture(_base64(before), _base64(after), _name(setting, setting.y[row]), _name(setting, label),
                f"example {setting.rows[row]}, {norm} distance {referee.closest[norm].distance[row]:.4g}")
        for row, label, (before, after) in zip(rows, said, twins, strict=True)
    )  # fmt: skip
    return Strip(f"evasion.examples.{norm}", f"Adversarial examples ({norm})", height, width, channels, pictures)


def changes(setting: Setting, referee: Referee, norm: str) -> Table | None:
    """What an attacker changes in up to 8 rows of a table, and what that costs in widths of the column."""
    features = setting.space.features
    if not features:
        return None
    rows: list[tuple[Scalar, ...]] = []
    for row in _chosen(setting, referee, norm):
        old, new = setting.x[row], referee.closest[norm].x_adv[row]
        for j in np.flatnonzero(old != new):
            f = features[j]
            cost = abs(float(new[j]) - float(old[j])) / f.width if f.kind in ("numeric", "integer") else 1.0
            rows.append((int(setting.rows[row]), f.name, _value(f.categories, old[j]), _value(f.categories, new[j]),
                         _round(cost)))  # fmt: skip
    marked = tuple((i, 3) for i in range(len(rows)))
    title = f"What an attacker changes ({norm}): nearest adversarial rows"
    columns = ("row", "feature", "from", "to", "cost in widths")
    return Table(f"evasion.changes.{norm}", title, columns, tuple(rows), marked) if rows else None


def records(setting: Setting, referee: Referee, broken_by: Sequence[str]) -> Table:
    """One line an example: what broke it at the declared radius, how near it was broken, at which price."""
    clean = referee.clean.argmax(axis=1)
    rows = tuple(
        (int(setting.rows[i]), _name(setting, setting.y[i]), _name(setting, clean[i]), broken_by[i],
         *(_round(float(referee.closest[norm].distance[i])) for norm in ("linf", "l2")), int(referee.queries[i]))
        for i in range(len(setting.y))
    )  # fmt: skip
    columns = ("example", "label", "clean answer", "broken by", "linf distance", "l2 distance", "queries")
    return Table("evasion.records", "Every example attacked", columns, rows)


def by_class(setting: Setting, referee: Referee) -> Table:
    """Clean and robust accuracy at the declared radii, class by class."""
    rows: list[tuple[Scalar, ...]] = []
    for label in np.unique(setting.y):
        mine = setting.y == label
        robust = [float(referee.robust(norm, eps)[mine].mean()) for norm, eps in setting.eps.items()]
        rows.append((_name(setting, label), int(mine.sum()), _round(float(referee.right[mine].mean())),
                     *(_round(share) for share in robust)))  # fmt: skip
    columns = ("class", "examples", "clean accuracy", *(f"robust, {n} {e:g}" for n, e in setting.eps.items()))
    return Table("evasion.classes", "Success by class", columns, tuple(rows))


def _chosen(setting: Setting, referee: Referee, norm: str) -> Ints:
    """Broken rows to show: the nearest of every class, then the nearest left; inside the declared radius first."""
    distance = referee.closest[norm].distance
    order = [int(i) for i in np.argsort(distance, kind="stable") if np.isfinite(distance[i])]
    first = list({int(setting.y[i]): i for i in reversed(order)}.values())
    rest = [i for i in order if i not in set(first)]
    picked = sorted(first, key=lambda i: distance[i])[:SHOWN]
    return np.array((picked + rest)[:SHOWN], np.int64)


def _pixels(setting: Setting, example: Floats) -> Floats:
    """(h, w, 1 or 3) bytes; large pictures averaged down to 96 pixels a side at most."""
    axes = picture_axes(example.shape)
    assert axes is not None
    channel, height, width = axes
    whole = example[..., None] if channel is None else example.transpose(height, width, channel)
    whole = whole[..., :3] if whole.shape[2] >= 3 else whole[..., :1]
    low, high = float(setting.space.low.min()), float(setting.space.high.max())
    block = math.ceil(max(whole.shape[:2]) / MAX_SIDE)
    h, w = (side // block * block for side in whole.shape[:2])
    small = whole[:h, :w].reshape(h // block, block, w // block, block, -1).mean(axis=(1, 3))
    return np.asarray(np.clip(np.round((small - low) / max(high - low, 1e-12) * 255), 0, 255).astype(np.uint8))


def _base64(pixels: Floats) -> str:
    return base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode("ascii")


def _value(categories: Sequence[str], value: float) -> Scalar:
    code = int(value)
    return categories[code] if categories and 0 <= code < len(categories) else _round(float(value))


def _name(setting: Setting, label: int) -> str:
    names = setting.data.classes
    return names[label] if label < len(names) else str(int(label))


def _round(value: float) -> float | None:
    """Four significant digits, or None for what was never found."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
