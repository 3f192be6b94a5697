"""The whole check: an overfit forest leaks, a regularised line does not, a shift is not a leak."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from hauberk.attack.inference.campaign import Scores
from hauberk.attack.inference.check import MEMBERSHIP
from hauberk.attack.inference.verdict import REFERENCES, leaks, shifted
from hauberk.core.errors import InputError, UnsupportedError
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Verdict, decode, encode
from hauberk.core.ports import Check, Inputs
from hauberk.model.callable import from_callable
from hauberk.model.dataset import Dataset


def rules(evidence: Any) -> list[str]:
    return [finding.rule for finding in evidence.findings]


def test_an_overfit_forest_leaks(audit, overlap, trainers):
    evidence = audit(trainers["forest"], overlap("train", 400, seed=1), overlap("test", 400, seed=2))
    leak = next(f for f in evidence.findings if f.rule == "attack.membership.leak")
    assert evidence.verdict is Verdict.BROKEN
    assert leak.severity is Severity.HIGH
    found = {m.name: m for m in evidence.measurements}
    assert found["membership.auc"].low > 0.85
    assert found["membership.tpr_at_1pct_fpr"].low > 0.15
    assert found["membership.tpr_at_1pct_fpr"].low > found["membership.baseline_tpr_at_1pct_fpr"].high
    assert found["membership.control_auc"].low < 0.5 < found["membership.control_auc"].high
    assert found["membership.accuracy_gap"].low > 0.1
    assert found["membership.train_accuracy"].value == 1


def test_evidence_is_plain_and_comes_out_the_same_twice(audit, overlap, trainers):
    class Still:
        def now(self) -> datetime:
            return datetime(2026, 1, 1, tzinfo=UTC)

        def monotonic(self) -> float:
            return 0.0

    data = overlap("train", 200, seed=1), overlap("test", 200, seed=2)
    first, second = (audit(trainers["forest"], *data, clock=Still()) for _ in range(2))
    assert encode(first) == encode(second)
    assert decode(type(first), encode(first)) == first


def test_a_regularised_line_with_much_data_is_quiet(audit, overlap, trainers):
    evidence = audit(trainers["line"], overlap("train", 3000, seed=1), overlap("test", 3000, seed=2))
    assert evidence.verdict is Verdict.HELD
    assert evidence.findings == ()
    assert evidence.measured("membership.tpr_at_0.1pct_fpr").n > 1000


@pytest.mark.parametrize("trainer", ["forest", "line"])
def test_a_shift_between_train_and_test_is_not_called_a_leak(audit, overlap, trainers, trainer):
    evidence = audit(trainers[trainer], overlap("train", 1000, seed=1), overlap("test", 1000, seed=2, shift=-1.5))
    assert [s.what for s in evidence.skipped] == ["membership verdict"]
    leak = [f for f in evidence.findings if f.rule == "attack.membership.leak"]
    # the randomised experiment on the recipe does not look at the test file at all
    assert bool(leak) is (trainer == "forest")
    assert all("a random half of its training data" in f.message for f in leak)


def test_a_model_that_answers_labels_still_leaks(audit, overlap, trainers):
    evidence = audit(
        trainers["forest"], overlap("train", 1500, seed=1), overlap("test", 1500, seed=2),
        answer=lambda scores: scores.argmax(axis=1),
    )  # fmt: skip
    assert "attack.membership.leak" in rules(evidence)


def test_few_non_members_give_no_number_for_a_fine_rate(audit, overlap, trainers):
    evidence = audit(trainers["forest"], overlap("train", 300, seed=1), overlap("test", 300, seed=2))
    assert evidence.measured("membership.tpr_at_0.1pct_fpr") is None
    note = next(f for f in evidence.findings if f.rule == "attack.membership.resolution")
    assert note.severity is Severity.INFO
    assert "at least 1000" in note.remedy


def test_under_a_hundred_non_members_the_verdict_is_open(audit, overlap, trainers):
    evidence = audit(trainers["line"], overlap("train", 300, seed=1), overlap("test", 90, seed=2))
    assert evidence.measured("membership.tpr_at_1pct_fpr") is None
    assert evidence.verdict is Verdict.INCONCLUSIVE
    assert evidence.measured("membership.auc") is not None


def test_too_few_rows_are_skipped_without_a_question(audit, overlap, trainers):
    evidence = audit(trainers["line"], overlap("train", 300, seed=1), overlap("test", 30, seed=2))
    assert evidence.measurements == ()
    assert "at least 50 are needed" in evidence.skipped[0].why


def test_test_rows_from_the_training_data_are_left_out(audit, overlap, trainers):
    train, test = overlap("train", 300, seed=1), overlap("test", 300, seed=2)
    both = Dataset("both", np.r_[test.x, train.x[:100]], np.r_[test.y, train.y[:100]], train.classes)
    evidence = audit(trainers["forest"], train, both)
    assert evidence.parameters["test_rows_dropped_as_members"] == 100
    assert audit(trainers["forest"], train, test).parameters.get("test_rows_dropped_as_members") is None


def test_the_query_budget_bounds_the_questions(audit, overlap, trainers):
    evidence = audit(
        trainers["line"], overlap("train", 400, seed=1), overlap("test", 400, seed=2), limits=Limits(queries=301)
    )
    assert 140 <= evidence.parameters["members_asked"] <= 150


class Ticking:
    """A clock that moves by one second each time that it is read."""

    def __init__(self) -> None:
        self.t = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        self.t += 1.0
        return self.t


@pytest.mark.parametrize(
    ("seconds", "references", "skipped"),
    [(1, None, "membership"), (7, 2, "membership control"), (10, 2, None), (60, 4, None)],
)
def test_work_stops_when_the_time_is_spent(audit, overlap, trainers, seconds, references, skipped):
    evidence = audit(
        trainers["line"], overlap("train", 3000, seed=1), overlap("test", 3000, seed=2),
        limits=Limits(wall_s=seconds), clock=Ticking(),
    )  # fmt: skip
    assert evidence.parameters.get("references_trained") == references
    assert [s.what for s in evidence.skipped] == ([skipped] if skipped else [])


def test_exhibits_show_the_curve_and_the_records_at_risk(audit, overlap, trainers):
    train = overlap("train", 300, seed=1)
    chart, table = audit(trainers["forest"], train, overlap("test", 300, seed=2)).exhibits
    assert (chart.name, chart.x_scale, chart.y_scale) == ("membership.roc", "log", "log")
    assert [line.label for line in chart.lines][::3] == ["RMIA", "chance"]
    assert all(0 < v <= 1 for line in chart.lines for v in (*line.x, *line.y))
    assert table.name == "membership.at_risk"
    assert len(table.rows) == 20
    for row, label, score, *_ in table.rows:
        assert train.classes[train.y[row]] == label
        assert score == 1


def test_lira_can_be_asked_for(audit, overlap, trainers):
    evidence = audit(trainers["forest"], overlap("train", 300, seed=1), overlap("test", 300, seed=2), attack="lira")
    assert evidence.exhibits[0].lines[0].label == "LiRA"
    assert evidence.measured("membership.auc").low > 0.7


@pytest.mark.parametrize("option", [{"attack": "psychic"}, {"pairs": 0}, {"records": "all"}, {"colour": "blue"}])
def test_a_bad_option_is_refused(audit, overlap, trainers, option):
    with pytest.raises(InputError):
        audit(trainers["line"], overlap("train", 100, seed=1), overlap("test", 100, seed=2), **option)


def test_data_of_another_shape_or_more_classes_is_refused(audit, overlap, trainers):
    train = overlap("train", 100, seed=1)
    with pytest.raises(InputError, match="shape"):
        audit(trainers["line"], train, overlap("test", 100, 4, seed=2))
    test = overlap("test", 100, seed=2)
    three = Dataset("three", test.x, np.r_[test.y[:-1], 2], ("a", "b", "c"))
    with pytest.raises(InputError, match="for 2 classes"):
        audit(trainers["line"], train, three)


def test_nothing_given_is_refused():
    with pytest.raises(InputError, match="needs a model"):
        MEMBERSHIP.run(Inputs(), Limits(), 0)


def test_a_model_that_cannot_be_trained_again_is_unsupported(overlap):
    model = from_callable(lambda x: np.full((len(x), 2), 0.5), (5,), 2)
    inputs = Inputs(model=model, train=overlap("train", 100, seed=1), test=overlap("test", 100, seed=2))
    with pytest.raises(UnsupportedError):
        MEMBERSHIP.run(inputs, Limits(), 0)


def test_scores_that_know_nothing_prove_no_leak():
    rng = np.random.default_rng(3)
    claimed = [leaks(Scores(rng.normal(size=200), rng.normal(size=200))) for _ in range(500)]
    assert sum(severity is not None for severity in claimed) <= 10
    assert not any(shifted(Scores(rng.normal(size=200), rng.normal(size=200))) for _ in range(200))


def test_a_wider_spread_of_one_side_is_a_shift_though_the_area_is_a_half():
    rng = np.random.default_rng(5)
    wide = Scores(rng.normal(size=800), 2 * rng.normal(size=800))
    assert "spread otherwise" in shifted(wide)


def test_a_leak_of_few_records_is_seen_in_the_tail():
    rng = np.random.default_rng(4)
    members = np.r_[rng.normal(size=960), np.full(40, 9.0)]
    assert leaks(Scores(members, rng.normal(size=1000))) is Severity.MEDIUM
    assert "in the tail" in shifted(Scores(members, rng.normal(size=1000)))


def test_the_references_are_known_ids():
    from hauberk.core.taxonomy import lookup

    for reference in REFERENCES:
        assert lookup(reference)


def test_it_is_a_check():
    check: Check = MEMBERSHIP
    assert check.id == "attack.membership"


def test_a_scikit_learn_forest_is_trained_again_and_attacked(overlap):
    from sklearn.ensemble import RandomForestClassifier

    from hauberk.core.nouns import Subject
    from hauberk.model.sklearn import from_sklearn

    train, test = overlap("train", 200, seed=1), overlap("test", 200, seed=2)
    model = from_sklearn(RandomForestClassifier(30, random_state=0).fit(train.x, train.y))
    subjects = {role: Subject(role, role, "sha256:" + "0" * 64) for role in ("model", "train", "test")}
    evidence = MEMBERSHIP.run(Inputs(model=model, train=train, test=test, subjects=subjects), Limits(), 0)
    assert "attack.membership.leak" in rules(evidence)
    assert model.queries == 2 * evidence.parameters["members_asked"]
