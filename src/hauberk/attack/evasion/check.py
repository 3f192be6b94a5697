"""`attack.evasion`: how small a change makes the model wrong?

White box where there is a gradient (APGD-CE, APGD-T, a short Square run to see masking), black box elsewhere
(Square by scores, HopSkipJump by labels). The referee alone measures; every number stands beside benign noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import LimitExceeded, MissingExtra, UnsupportedError
from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Evidence, Measurement, Place, Severity
from hauberk.core.ports import Inputs, Need
from hauberk.core.stats import bootstrap, exact, rate

from ..controls.noise import noise_accuracy
from ..referee import Referee
from ..setting import RADII, Setting, percent, settle
from ..threat import Threat
from . import exhibits
from .campaign import Campaign, Effort
from .categories import note_left_out, one_category
from .effort import settle_effort
from .masking import Sign, signs

LADDER = ((0.5, Severity.HIGH), (0.8, Severity.MEDIUM), (0.95, Severity.LOW))
"""Severity by what is left of the control: pessimistic robust accuracy over pessimistic accuracy under noise of
the same radius. Half lost is worse than a coin for the attacker's victim; a twentieth is within daily drift."""
REFERENCES = ("AML.T0015", "AML.T0043", "ML01:2023", "CWE-1039", "AISVS-11.1.3", "AISVS-11.1.4")
REMEDY = ("train on adversarial examples, limit and watch queries, answer with labels instead of "
          "scores, and keep a person or a second signal in front of costly decisions")  # fmt: skip
RESERVE_SHARE = 0.05  # of the wall-clock budget, for closing the books
RESERVE_S = 5.0
RESAMPLES = 500


class Evasion:
    """Robust accuracy along a curve of radii, nearest adversarial examples, and signs of false safety.

    eps: radius by norm, None to settle it from the data. radii: multiples of it. samples: examples.
    steps, targets: of APGD. queries: model answers for each example, attack and norm. short_queries: of the
    Square run that looks for masking. white_box: false to attack through `predict` only.
    """

    id: str = "attack.evasion"
    version: str = "1"
    title: str = "Evasion: adversarial examples"
    needs: tuple[Need, ...] = (Need.MODEL, Need.TEST)
    roles: tuple[str, ...] = ("model", "test")
    tools: tuple[str, ...] = ("numpy", "torch")

    defaults: Mapping[str, Json] = MappingProxyType({
        "norms": ["linf", "l2"], "eps": None, "radii": list(RADII), "samples": None,
        "steps": 40, "targets": 3, "queries": None, "short_queries": 200, "white_box": True,
    })  # fmt: skip

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Attack, and write down what the referee saw."""
        book = Notebook(self, inputs, limits, seed)
        module = _module(book)
        effort, samples = settle_effort(book, limits, module)
        setting = settle(book, inputs, samples)
        if not effort.curve:  # a radius that nobody attacked is not a robust one
            setting = replace(setting, radii=(0.0, 1.0))
        start = setting.model.queries
        try:
            referee = Referee(setting.model, setting.space, setting.x, setting.y)
        except LimitExceeded as spent:
            book.skip("attack.evasion", f"not even the clean examples could be shown: {spent}")
            return book.evidence()
        campaigns = [_campaign(book, setting, referee, norm, effort, module) for norm in setting.eps]
        if effort.curve and limits.queries is None:
            one_category(book, setting, referee)
        note_left_out(book, setting)
        _report(book, setting, referee, campaigns, setting.model.queries - start)
        return book.evidence()


def _module(book: Notebook) -> Any:
    """The model as a torch module, or None with a note why there is none."""
    model = book.inputs.model
    if model is None or model.label_only or not book.parameters["white_box"]:
        book.note("knowledge", "label" if model is not None and model.label_only else "score")
        return None
    try:
        module = model.module()
    except (UnsupportedError, MissingExtra) as why:
        book.note("knowledge", "score")
        book.note("no_gradient", str(why))
        return None
    book.note("knowledge", "gradient")
    return module


def _campaign(
    book: Notebook, setting: Setting, referee: Referee, norm: str, effort: Effort, module: Any
) -> Campaign:
    wall = book.limits.wall_s
    reserve = 0.0 if wall is None else min(RESERVE_S, RESERVE_SHARE * wall)
    campaign = Campaign(book, setting, referee, norm, effort, module, reserve_s=reserve)
    try:
        campaign.black(label_only=setting.model.label_only) if module is None else campaign.white()
    except LimitExceeded as spent:
        book.skip(f"attack.evasion: the rest of {norm}", str(spent))
    if campaign.stop():
        book.skip(f"attack.evasion: the rest of {norm}", f"the time was spent after {book.limits.wall_s:g} s")
    return campaign


def _report(
    book: Notebook, setting: Setting, referee: Referee, campaigns: list[Campaign], queries: int
) -> None:
    for campaign in campaigns:
        control = _control(book, campaign)
        attacked = _measure(book, campaign)
        book.show(exhibits.curve(setting, campaign.norm, attacked, control))
        _find(book, campaign, control)
        if campaign.module is not None:
            _warn(book, campaign)
        for exhibit in (exhibits.strip, exhibits.changes):
            _show(book, exhibit, campaign)
    book.show(exhibits.by_class(setting, referee))
    book.show(exhibits.records(setting, referee, _broken_by(campaigns)))
    book.measure(exact("queries", queries, unit="queries", n=len(setting.y)))
    book.measure(exact("gradients", sum(c.gradients for c in campaigns), unit="gradients", n=len(setting.y)))
    for reason, number in referee.invalid.items():
        if number:
            book.note(f"refused: {reason}", number)


def _show(book: Notebook, exhibit: Any, campaign: Campaign) -> None:
    try:
        shown = exhibit(campaign.setting, campaign.referee, campaign.norm)
    except LimitExceeded as spent:
        book.skip(f"attack.evasion: pictures ({campaign.norm})", str(spent))
        return
    if shown is not None:
        book.show(shown)


def _control(book: Notebook, campaign: Campaign) -> list[Measurement]:
    """Benign noise at the radii of the curve, measured as `attack.noise` does it."""
    seen, s = [], campaign.setting
    try:
        for radius in s.curve(campaign.norm):
            seen.append(noise_accuracy(s, campaign.norm, radius, draws=1, seed=book.seed,
                                       name=f"control_accuracy.{campaign.norm}"))  # fmt: skip
    except LimitExceeded as spent:
        book.skip(f"attack.evasion: the control arm ({campaign.norm})", str(spent))
    for measurement in seen:
        book.measure(measurement)
    return seen


def _measure(book: Notebook, campaign: Campaign) -> list[Measurement]:
    """The numbers that a policy reads, and the curve."""
    norm, referee, n = campaign.norm, campaign.referee, len(campaign.setting.y)
    book.measure(exact(f"radius.{norm}", campaign.eps, unit=campaign.setting.unit))
    name = f"robust_accuracy.{norm}"
    book.measure(rate(name, int(referee.robust(norm, campaign.eps).sum()), n))
    curve = [
        rate(f"{name}.curve", int(referee.robust(norm, radius).sum()), n, at={"eps": radius})
        for radius in campaign.setting.curve(norm)
    ]
    for measurement in curve:
        book.measure(measurement)
    _nearest(book, campaign)
    square = referee.by_attack("Square", Threat(norm, campaign.eps, "score"))
    if campaign.module is not None and ("Square", Threat(norm, campaign.eps, "score")) in referee.broken_by:
        book.measure(rate(f"robust_accuracy_black_box.{norm}", int((referee.right & ~square).sum()), n))
    return curve


def _nearest(book: Notebook, campaign: Campaign) -> None:
    """Median distance to the nearest adversarial example; one never found counts as the box's diameter."""
    referee, norm = campaign.referee, campaign.norm
    far = campaign.setting.space.diameter[norm]
    distance = np.minimum(referee.closest[norm].distance[referee.right], max(far, campaign.eps))
    if len(distance) >= 2:
        median = bootstrap([float(d) for d in distance], _median, book.seed, RESAMPLES)
        book.measure(median.measurement(f"median_distance.{norm}", unit=campaign.setting.unit))


def _median(values: Any) -> float:
    return float(np.median(values))


def _find(book: Notebook, campaign: Campaign, control: list[Measurement]) -> None:
    """A finding when an attacker gets clearly more than noise of the same size does."""
    norm, referee, n = campaign.norm, campaign.referee, len(campaign.setting.y)
    robust = rate("robust", int(referee.robust(norm, campaign.eps).sum()), n)
    radii = campaign.setting.radii
    noise = control[radii.index(1.0)] if len(control) == len(radii) else rate("clean", int(referee.right.sum()), n)
    if robust.value >= noise.value or noise.low <= 0:
        return
    severity = next((s for share, s in LADDER if robust.low / noise.low < share), None)
    if severity is None:
        return
    message = (
        f"{norm} changes of {campaign.eps:g} {campaign.setting.unit} lower accuracy from "
        f"{percent(referee.right.mean())} to {percent(robust.value)} (low end {percent(robust.low)}); "
        f"noise of that size leaves {percent(noise.value)}"
    )
    place = Place("", norm)
    book.find("attack.evasion.broken", severity, "model", place, message, remedy=REMEDY, references=REFERENCES)


def _warn(book: Notebook, campaign: Campaign) -> None:
    standing = bool(campaign.referee.robust(campaign.norm, campaign.eps).any())
    try:
        found = signs(campaign)
    except LimitExceeded as spent:
        book.skip(f"attack.evasion: signs of masking ({campaign.norm})", str(spent))
        return
    for sign in found:
        _write(book, campaign.norm, sign)
    doubts = [sign.rule for sign in found if sign.doubtful]
    if doubts and standing:
        book.skip(f"attack.evasion: true robustness ({campaign.norm})",
                  "gradients may be masked, so robust accuracy is an upper bound: " + ", ".join(doubts))  # fmt: skip


def _write(book: Notebook, norm: str, sign: Sign) -> None:
    remedy = ("do not trust this robust accuracy: attack what hides the gradients with a differentiable stand-in, "
              "or raise short_queries and attack by scores")  # fmt: skip
    place = Place("", norm)
    book.find(sign.rule, Severity.INFO, "model", place, sign.message, remedy=remedy, references=("AML.T0015",))


def _broken_by(campaigns: list[Campaign]) -> list[str]:
    """What broke each example at a declared radius: the first attack of each norm; `-` where it stood."""
    referee = campaigns[0].referee
    words: list[list[str]] = [[] for _ in referee.y]
    for campaign in campaigns:
        broken = referee.right & ~referee.robust(campaign.norm, campaign.eps)
        for row in np.flatnonzero(broken):
            words[row].append(f"{campaign.norm}: {_first(campaign, int(row))}")
    return [
        "wrong when clean" if not referee.right[i] else ", ".join(words[i]) or "-" for i in range(len(words))
    ]


def _first(campaign: Campaign, row: int) -> str:
    mine = (a for (a, t), rows in campaign.referee.broken_by.items()
            if t.norm == campaign.norm and t.eps == campaign.eps and rows[row])  # fmt: skip
    return next(mine, campaign.referee.closest[campaign.norm].by[row])


EVASION = Evasion()
