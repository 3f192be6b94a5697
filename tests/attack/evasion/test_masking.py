"""Signs of false safety, each by itself: a true hit and a near miss."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from hauberk.attack.evasion import masking
from hauberk.attack.threat import Space

N = 50


def campaign(white: int, *, best: float = 1.0, features: Any = ()) -> Any:
    """A campaign of 50 examples, of which gradients broke the first `white`."""
    broken = np.arange(N) < white
    referee = SimpleNamespace(
        right=np.ones(N, bool),
        by_attack=lambda attack, threat: broken if attack == "APGD-CE" else np.zeros(N, bool),
    )
    space = SimpleNamespace(features=features, diameter=Space(np.zeros(2), np.ones(2), np.ones(2)).diameter)
    setting = SimpleNamespace(space=space, curve=lambda norm: (0.0, 0.1, 0.4))
    ascent = SimpleNamespace(gradients=np.full(N, 9), first=np.zeros(N), best=np.full(N, best), flat=np.zeros(N, bool))
    return SimpleNamespace(referee=referee, setting=setting, norm="linf", eps=0.1, stop=lambda: False,
                           ascents={"APGD-CE": (np.arange(N), ascent)})  # fmt: skip


def rules(found: list[Any]) -> list[str]:
    return [sign.rule.rpartition(".")[2] for sign in found if sign is not None]


@pytest.mark.parametrize(
    ("larger", "everything", "features", "said"),
    [
        (50, 50, (), []),
        (37, 50, (), []),  # three lost of fifty: within chance
        (20, 50, (), ["larger_radius"]),
        (50, 48, (), []),
        (50, 40, (), ["unbounded"]),
        (20, 10, (), ["larger_radius", "unbounded"]),
        (50, 10, ("a column",), []),  # a table's constraints may rightly stop an attack
    ],
)
def test_larger_balls_must_be_easier(
    monkeypatch: pytest.MonkeyPatch, larger: int, everything: int, features: Any, said: list[str]
) -> None:
    reached = {0.4: larger, 1.0: everything}
    monkeypatch.setattr(masking, "_broken_at", lambda c, rows, radius: rows < reached[radius])
    assert rules(masking._radius(campaign(40, features=features))) == said


@pytest.mark.parametrize(("white", "best", "said"), [(10, 0.0, True), (10, 0.5, False), (50, 0.0, False)])
def test_a_loss_that_never_rose_is_a_sign_where_examples_stand(white: int, best: float, said: bool) -> None:
    assert bool(masking._flat_loss(campaign(white, best=best))) == said
