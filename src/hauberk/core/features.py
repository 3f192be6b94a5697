"""The feature schema of a table: what each column may hold and what an attacker may change.

>>> Feature("age", "integer", 18, 99).width
81
"""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Frozen
from .errors import InputError

KINDS = ("numeric", "integer", "categorical", "onehot")


@dataclass(frozen=True)
class Feature(Frozen):
    """One column. low, high: closed bounds in the column's own units.

    kind: numeric; integer; categorical (codes 0..k-1 into `categories`); onehot (0 or 1, and exactly one
    of the columns that share `group` is 1). immutable: an attacker cannot change it.
    """

    name: str
    kind: str
    low: float
    high: float
    immutable: bool = False
    group: str = ""
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise InputError(f"feature {self.name}: kind {self.kind!r} is none of {', '.join(KINDS)}")
        if not self.low <= self.high:
            raise InputError(f"feature {self.name}: low {self.low} is above high {self.high}")

    @property
    def width(self) -> float:
        """high - low: what distances on this column are divided by."""
        return self.high - self.low


Features = tuple[Feature, ...]
