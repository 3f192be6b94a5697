"""The campaign with a model that memorises perfectly: who saw what is written in the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hauberk.attack.inference.campaign import Campaign, conduct
from hauberk.attack.inference.check import MEMBERSHIP
from hauberk.attack.inference.sample import draw, pool, strangers
from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook
from hauberk.core.ports import Inputs
from hauberk.model.callable import from_callable


def memory(x: Any, y: Any, seed: int) -> Callable[[Any], Any]:
    """Sure of the label of a row that it saw, undecided (0.6 for class 0) about any other."""
    known = {row.tobytes(): label for row, label in zip(np.asarray(x), y, strict=True)}

    def answer(rows: Any) -> Any:
        labels = [known.get(row.tobytes(), -1) for row in np.asarray(rows)]
        first = np.array([0.6 if label < 0 else 1.0 - label for label in labels])
        return np.stack([first, 1 - first], axis=1)

    return answer


@pytest.fixture
def campaign(overlap: Any) -> Callable[[int], Campaign]:
    def run(pairs: int) -> Campaign:
        train, test = overlap("train", 120, seed=1), overlap("test", 100, seed=2)
        model = from_callable(memory(train.x, train.y, 0), (5,), 2, trainer=memory)
        outside = strangers(train, test)
        people = pool(train, test, outside, draw(train.y, test.y, outside, 60, 0), 1000, 0)
        book = Notebook(MEMBERSHIP, Inputs(model=model, train=train, test=test), Limits(), 0)
        found = conduct(model, people, pairs, book)
        assert found is not None
        return found

    return run


@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_every_reference_answers_for_what_it_saw(campaign, pairs):
    found = campaign(pairs)
    assert found.references.shape == (2 * pairs, 2 * found.n)
    assert ((found.references == 1) == found.trained_on).all()
    assert (found.trained_on.sum(axis=0) == pairs).all()


def test_the_control_saw_half_of_the_members_and_no_stranger(campaign):
    found = campaign(1)
    assert ((found.control.true[: found.n] == 1) == found.control_saw).all()
    assert not (found.control.true[found.n :] == 1).any()
    assert 0.3 < found.control_saw.mean() < 0.7


def test_members_are_the_trained_rows_and_come_first(campaign):
    found = campaign(1)
    assert (found.target.true[: found.n] == 1).all()
    assert not (found.target.true[found.n :] == 1).any()


def test_a_perfect_memory_is_caught_without_error_and_its_control_is_empty(campaign):
    found = campaign(2)
    for attack in ("rmia", "confidence"):
        scores, recipe = found.attack(attack), found.recipe(attack)
        assert recipe.members.size == found.control_saw.sum()
        assert recipe.members.min() > recipe.non_members.max()
        assert scores.members.min() > scores.non_members.max()
    null = found.null("rmia")
    assert null.members.size == (~found.control_saw).sum()
    assert set(np.round(null.members, 6)) <= set(np.round(null.non_members, 6))
