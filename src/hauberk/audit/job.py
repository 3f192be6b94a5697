"""What a worker process does for an audit: look at model and data once, then run one check at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hauberk.core.canon import Json
from hauberk.core.codec import decode, encode
from hauberk.core.limits import Limits
from hauberk.core.nouns import Subject
from hauberk.core.ports import Inputs, Need, Progress
from hauberk.model.meter import QueryMeter

from .checks import check
from .conduct import BYTES, without_sandbox
from .config import AuditConfig
from .load import facts, load, no_gradient, no_refit
from .plan import Look

SAMPLE = 64
"""Examples shown in a first look: enough to see a wrong shape and to hold a converted graph against its model."""


def look(argument: Mapping[str, Json], progress: Progress) -> Json:
    """A first look: do model and data fit, and what can be done with them. Returns plan.Look as plain JSON."""
    config = decode(AuditConfig, argument["config"])
    loaded = load(config, subjects(argument))
    missing: dict[str, str] = {}
    for need, data, flag in ((Need.TEST, loaded.test, "data"), (Need.TRAIN, loaded.train, "train")):
        if data is None:
            missing[need] = f"no --{flag} was given"
    loaded.model.meter = QueryMeter(config.max_queries)
    if loaded.test is not None:
        loaded.model.predict(loaded.test.x[:_sample(config.max_queries)])
    for need, why in ((Need.GRADIENT, no_gradient(loaded.model)), (Need.REFIT, no_refit(loaded.model))):
        if why:
            missing[need] = why
    told = facts(loaded, missing)
    return cast(Json, encode(Look(told, loaded.subjects, missing, loaded.model.queries)))


def _sample(max_queries: int | None) -> int:
    """How many examples to show: a twentieth of a small budget."""
    return SAMPLE if max_queries is None else min(SAMPLE, max(1, max_queries // 20))


def run_check(argument: Mapping[str, Json], progress: Progress) -> Json:
    """Run one check. Returns its Evidence as plain JSON."""
    item: Any = argument
    config = decode(AuditConfig, item["config"])
    limits = Limits(wall_s=item["wall_s"], queries=item["queries"])
    if item["check"] in BYTES:
        inputs = Inputs(config.artifact, subjects=subjects(argument), options=item["options"], progress=progress)
        return cast(Json, encode(check(item["check"]).run(inputs, limits, item["seed"])))
    loaded = load(config, subjects(argument))  # confines: before the check imports its libraries
    chosen = check(item["check"])
    loaded.model.meter = QueryMeter(limits.queries)
    inputs = Inputs(
        config.artifact, loaded.model, loaded.test, loaded.train, loaded.subjects, item["options"], progress=progress
    )
    evidence = chosen.run(inputs, limits, item["seed"])
    if loaded.unconfined and Need.MODEL in chosen.needs:
        evidence = without_sandbox(evidence, loaded.unconfined)
    return cast(Json, encode(evidence))


def subjects(argument: Mapping[str, Json]) -> dict[str, Subject]:
    """The subjects named so far, by role."""
    plain = cast(Mapping[str, Json], argument["subjects"])
    return {role: decode(Subject, subject) for role, subject in plain.items()}
