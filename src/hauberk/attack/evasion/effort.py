"""How much an evasion campaign may cost: what was asked for, cut to a query budget or to a slow model, and noted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook

from ..setting import LEAST_SAMPLES, PATIENCE_S, count, default_samples, fitting, norms, patience
from .campaign import Effort

LEAST_QUERIES = 150  # below that a black-box attack says nothing: rather attack fewer examples
EXPECTED = 0.65
"""Of the queries or gradients that all examples could cost: some are wrong when clean, others break early."""


def settle_effort(book: Notebook, limits: Limits, module: Any) -> tuple[Effort, int | None]:
    """Steps and queries as asked for, cut down to the query budget or to a slow model; and the examples left."""
    model, data = book.inputs.model, book.inputs.test
    default = 500 if data is not None and data.features else 1000
    queries = count(book, "queries", default)
    effort = Effort(count(book, "steps", 40), count(book, "targets", 3), queries, count(book, "short_queries", 200))
    if model is None or data is None or not len(data.y):
        return effort, None
    black, budget = module is None, limits.queries
    if budget is None and not black:
        return effort, _gradient_samples(book, effort, module)
    if budget is None:
        budget = patience(book, default_samples(data) * len(norms(book)) * (3 * queries + 20) * EXPECTED)
    if budget is None:
        return effort, None
    attacks = len(norms(book)) * (1 if model.label_only else 3 if black else 1)
    other = 20 * len(norms(book)) + 2  # control, clean answers, the referee's own questions
    asked = effort.queries if black else effort.short_queries + 60
    for samples in (300, 200, 100, 50, LEAST_SAMPLES):
        affordable = (budget // samples - other) // attacks
        if affordable >= min(asked, LEAST_QUERIES):
            break
    curve = affordable >= min(asked, LEAST_QUERIES) or not black or model.label_only
    fitted = max(1, min(asked, affordable if curve else affordable * 3))
    if not curve:
        book.skip("attack.evasion: nearest examples, and radii beyond the declared one",
                  f"the budget leaves {fitted} queries for each of {samples} examples, all spent at the declared "
                  "radius; raise --max-seconds or --max-queries")  # fmt: skip
    book.note("settled_queries_per_attack", fitted)
    if black:
        return replace(effort, queries=fitted, curve=curve), samples
    return replace(effort, short_queries=max(1, fitted - 60)), samples


def _gradient_samples(book: Notebook, effort: Effort, module: Any) -> int | None:
    """Examples whose gradients fit the time; None for all of them. What the user chose is not cut."""
    data = book.inputs.test
    assert data is not None
    if book.parameters["samples"] is not None:
        return None
    from .ascent import gradient_s

    each = len(norms(book)) * (effort.steps * (1 + effort.targets) + 60) * EXPECTED
    clock = book.inputs.clock.monotonic
    asked = each * default_samples(data)
    fitted = fitting(book, asked, gradient_s(module, data.x[:64], clock), PATIENCE_S, "gradient_ms")
    return None if fitted is None else max(LEAST_SAMPLES, int(fitted / each))
