"""Planning: which checks can run on what was given, with which share of the budget, and which cannot.

A check whose needs are not met is *not tested*, with what to give to have it tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hauberk.core.canon import Json
from hauberk.core.codec import Frozen
from hauberk.core.errors import InputError
from hauberk.core.limits import Limits
from hauberk.core.notebook import parameters
from hauberk.core.nouns import NotTested, Subject
from hauberk.core.ports import Check, Need

from .config import AuditConfig

SHARES = {"attack.evasion": 6.0, "attack.membership": 3.0}
"""How a budget is shared out: the attacks that get stronger with every query get the most; the others 1."""

QUERYING = {Need.MODEL, Need.GRADIENT, Need.REFIT}

TRUSTED = {"keys", "certificates", "issuer"}
"""Options that name somebody whose signature counts; there is no default."""

GIVE: dict[str, str] = {
    Need.ARTIFACT: "the model as a file or folder",
    Need.MODEL: "a model that may be loaded",
    Need.GRADIENT: "a differentiable model (ONNX, TorchScript, .pt2) and the extra `torch`",
    Need.REFIT: "a model whose family can be trained again (scikit-learn, XGBoost, LightGBM)",
    Need.SIGNATURE: 'whom to trust, in hauberk.toml: [checks."artifact.signature"] keys = ["team.pub"]',
    Need.TEST: "--data FILE with labels",
    Need.TRAIN: "--train FILE with the labelled data that the model was trained on",
}


@dataclass(frozen=True)
class Look(Frozen):
    """What a first look at model and data saw. missing: by need, why it is not there. queries: what it cost."""

    facts: Mapping[str, str]
    subjects: Mapping[str, Subject]
    missing: Mapping[str, str] = field(default_factory=dict)
    queries: int = 0


@dataclass(frozen=True)
class Planned:
    """A check with everything that settles its result."""

    check: Check
    options: Mapping[str, Json]
    limits: Limits
    seed: int

    @property
    def parameters(self) -> Mapping[str, Json]:
        """The parameters it will run with."""
        return parameters(self.check, self.options)


@dataclass(frozen=True)
class Plan:
    """What will run and what will not."""

    planned: tuple[Planned, ...]
    not_tested: tuple[NotTested, ...]


def plan(
    config: AuditConfig, checks: Iterable[Check], missing: Mapping[str, str], workers: int, spent: int = 0
) -> Plan:
    """Sort the checks into those that can run and those that cannot. Raises InputError for a bad option.

    spent: queries that are no longer there to be shared out.
    """
    if not TRUSTED & set(config.checks.get("artifact.signature", {})):
        missing = {**missing, Need.SIGNATURE: "nobody is named whose signature counts"}
    wanted, not_tested = [], []
    for check in checks:
        lacking = [need for need in check.needs if need in missing]
        if check.id in config.skip or (config.only and check.id not in config.only):
            not_tested.append(NotTested(check.id, "left out on request", "its name to --only, or no --skip for it"))
        elif lacking:
            why, give = ("; ".join(dict.fromkeys(table[need] for need in lacking)) for table in (missing, GIVE))
            not_tested.append(NotTested(check.id, why, give))
        else:
            wanted.append(check)
    left = None if config.max_queries is None else max(0, config.max_queries - spent)
    return Plan(tuple(_budgeted(replace(config, max_queries=left), wanted, workers)), tuple(not_tested))


def known_only(config: AuditConfig, ids: Iterable[str]) -> None:
    """Raise InputError for a check named in the configuration that does not exist."""
    known = tuple(ids)
    for name in (*config.only, *config.skip, *config.checks):
        if name not in known:
            raise InputError(f"there is no check {name!r}", hint="checks: " + ", ".join(known))


def options(config: AuditConfig, check: Check) -> Mapping[str, Json]:
    """The options of one check; `--allow` goes to the scan."""
    given = dict(config.checks.get(check.id, {}))
    if check.id == "artifact.scan" and config.allow:
        given["allow"] = list(config.allow)
    return given


def _budgeted(config: AuditConfig, checks: list[Check], workers: int) -> Iterable[Planned]:
    total = sum(_share(c) for c in checks) or 1.0
    asking = sum(_share(c) for c in checks if QUERYING & set(c.needs)) or 1.0
    for check in checks:
        limits = Limits(
            wall_s=_part(config.max_seconds, min(1.0, _share(check) * workers / total)),
            queries=None if config.max_queries is None or not QUERYING & set(check.needs)
            else int(config.max_queries * _share(check) / asking),
        )  # fmt: skip
        yield Planned(check, options(config, check), limits, config.seed)


def _share(check: Check) -> float:
    return SHARES.get(check.id, 1.0)


def _part(whole: float | None, share: float) -> float | None:
    return None if whole is None else round(whole * share, 3)
