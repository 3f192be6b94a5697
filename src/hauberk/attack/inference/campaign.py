"""The campaign: ask the audited model, train the references and a control, score everybody.

The control is one more model of the family that trains on a half of the *training* data only, as the audited
model did on all of it. The attack on the control, between training rows that it never saw and test rows, has
nothing to find: whatever it finds is a difference between the two files, not membership.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .lira import lira_offline
from .references import Answers, ask, complementary_halves, half
from .rmia import online_evidence, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hauberk.core.notebook import Notebook
    from hauberk.core.ports import Floats, Model

    from .sample import Pool

PAIR = 2


@dataclass(frozen=True)
class Scores:
    """An attack's scores: of members and of non-members."""

    members: Floats
    non_members: Floats


@dataclass(frozen=True)
class Campaign:
    """What was asked and trained. Arrays run over the members, then as many non-members.

    references: (k, 2n) probabilities of the true label; trained_on: (k, 2n) bool.
    control: the answers of the control model and which members it saw; None when there was no time for it.
    """

    target: Answers
    references: Floats
    trained_on: NDArray[Any]
    control: Answers | None
    control_saw: NDArray[Any]

    @property
    def n(self) -> int:
        """Members, and non-members."""
        return len(self.target.true) // 2

    def attack(self, name: str) -> Scores:
        """The attack (`rmia`, `lira` or the baseline `confidence`) on the audited model."""
        scores = self._score(name, self.target.true)
        return Scores(scores[: self.n], scores[self.n :])

    def null(self, name: str) -> Scores | None:
        """The same attack on the control, between members that it never saw and the non-members."""
        if self.control is None or self.control_saw.all():
            return None
        scores = self._score(name, self.control.true)
        return Scores(scores[: self.n][~self.control_saw], scores[self.n :])

    def recipe(self, name: str) -> Scores | None:
        """The same attack on the control, between members that it saw and members that it did not.

        Which is which was drawn at random: this holds whatever the difference between the two files.
        None without a control, or when all sampled members fell to one side.
        """
        if self.control is None or self.control_saw.all() or not self.control_saw.any():
            return None
        scores = self._score(name, self.control.true)[: self.n]
        return Scores(scores[self.control_saw], scores[~self.control_saw])

    def _score(self, name: str, answers: Floats) -> Floats:
        if name == "confidence":
            return answers
        if name == "lira":
            return lira_offline(answers, self.references, self.trained_on)
        return ratio(answers, online_evidence(self.references))


def conduct(model: Model, pool: Pool, pairs: int, book: Notebook) -> Campaign | None:
    """Ask and train, as far as the time goes: at least one pair of references, or None.

    Trains `2 * pairs + 1` models and costs the audited model 2n queries. Order of work: the audited model,
    a pair, the control, the other pairs.
    """
    asked = slice(0, 2 * pool.n)
    total = 2 * pool.n
    progress = book.inputs.progress
    target = ask(model, pool.x[asked], pool.y[asked], lambda done: progress(done, total, "asking the model"))
    masks = complementary_halves(pool.y, pairs, book.seed)
    control_mask = pool.from_train & half(pool.y, book.seed + 7919)
    work = [masks[0], masks[1], control_mask, *masks[PAIR:]]
    trained = list(_train(model, pool, work, book))
    if len(trained) < PAIR:
        return None
    references = [*trained[:PAIR], *trained[PAIR + 1 :]]
    references = references[: len(references) // PAIR * PAIR]  # half a pair would favour one side
    return Campaign(
        target,
        np.array([answers.true for answers in references]),
        masks[: len(references), asked],
        trained[PAIR] if len(trained) > PAIR else None,
        control_mask[: pool.n],
    )


def _train(model: Model, pool: Pool, work: list[NDArray[Any]], book: Notebook) -> Iterator[Answers]:
    """Train and ask one model after the other while the slowest so far still fits into the time left."""
    asked, slowest = slice(0, 2 * pool.n), 0.0
    for number, mask in enumerate(work):
        if book.seconds_left() <= slowest:
            return
        started = book.seconds_left()
        book.inputs.progress(number, len(work), "training reference models")
        fresh = model.refit(pool.x[mask], pool.y[mask], book.seed + 1 + number)
        yield ask(fresh, pool.x[asked], pool.y[asked])
        if started != float("inf"):
            slowest = max(slowest, started - book.seconds_left())
    book.inputs.progress(len(work), len(work), "training reference models")
