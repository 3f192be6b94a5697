"""`attack.membership`: can someone who asks the model tell who was in its training data?

The attack is RMIA with reference models that the audit trains itself, on halves of the training and test
data: strong with two or four of them, where LiRA (option `attack = "lira"`) needs dozens. A model that
answers only labels is attacked in the same way: being right on a record that its kin get wrong is the tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from hauberk.core.canon import Json
from hauberk.core.errors import InputError
from hauberk.core.notebook import Notebook
from hauberk.core.ports import Need

from .campaign import conduct
from .sample import draw, pool, strangers
from .show import chart, table
from .verdict import weigh

if TYPE_CHECKING:
    from hauberk.core.limits import Limits
    from hauberk.core.nouns import Evidence
    from hauberk.core.ports import Dataset, Inputs, Ints, Model

    from .sample import Sample

FEWEST = 50
"""With fewer members or non-members the interval of the AUC spans a third of its range: nothing to say."""

ATTACKS = ("rmia", "lira")


class Membership:
    """records: most members (and non-members) asked about. pool: most rows that references train on.

    pairs: pairs of reference models. attack: `rmia` or `lira`.
    """

    id = "attack.membership"
    version = "1"
    title = "Membership inference"
    needs: tuple[Need, ...] = (Need.MODEL, Need.REFIT, Need.TRAIN, Need.TEST)
    roles: tuple[str, ...] = ("model", "train", "test")
    defaults: Mapping[str, Json] = MappingProxyType(
        {"attack": "rmia", "pairs": 2, "pool": 30_000, "records": 5_000}
    )
    tools: tuple[str, ...] = ("numpy", "scikit-learn", "xgboost", "lightgbm", "torch")

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Attack the model. Raises InputError when model, train and test do not fit together."""
        book = Notebook(self, inputs, limits, seed)
        model, train, test = _given(inputs)
        attack, pairs = _settings(book)
        sample, outside = _sampled(book, train, test)
        if len(sample.members) < FEWEST:
            book.skip("membership", _too_few(sample, train, test, len(outside)))
            return book.evidence()
        people = pool(train, test, outside, sample, _number(book, "pool"), seed)
        campaign = conduct(model, people, pairs, book)
        if campaign is None:
            book.skip("membership", "the time was spent before two reference models were trained")
            return book.evidence()
        book.note("references_trained", len(campaign.references))
        book.note("members_asked", campaign.n)
        weigh(book, campaign, attack)
        book.show(chart(campaign, attack))
        book.show(table(campaign, people, train))
        return book.evidence()


def _given(inputs: Inputs) -> tuple[Model, Dataset, Dataset]:
    model, train, test = inputs.model, inputs.train, inputs.test
    if model is None or train is None or test is None:
        raise InputError("attack.membership needs a model, its training data and test data")
    for data in (train, test):
        if data.x.shape[1:] != model.shape:
            raise InputError(f"{data.name}: examples of shape {data.x.shape[1:]}, the model takes {model.shape}")
        if len(data.y) and not 0 <= int(data.y.min()) <= int(data.y.max()) < model.n_classes:
            raise InputError(f"{data.name}: labels {data.y.min()} to {data.y.max()} for {model.n_classes} classes")
    return model, train, test


def _settings(book: Notebook) -> tuple[str, int]:
    attack, pairs = book.parameters["attack"], _number(book, "pairs")
    if not isinstance(attack, str) or attack not in ATTACKS:
        raise InputError(f"attack.membership: attack {attack!r}", hint="one of: " + ", ".join(ATTACKS))
    return attack, pairs


def _number(book: Notebook, name: str) -> int:
    value = book.parameters[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"attack.membership: {name} is {value!r}, expected a whole number above 0")
    return value


def _sampled(book: Notebook, train: Dataset, test: Dataset) -> tuple[Sample, Ints]:
    outside = strangers(train, test)
    if dropped := len(test.y) - len(outside):
        book.note("test_rows_dropped_as_members", dropped)
    most = min(_number(book, "records"), _number(book, "pool") // 2)
    if book.limits.queries is not None:
        most = min(most, book.limits.queries // 2)
    return draw(train.y, test.y, outside, most, book.seed), outside


def _too_few(sample: Sample, train: Dataset, test: Dataset, outside: int) -> str:
    return (
        f"{len(sample.members)} members can be set against as many non-members of their class "
        f"({len(train.y)} training rows, {outside} of {len(test.y)} test rows not among them); "
        f"at least {FEWEST} are needed"
    )


MEMBERSHIP = Membership()
