"""Signs of false safety: a model that hides its gradients looks robust to attacks that follow them.

After Athalye et al. 2018 (arXiv:1802.00420) and Carlini et al. 2019 (arXiv:1902.06705, checklist).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..threat import Threat
from .campaign import Campaign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Ints

RULE = "attack.evasion.masking."
TOLERATED = 0.02
"""Share of rows by which a random search may by chance beat a gradient attack, or a larger radius fail."""
FEW = 1  # … or so many rows, where that is more
ZERO_SHARE = 0.1  # of rows without any gradient: beyond that gradients are not what the attack needs
FLAT_SHARE = 0.5  # of the standing rows on which the loss never rose
UNBOUNDED = 0.95
"""An attack that may change everything must break nearly every row (Carlini et al. 2019)."""
PROBE = 50  # rows for the runs at larger radii
PROBE_STEPS = 30


@dataclass(frozen=True)
class Sign:
    """A sign of false safety. doubtful: it makes the white-box numbers upper bounds only."""

    rule: str
    message: str
    doubtful: bool = True


def signs(campaign: Campaign) -> list[Sign]:
    """Every sign that a white-box campaign left. Costs some 60 gradients on at most 50 rows."""
    found = [_black_beats_white(campaign), *_no_gradient(campaign), _flat_loss(campaign), *_radius(campaign)]
    return [sign for sign in found if sign is not None]


def _black_beats_white(campaign: Campaign) -> Sign | None:
    referee, eps = campaign.referee, campaign.eps
    white = _white(campaign)
    black = referee.by_attack("Square", Threat(campaign.norm, eps, "score"))
    missed = int((black & ~white).sum())
    if missed <= _chance(int(referee.right.sum())):
        return None
    return Sign(RULE + "black_box", f"{campaign.norm}: blind search broke {missed} examples that gradients did not; "
                f"gradients broke {int(white.sum())}, the search {int(black.sum())}")  # fmt: skip


def _white(campaign: Campaign) -> NDArray[np.bool_]:
    threat = Threat(campaign.norm, campaign.eps, "gradient")
    return campaign.referee.by_attack("APGD-CE", threat) | campaign.referee.by_attack("APGD-T", threat)


def _no_gradient(campaign: Campaign) -> list[Sign | None]:
    """Cross-entropy without a gradient: saturated if the logits still have one, masked if not."""
    if "APGD-CE" not in campaign.ascents:
        return []
    rows, ascent = campaign.ascents["APGD-CE"]
    flat = rows[ascent.flat & (ascent.gradients > 0)]
    if len(flat) <= max(FEW, ZERO_SHARE * len(rows)):
        return []
    t_rows, t_ascent = campaign.ascents.get("APGD-T", (rows[:0], ascent))
    alive = np.isin(flat, t_rows[~t_ascent.flat]) if len(t_rows) else np.zeros(len(flat), bool)
    dead, share = int((~alive).sum()), f"{len(flat)} of {len(rows)} examples"
    if dead > max(FEW, ZERO_SHARE * len(rows)):
        return [Sign(RULE + "zero_gradient", f"{campaign.norm}: no gradient at all on {dead} of {len(rows)} examples")]
    return [Sign(RULE + "saturated", f"{campaign.norm}: cross-entropy has no gradient on {share}: the logits are "
                 "saturated; the scale-free loss of APGD-T was needed", doubtful=False)]  # fmt: skip


def _flat_loss(campaign: Campaign) -> Sign | None:
    if "APGD-CE" not in campaign.ascents:
        return None
    rows, ascent = campaign.ascents["APGD-CE"]
    stands = ~_white(campaign)[rows] & (ascent.gradients > 0)
    still = int((stands & (ascent.best <= ascent.first)).sum())
    if still <= max(FEW, FLAT_SHARE * int(stands.sum())):
        return None
    return Sign(RULE + "flat_loss", f"{campaign.norm}: on {still} of {int(stands.sum())} standing examples the loss "
                "never rose above where the attack began")  # fmt: skip


def _radius(campaign: Campaign) -> list[Sign | None]:
    """From scratch at a larger radius, and without one: both must break what a small radius breaks, and more."""
    rows = np.flatnonzero(campaign.referee.right)[:PROBE]
    if not len(rows) or campaign.stop():
        return []
    white = _white(campaign)[rows]
    larger = _broken_at(campaign, rows, campaign.setting.curve(campaign.norm)[-1])
    lost = int((white & ~larger).sum())
    found: list[Sign | None] = []
    if lost > _chance(len(rows)) + 0.05 * len(rows):
        found.append(Sign(RULE + "larger_radius", f"{campaign.norm}: {lost} examples that break at the declared radius "
                          "stand at the largest one"))  # fmt: skip
    space = campaign.setting.space
    if space.features:  # an immutable or whole-number column may rightly stop an attack
        return found
    everything = _broken_at(campaign, rows, space.diameter[campaign.norm])
    if everything.mean() < UNBOUNDED:
        found.append(Sign(RULE + "unbounded", f"{campaign.norm}: an attack free to change everything broke only "
                          f"{int(everything.sum())} of {len(rows)} examples"))  # fmt: skip
    return found


def _broken_at(campaign: Campaign, rows: Ints, radius: float) -> NDArray[np.bool_]:
    from .apgd import apgd

    s = campaign.setting
    found = apgd(campaign.module, s.x[rows], s.y[rows], s.space, campaign.norm, radius, loss="ce",
                 steps=PROBE_STEPS, seed=campaign.book.seed + 1, stop=campaign.stop)  # fmt: skip
    campaign.gradients += int(found.gradients.sum())
    return campaign.referee.judge(rows, found.x_adv, campaign.threat(radius, "gradient"), "APGD probe")


def _chance(rows: int) -> float:
    return max(FEW, TOLERATED * rows)
