"""What the scores mean: measurements, the control's veto, the finding.

A leak is claimed when chance is an implausible explanation; how severe it is goes by the pessimistic (upper)
end of the share of members that the attack names at 1 % false accusations. Where the two files differ, the
audited model itself gets no verdict; what the randomised experiment on its recipe proves is still said.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hauberk.core.nouns import Measurement, Place, Severity
from hauberk.core.stats import Interval, rate, wilson

from .roc import Operating, auc, measurable, separation, tpr_at_fpr

if TYPE_CHECKING:
    from hauberk.core.notebook import Notebook

    from .campaign import Campaign, Scores
    from .references import Answers

LEAK_P = 0.01
"""A leak is claimed when scores that know nothing would do as well in one audit of a hundred."""

LEAK_AUC = 0.55
"""… or when the whole interval of the AUC lies above this: less is the size of ordinary sampling differences."""

SHIFT_DISTANCE = 0.1
"""Kolmogorov-Smirnov distances below this are proven by large samples, and move no verdict."""

SHIFT_P = 0.001
"""The control speaks against the data, which is a heavy word, only when chance would do so once in a thousand."""

SEVERE = ((0.20, Severity.HIGH), (0.05, Severity.MEDIUM), (0.0, Severity.LOW))
"""By the upper end of TPR at 1 % FPR: twenty times and five times what guessing names."""

FPRS = {0.01: "1pct", 0.001: "0.1pct"}
REFERENCES = ("AML.T0024.000", "ML04:2023", "AISVS-11.2.5")
REMEDY = (
    "train with less memorising: stronger regularisation (shallower or fewer-leaf trees, weight decay, early "
    "stopping), or with differential privacy (DP-SGD) where records are personal; answer with labels or rounded "
    "scores instead of full probabilities, and limit queries; then audit again"
)


def weigh(book: Notebook, campaign: Campaign, attack: str) -> None:
    """Write down every number of the campaign and what follows from them."""
    scores, control = campaign.attack(attack), campaign.null(attack)
    _accuracy(book, campaign.target, campaign.n)
    _rates(book, "", scores)
    _rates(book, "baseline_", campaign.attack("confidence"))
    if control is None:
        book.skip("membership control", "no time was left to train the model that tells a leak from a shift")
        return
    _rates(book, "control_", control)
    recipe = campaign.recipe(attack)
    if recipe is not None:
        _rates(book, "recipe_", recipe)
    if reason := shifted(control):
        book.skip("membership verdict", reason)
        _find(book, recipe, "a model of its family, trained on a random half of its training data, shows that ")
    else:
        _find(book, scores, "")


def shifted(control: Scores) -> str:
    """Why the two files differ too much for a verdict; empty when the attack on the control finds nothing."""
    area = auc(control.members, control.non_members)
    if area.low > LEAK_AUC or area.high < 1 - LEAK_AUC:
        return (
            f"train and test data differ: the attack tells them apart on a model that saw neither "
            f"(AUC {area.value:.2f}, expected 0.5), so it would mistake that difference for a leak"
        )
    apart = separation(control.members, control.non_members)
    if apart.distance > SHIFT_DISTANCE and apart.p_value < SHIFT_P:
        return (
            f"train and test data differ: on a model that saw neither, the attack's scores are spread otherwise "
            f"(Kolmogorov-Smirnov distance {apart.distance:.2f}), which can hide a leak as well as fake one"
        )
    tail = _tail(control)
    if tail is not None and tail.p_value < SHIFT_P:
        return (
            f"train and test data differ in the tail: on a model that saw neither the attack names "
            f"{tail.tpr.value:.1%} of the training rows at 1 % of the test rows"
        )
    return ""


def leaks(scores: Scores) -> Severity | None:
    """How severe the leak is that these scores prove; None when they prove none."""
    area, tail = auc(scores.members, scores.non_members), _tail(scores)
    proven = tail is not None and tail.p_value < LEAK_P and tail.tpr.value > 0.01
    if not proven and area.low <= LEAK_AUC:
        return None
    worst = tail.tpr.high if tail is not None else 0.0
    return next(severity for floor, severity in SEVERE if worst >= floor)


def _find(book: Notebook, scores: Scores | None, how: str) -> None:
    severity = leaks(scores) if scores is not None else None
    if scores is None or severity is None:
        return
    area, tail = auc(scores.members, scores.non_members), _tail(scores)
    named = f"; it names {tail.tpr.value:.1%} of them at 1 % false accusations" if tail is not None else ""
    message = f"{how}the model's answers tell who was in its training data (AUC {area.value:.2f}{named})"
    book.find(
        "attack.membership.leak", severity, "model", Place(), message, remedy=REMEDY, references=REFERENCES
    )


def _rates(book: Notebook, arm: str, scores: Scores) -> None:
    """Measure one arm: `` is the attack, `baseline_`, `control_` and `recipe_` stand beside it."""
    area = auc(scores.members, scores.non_members)
    book.measure(area.measurement(f"membership.{arm}auc", unit="share"))
    for fpr, label in FPRS.items():
        if measurable(len(scores.non_members), fpr):
            at = tpr_at_fpr(scores.members, scores.non_members, fpr)
            book.measure(at.tpr.measurement(f"membership.{arm}tpr_at_{label}_fpr", unit="share"))
        elif not arm:
            _unmeasurable(book, fpr, len(scores.non_members))


def _unmeasurable(book: Notebook, fpr: float, n: int) -> None:
    """The rate that the verdict rests on is skipped aloud; a finer one that the data cannot show is a note."""
    needed = math.ceil(1 / fpr)
    if fpr >= 0.01:
        book.skip(f"true-positive rate at {fpr:.0%} FPR", f"{n} non-members; at least {needed} are needed")
        return
    book.find(
        "attack.membership.resolution", Severity.INFO, "test", Place(part=f"fpr {fpr:g}"),
        f"the true-positive rate at {fpr:.1%} FPR cannot be measured with {n} non-members",
        remedy=f"give at least {needed} test rows (of the same class mix as the training data)",
    )  # fmt: skip


def _tail(scores: Scores) -> Operating | None:
    if not measurable(len(scores.non_members), 0.01):
        return None
    return tpr_at_fpr(scores.members, scores.non_members, 0.01)


def _accuracy(book: Notebook, target: Answers, n: int) -> None:
    seen, unseen = int(target.right[:n].sum()), int(target.right[n:].sum())
    book.measure(rate("membership.train_accuracy", seen, n))
    book.measure(rate("membership.test_accuracy", unseen, n))
    book.measure(_gap(wilson(seen, n), wilson(unseen, n)))


def _gap(first: Interval, second: Interval) -> Measurement:
    """The difference of two shares with Newcombe's hybrid score interval (1998, method 10)."""
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    interval = Interval(value, value - below, value + above, first.confidence, first.n, "Newcombe hybrid score")
    return interval.measurement("membership.accuracy_gap", unit="share")
