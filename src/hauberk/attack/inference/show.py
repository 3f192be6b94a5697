"""What a person sees of a membership attack: the ROC on logarithmic axes, and the records most at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hauberk.core.exhibits import Chart, Line, Table

from .rmia import online_evidence, rmia
from .roc import tpr_at_fpr

if TYPE_CHECKING:
    from hauberk.core.ports import Dataset

    from .campaign import Campaign, Scores
    from .sample import Pool

POINTS = 40
AT_RISK = 20
LABELS = {"rmia": "RMIA", "lira": "LiRA", "confidence": "baseline: confidence"}


def chart(campaign: Campaign, attack: str) -> Chart:
    """The ROC of the attack with its band, the confidence baseline, the control and chance."""
    lines = [
        line(LABELS[attack], campaign.attack(attack), band=True),
        line(LABELS["confidence"], campaign.attack("confidence")),
    ]
    control = campaign.null(attack)
    if control is not None and len(control.members):
        lines.append(line("control: saw neither side", control))
    rates = tuple(_grid(campaign.n))
    lines.append(Line("chance", rates, rates))
    return Chart(
        "membership.roc", "Telling members from non-members",
        "false-positive rate", "true-positive rate", tuple(lines), "log", "log",
    )  # fmt: skip


def line(label: str, scores: Scores, *, band: bool = False) -> Line:
    """The best true-positive rate at each false-positive rate that the non-members resolve.

    Rates of 0 have no place on a logarithmic axis and are left out.
    """
    grid = _grid(len(scores.non_members))
    found = [(fpr, tpr_at_fpr(scores.members, scores.non_members, fpr).tpr) for fpr in grid if fpr < 1]
    seen = [(fpr, rate) for fpr, rate in found if rate.value > 0]
    x, y = tuple(fpr for fpr, _ in seen), tuple(rate.value for _, rate in seen)
    if not band:
        return Line(label, x, y)
    return Line(label, x, y, tuple(rate.low for _, rate in seen), tuple(rate.high for _, rate in seen))


def table(campaign: Campaign, pool: Pool, train: Dataset) -> Table:
    """The members that the model gives away most, by the RMIA score, then by the ratio behind it."""
    n, target = campaign.n, campaign.target.true
    evidence = online_evidence(campaign.references)
    scores = rmia(target[:n], evidence[:n], target[n:], evidence[n:])
    order = np.lexsort((-target[:n] / np.maximum(evidence[:n], 1e-12), -scores))[:AT_RISK]
    rows = tuple(
        (int(pool.row[i]), name_of(train, int(pool.y[i])), round(float(scores[i]), 4),
         round(float(target[i]), 4), round(float(evidence[i]), 4))
        for i in order
    )  # fmt: skip
    columns = ("row", "label", "score", "confidence", "confidence of references")
    return Table("membership.at_risk", "Training records most at risk", columns, rows)


def name_of(data: Dataset, label: int) -> str:
    """The name of a class, or its number where it has none."""
    return data.classes[label] if label < len(data.classes) else str(label)


def _grid(non_members: int) -> list[float]:
    return [float(rate) for rate in np.geomspace(1 / max(2, non_members), 1.0, POINTS)]
