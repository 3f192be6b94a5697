"""`attack.evasion` as a whole: numbers a policy reads, signs of false safety, budgets, trivial models."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from hauberk.attack.controls.noise import NOISE
from hauberk.attack.evasion.campaign import Campaign
from hauberk.attack.evasion.check import EVASION
from hauberk.core.errors import InputError
from hauberk.core.exhibits import Chart, Strip, Table
from hauberk.core.features import Feature
from hauberk.core.limits import Limits
from hauberk.core.nouns import Evidence, Verdict, decode, encode
from hauberk.core.ports import SystemClock
from hauberk.core.taxonomy import lookup
from hauberk.model.callable import from_callable

torch = pytest.importorskip("torch")

QUICK = {"steps": 20, "targets": 3, "samples": 40, "queries": 150, "short_queries": 40}


def masking(evidence: Evidence) -> set[str]:
    return {f.rule.rpartition(".")[2] for f in evidence.findings if ".masking." in f.rule}


@pytest.fixture(scope="module")
def white(build: Any) -> Any:
    """A linear picture classifier, and what the check says of it at its median closed-form distance."""
    linear = build.linear(4, (1, 6, 6), seed=0)
    x, y = linear.examples(40, seed=0)
    eps = {norm: float(np.median(linear.distance(x, y, norm))) for norm in ("linf", "l2")}
    model = build.differentiable(linear.model(), linear.module())
    return linear, x, y, eps, EVASION.run(build.inputs(model, x, y, eps=eps, **QUICK), Limits(), 0)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_robust_accuracy_is_the_closed_form(white: Any, norm: str) -> None:
    linear, x, y, eps, evidence = white
    distance = linear.distance(x, y, norm)
    for multiple in (0.25, 0.5, 1.0, 2.0, 4.0):
        seen = evidence.measured(f"robust_accuracy.{norm}.curve", eps=multiple * eps[norm])
        assert seen.value == pytest.approx((distance > multiple * eps[norm]).mean(), abs=0.051)
    declared = evidence.measured(f"robust_accuracy.{norm}")
    assert declared.n == 40
    assert declared.value == evidence.measured(f"robust_accuracy.{norm}.curve", eps=eps[norm]).value
    median = evidence.measured(f"median_distance.{norm}")
    assert median.value == pytest.approx(np.median(distance), rel=0.05)
    assert evidence.measured(f"robust_accuracy_black_box.{norm}").value >= declared.value


def test_it_is_broken_without_signs_of_masking(white: Any) -> None:
    evidence = white[-1]
    assert evidence.verdict is Verdict.BROKEN
    assert masking(evidence) == set()
    assert evidence.skipped == ()
    assert {f.rule for f in evidence.findings} == {"attack.evasion.broken"}
    for reference in evidence.findings[0].references:
        assert lookup(reference)


def test_its_exhibits_show_the_control_beside_the_attack(white: Any) -> None:
    evidence = white[-1]
    shown = {e.name: e for e in evidence.exhibits}
    chart, strip, records = shown["robustness.linf"], shown["evasion.examples.linf"], shown["evasion.records"]
    assert isinstance(chart, Chart)
    assert [line.label for line in chart.lines] == ["under attack", "uniform noise"]
    assert all(a >= b for a, b in itertools.pairwise(chart.lines[0].y)), "more radius, less accuracy"
    assert isinstance(strip, Strip)
    assert len(strip.pictures) == 8
    assert (strip.height, strip.width, strip.channels) == (6, 6, 1)
    assert isinstance(records, Table)
    assert len(records.rows) == 40
    assert decode(Evidence, encode(evidence)) == evidence


def test_queries_are_those_of_the_meter_and_seeds_repeat(build: Any, white: Any) -> None:
    linear, x, y, eps, first = white
    model = build.differentiable(linear.model(), linear.module())
    again = EVASION.run(build.inputs(model, x, y, eps=eps, **QUICK), Limits(), 0)
    assert first.measured("queries").value <= model.queries  # pictures for the report come on top
    assert again.measurements == first.measurements
    assert again.exhibits == first.exhibits


def test_saturated_logits_are_seen_and_broken_all_the_same(build: Any, from_torch: Any) -> None:
    """Logits a thousand times too large: cross-entropy has no gradient in float32, APGD-T does not mind."""
    linear = build.linear(4, (12,), seed=1)
    x, y = linear.examples(40, seed=1)
    loud = torch.nn.Sequential(linear.module())
    with torch.no_grad():
        loud[0][1].weight *= 1e4
        loud[0][1].bias *= 1e4
    eps = {"linf": float(np.median(linear.distance(x, y, "linf")))}
    inputs = build.inputs(from_torch(loud, (12,), 4), x, y, eps=eps, norms=["linf"], **QUICK)
    evidence = EVASION.run(inputs, Limits(), 0)
    assert "saturated" in masking(evidence)
    assert evidence.measured("robust_accuracy.linf").value == pytest.approx(0.5, abs=0.06)


def test_a_quantised_input_hides_its_gradient_and_is_not_believed(build: Any, from_torch: Any) -> None:
    linear = build.linear(3, (1, 6, 6), seed=2)
    x, y = linear.examples(40, seed=2)
    plain = linear.module()

    class Quantised(torch.nn.Module):
        def forward(self, v: Any) -> Any:
            return plain(torch.round(v * 32) / 32)

    y = plain(torch.round(torch.tensor(x) * 32) / 32).argmax(1).numpy()
    eps = {"linf": 3 * float(np.median(linear.distance(x, y, "linf")))}
    options = {**QUICK, "short_queries": 200}
    inputs = build.inputs(from_torch(Quantised(), (1, 6, 6), 3), x, y, eps=eps, norms=["linf"], radii=[1], **options)
    evidence = EVASION.run(inputs, Limits(), 0)
    assert {"black_box", "zero_gradient"} <= masking(evidence)
    assert evidence.measured("robust_accuracy_black_box.linf").value < 0.9
    assert any("upper bound" in s.why for s in evidence.skipped) or evidence.measured("robust_accuracy.linf").value == 0


@pytest.mark.parametrize("answers", ["probabilities", "labels"])
def test_a_constant_model_does_not_crash(build: Any, answers: str) -> None:
    def same(v: Any) -> Any:
        return np.zeros(len(v), int) if answers == "labels" else np.tile([1.0, 0.0], (len(v), 1))

    model = from_callable(same, (4, 4), 2, (0.0, 1.0), answers=answers)
    x = np.random.default_rng(0).random((30, 4, 4)).astype(np.float32)
    evidence = EVASION.run(build.inputs(model, x, np.arange(30) % 2, **QUICK), Limits(), 0)
    assert evidence.verdict is Verdict.HELD
    assert evidence.measured("robust_accuracy.linf").value == 0.5
    assert evidence.measured("median_distance.linf").value == 1.0, "never found: the diameter of the box"


def test_a_model_that_is_always_wrong_does_not_crash(build: Any) -> None:
    linear = build.linear(2, (4, 4), seed=0)
    x, y = linear.examples(10, seed=0)
    evidence = EVASION.run(build.inputs(linear.model(), x, 1 - y, **QUICK), Limits(), 0)
    assert evidence.measured("robust_accuracy.l2").value == 0
    assert evidence.measured("median_distance.l2") is None


def test_labels_alone_use_hopskipjump_only(build: Any) -> None:
    linear = build.linear(3, (8,), seed=3)
    x, y = linear.examples(30, seed=3)
    model = from_callable(lambda v: linear.logits(v).argmax(axis=1), (8,), 3, (0.0, 1.0), answers="labels")
    evidence = EVASION.run(build.inputs(model, x, y, **{**QUICK, "queries": 800}), Limits(), 0)
    assert evidence.parameters["knowledge"] == "label"
    median = evidence.measured("median_distance.l2").value
    assert median == pytest.approx(np.median(linear.distance(x, y, "l2")), rel=0.1)
    records = next(e for e in evidence.exhibits if e.name == "evasion.records")
    assert not any("Square" in str(row) for row in records.rows)


def test_a_table_shows_what_was_changed_and_never_the_immutable(build: Any) -> None:
    features = (Feature("age", "integer", 0, 100, immutable=True), Feature("debt", "numeric", 0, 1000),
                Feature("cards", "integer", 0, 10))  # fmt: skip
    random = np.random.default_rng(0)
    x = np.stack([random.integers(0, 100, 60), random.uniform(0, 1000, 60), random.integers(0, 10, 60)], axis=1)
    model = from_callable(lambda v: v[:, 0] + v[:, 1] / 10 + v[:, 2] * 10 - 150, (3,), 2, answers="margin")
    y = model.predict(x).argmax(axis=1)
    evidence = EVASION.run(build.inputs(model, x, y, features, **QUICK), Limits(), 0)
    table = next(e for e in evidence.exhibits if e.name == "evasion.changes.linf")
    names = {row[1] for row in table.rows}
    assert names
    assert "age" not in names
    assert all(float(row[3]).is_integer() for row in table.rows if row[1] == "cards")
    assert evidence.parameters["settled_eps"]["linf"] == 0.1
    exact = np.abs(x[:, 0] + x[:, 1] / 10 + x[:, 2] * 10 - 150) / 200  # widths, both free columns moved alike
    robust = evidence.measured("robust_accuracy.linf")
    assert robust.low - 0.02 <= (exact > 0.1).mean() + 0.05


@pytest.mark.parametrize("queries", [50, 3000])
def test_a_query_budget_is_kept(build: Any, queries: int) -> None:
    linear = build.linear(3, (5, 5), seed=4)
    x, y = linear.examples(100, seed=4)
    model = linear.model(max_queries=queries)
    evidence = EVASION.run(build.inputs(model, x, y), Limits(queries=queries), 0)
    assert model.queries <= queries
    if queries == 50:
        assert evidence.verdict is not Verdict.HELD
        assert evidence.skipped
    else:
        assert evidence.measured("robust_accuracy.linf").n >= 20


class Racing:
    """A clock that runs a second whenever it is looked at."""

    def __init__(self) -> None:
        self.ticks = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        self.ticks += 1.0
        return self.ticks


def test_time_that_runs_out_leaves_what_was_measured(build: Any) -> None:
    linear = build.linear(3, (6,), seed=5)
    x, y = linear.examples(20, seed=5)
    model = build.differentiable(linear.model(), linear.module())
    inputs = replace(build.inputs(model, x, y, **QUICK), clock=Racing())
    evidence = EVASION.run(inputs, Limits(wall_s=30), 0)
    assert evidence.measured("robust_accuracy.linf") is not None
    assert any("time" in s.why for s in evidence.skipped)
    assert evidence.verdict is not Verdict.HELD


@pytest.mark.parametrize(
    "options",
    [{"norms": ["l7"]}, {"eps": "far"}, {"eps": {"linf": 0.1}}, {"samples": 0}, {"radii": [-1]}, {"queries": "many"}],
)
def test_odd_options_are_refused(build: Any, options: Any) -> None:
    linear = build.linear(2, (3,), seed=0)
    x, y = linear.examples(5, seed=0)
    with pytest.raises(InputError):
        EVASION.run(build.inputs(linear.model(), x, y, **options), Limits(), 0)


def test_examples_of_another_shape_are_refused(build: Any) -> None:
    linear = build.linear(2, (3,), seed=0)
    with pytest.raises(InputError, match="shape"):
        EVASION.run(build.inputs(linear.model(), np.zeros((4, 5), np.float32), [0, 1, 0, 1]), Limits(), 0)


@pytest.mark.parametrize("check", [EVASION, NOISE], ids=lambda check: check.id)
def test_one_radius_is_linf_and_l2_follows(build: Any, check: Any) -> None:
    linear = build.linear(2, (4,), seed=0)
    x, y = linear.examples(6, seed=0)
    evidence = check.run(build.inputs(linear.model(), x, y, eps=0.1, queries=5) if check is EVASION
                         else build.inputs(linear.model(), x, y, eps=0.1), Limits(), 0)  # fmt: skip
    assert dict(evidence.parameters["settled_eps"]) == {"linf": 0.1, "l2": 0.06}  # 0.3 * 0.1 * sqrt(4)
    assert evidence.parameters["eps"] == 0.1
    alone = check.run(build.inputs(linear.model(), x, y, eps=0.1, norms=["l2"]), Limits(), 0)
    assert "settled_eps" not in alone.parameters
    assert {m.at["eps"] for m in alone.measurements if m.at} >= {0.1, 0.05}


class Slow:
    """A model whose every answer moves a clock."""

    def __init__(self, model: Any, clock: Any, seconds: float) -> None:
        self._model, self._clock, self._seconds = model, clock, seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict(self, x: Any) -> Any:
        self._clock.at += self._seconds * len(x)
        return self._model.predict(x)


class Ticking(SystemClock):
    at = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.mark.parametrize("seconds", [0.0, 0.002, 0.02])
def test_slow_model_is_asked_less_and_that_is_noted(build: Any, seconds: float) -> None:
    linear, clock = build.linear(3, (6,), seed=0), Ticking()
    x, y = linear.examples(300, seed=0)
    inputs = replace(build.inputs(Slow(linear.model(), clock, seconds), x, y, eps=1e-4), clock=clock)
    evidence = EVASION.run(inputs, Limits(), 0)
    noted: Any = evidence.parameters
    if not seconds:
        assert (noted["settled_examples"], "query_ms" in noted) == (200, False)
        return
    assert noted["query_ms"] == 1000 * seconds
    assert noted["settled_examples"] < 200
    assert clock.at < 3 * 60
    left_out = seconds == 0.02  # so slow that only the declared radius was attacked: the others are not claimed
    radii = {m.at["eps"] for m in evidence.measurements if m.name == "robust_accuracy.linf.curve"}
    assert (bool(evidence.skipped), radii == {0.0, 1e-4}) == (left_out, left_out)


def test_slow_model_is_asked_in_full_when_told(build: Any) -> None:
    linear, clock = build.linear(3, (6,), seed=0), Ticking()
    x, y = linear.examples(60, seed=0)
    slow = Slow(linear.model(), clock, 0.1)
    inputs = replace(build.inputs(slow, x, y, eps=1e-4, samples=60, queries=200), clock=clock)
    evidence = EVASION.run(inputs, Limits(), 0)
    assert (evidence.parameters["settled_examples"], "query_ms" in evidence.parameters) == (60, False)
    assert evidence.skipped == ()


def test_slow_model_sees_less_noise(build: Any) -> None:
    linear, clock = build.linear(3, (6,), seed=0), Ticking()
    x, y = linear.examples(300, seed=0)
    evidence = NOISE.run(replace(build.inputs(Slow(linear.model(), clock, 0.02), x, y), clock=clock), Limits(), 0)
    assert (evidence.parameters["settled_draws"], evidence.parameters["settled_examples"]) == (1, 83)  # 1000 / 12
    assert clock.at < 60


def test_noise_within_a_query_budget_takes_fewer_draws_then_fewer_examples(build: Any) -> None:
    linear = build.linear(3, (6,), seed=0)
    x, y = linear.examples(100, seed=0)
    two = NOISE.run(build.inputs(linear.model(max_queries=2500), x, y), Limits(queries=2500), 0)
    few = NOISE.run(build.inputs(linear.model(max_queries=600), x, y), Limits(queries=600), 0)
    assert (two.parameters["settled_draws"], two.parameters["settled_examples"], two.skipped) == (2, 100, ())
    assert (few.parameters["settled_draws"], few.parameters["settled_examples"], few.skipped) == (1, 50, ())


def test_slow_gradients_leave_fewer_examples(build: Any) -> None:
    linear, clock = build.linear(3, (6,), seed=0), Ticking()
    x, y = linear.examples(200, seed=0)
    module = linear.module()

    class Slowly(torch.nn.Module):
        def forward(self, v: Any) -> Any:
            clock.at += 0.02 * len(v)
            return module(v)

    model = build.differentiable(linear.model(), Slowly())
    evidence = EVASION.run(replace(build.inputs(model, x, y, eps=1e-4, queries=1), clock=clock), Limits(), 0)
    assert evidence.parameters["gradient_ms"] == 20.0
    assert evidence.parameters["settled_examples"] == 20
    asked = build.inputs(model, x, y, eps=1e-4, samples=30, steps=2, radii=[1])
    chosen = EVASION.run(replace(asked, clock=clock), Limits(), 0)
    assert (chosen.parameters["settled_examples"], "gradient_ms" in chosen.parameters) == (30, False)


def test_every_radius_of_a_black_box_curve_is_attacked_at_its_own_size(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without HopSkipJump, which reaches any radius, a search elsewhere leaves rows that the closed form breaks."""
    monkeypatch.setattr(Campaign, "_walk", lambda campaign, queries: None)
    linear = build.linear(2, (5,), seed=0)
    x, y = linear.examples(60, seed=0)
    distance = linear.distance(x, y, "linf")
    eps = float(np.median(distance))
    inputs = build.inputs(linear.model(), x, y, eps={"linf": eps}, norms=["linf"], queries=300, radii=[0.5, 2.0])
    evidence = EVASION.run(inputs, Limits(), 0)
    curve = {m.at["eps"]: m.value for m in evidence.measurements if m.name == "robust_accuracy.linf.curve"}
    assert curve == pytest.approx({r * eps: (distance > r * eps).mean() for r in (0, 0.5, 1, 2)}, abs=0.04)
    records = next(e for e in evidence.exhibits if e.name == "evasion.records")
    assert isinstance(records, Table)
    attacked = {row[0] for row in records.rows if row[3] != "wrong when clean"}
    assert attacked == set(range(60))
