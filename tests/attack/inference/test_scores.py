"""RMIA and LiRA scores: the definition by brute force, closed forms, halves, and samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk.attack.inference.lira import lira_offline
from hauberk.attack.inference.references import ask, complementary_halves, half
from hauberk.attack.inference.rmia import offline_evidence, online_evidence, ratio, rmia
from hauberk.attack.inference.sample import draw, pool, strangers
from hauberk.core.errors import InputError
from hauberk.model.callable import from_callable
from hauberk.model.dataset import Dataset


@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0]))
def test_rmia_is_the_share_of_the_population_dominated(seed, gamma):
    rng = np.random.default_rng(seed)
    target, evidence = rng.uniform(size=7), rng.uniform(0.1, 1, size=7)
    z_target, z_evidence = rng.uniform(0.01, 1, size=11), rng.uniform(0.1, 1, size=11)
    slow = [
        np.mean([(t / e) / (zt / ze) >= gamma for zt, ze in zip(z_target, z_evidence, strict=True)])
        for t, e in zip(target, evidence, strict=True)
    ]
    assert rmia(target, evidence, z_target, z_evidence, gamma).tolist() == slow


def test_gamma_cannot_change_the_order():
    rng = np.random.default_rng(0)
    numbers = [rng.uniform(0.1, 1, size=50) for _ in range(4)]
    order = np.argsort(ratio(numbers[0], numbers[1]))
    for gamma in (1.0, 2.0):
        assert (np.diff(rmia(*numbers, gamma)[order]) >= 0).all()


def test_evidence_online_is_the_mean_and_offline_leans_on_a():
    references = np.array([[0.2, 1.0], [0.4, 1.0]])
    assert online_evidence(references).tolist() == pytest.approx([0.3, 1.0])
    assert offline_evidence(references, a=1.0).tolist() == pytest.approx([0.3, 1.0])
    assert offline_evidence(references, a=0.0).tolist() == pytest.approx([0.65, 1.0])


def test_zero_over_zero_is_no_member():
    assert ratio(np.array([0.0]), np.array([0.0])).tolist() == [0.0]


@pytest.mark.parametrize("bad", [np.array([np.nan]), np.array([1.2]), np.array([-0.1]), np.array([0.1, 0.2])])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(InputError, match="rmia"):
        ratio(bad, np.array([0.5]))


def test_lira_is_a_z_value_against_models_that_did_not_see_the_record():
    def sigmoid(values: object) -> np.ndarray:
        return 1 / (1 + np.exp(-np.asarray(values)))

    references = sigmoid([[0.0, 1.0], [2.0, 3.0], [50.0, -50.0]])
    saw = np.array([[False, False], [False, False], [True, True]])
    # means 1 and 2, squares 4 x 1, four values less two means: deviation sqrt 2
    assert lira_offline(sigmoid([1 + np.sqrt(2), 2.0]), references, saw).tolist() == pytest.approx([1, 0])


def test_lira_needs_a_model_that_did_not_see_the_record():
    with pytest.raises(InputError, match="every reference"):
        lira_offline(np.array([0.5]), np.array([[0.5]]), np.array([[True]]))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.integers(1, 3), st.integers(0, 99))
def test_every_record_is_seen_by_half_of_the_references(labels, pairs, seed):
    y = np.array(labels)
    halves = complementary_halves(y, pairs, seed)
    assert (halves.sum(axis=0) == pairs).all()
    for label in np.unique(y):
        counts = halves[:, y == label].sum(axis=1)
        assert counts.max() - counts.min() <= 1


def test_halves_of_two_seeds_differ():
    y = np.zeros(100, dtype=int)
    assert 25 < (half(y, 0) & half(y, 1)).sum() < 75 or (half(y, 0) != half(y, 1)).any()


def test_ask_reads_the_true_label_in_batches():
    model = from_callable(lambda x: np.c_[1 - x[:, 0], x[:, 0]], (1,), 2, answers=None)
    x, y = np.linspace(0, 1, 5000)[:, None], np.arange(5000) % 2
    told: list[int] = []
    answers = ask(model, x, y, told.append)
    assert np.allclose(answers.true, np.where(y == 1, x[:, 0], 1 - x[:, 0]))
    assert answers.right.mean() == pytest.approx(0.5, abs=0.01)
    assert told == [2048, 4096, 5000]
    assert model.queries == 5000


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50), st.lists(st.integers(0, 4), min_size=1, max_size=50),
       st.integers(1, 40))  # fmt: skip
def test_both_sides_have_the_same_class_mix(train, test, most):
    train_y, test_y = np.array(train), np.array(test)
    sample = draw(train_y, test_y, np.arange(len(test_y)), most, seed=1)
    members, others = train_y[sample.members], test_y[sample.non_members]
    assert members.tolist() == others.tolist()
    assert len(members) <= most
    assert len(set(sample.members.tolist())) == len(members)
    if most >= 50:
        assert len(members) == sum(min((train_y == k).sum(), (test_y == k).sum()) for k in range(5))


def test_a_test_row_that_was_trained_on_is_no_stranger():
    train = Dataset("train", np.array([[1.0, 0.0], [2.0, 5.0]], np.float32), np.array([0, 1]), ("a", "b"))
    test = Dataset("test", np.array([[1.0, -0.0], [2.0, 5.1]], np.float64), np.array([1, 1]), ("a", "b"))
    assert strangers(train, test).tolist() == [1]


def test_the_pool_begins_with_the_sample_and_remembers_rows(overlap):
    train, test = overlap("train", 90, seed=1), overlap("test", 70, seed=2)
    sample = draw(train.y, test.y, np.arange(70), 20, seed=0)
    people = pool(train, test, np.arange(70), sample, 100, seed=0)
    n = people.n
    assert people.row[:n].tolist() == sample.members.tolist()
    assert people.from_train[:n].all()
    assert not people.from_train[n : 2 * n].any()
    assert len(people.y) == 100
    for i in range(100):
        source = train if people.from_train[i] else test
        assert (people.x[i] == source.x[people.row[i]]).all()
        assert people.y[i] == source.y[people.row[i]]
    assert len({(bool(f), int(r)) for f, r in zip(people.from_train, people.row, strict=True)}) == 100
