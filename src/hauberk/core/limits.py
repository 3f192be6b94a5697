"""One Limits object: the guards against hostile input and the budget of a run.

>>> Limits().max_depth
64
>>> Limits(queries=100).budget.queries
100
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nouns import Budget

GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """max_file_bytes: largest file read whole into memory. max_members, max_depth: of an archive or pickle.

    max_ratio: uncompressed over compressed size. max_opcodes: steps of a walked pickle program.
    wall_s, queries: the budget of one check; None for no bound.
    """

    max_file_bytes: int = 8 * GIB
    max_total_bytes: int = 32 * GIB
    max_members: int = 100_000
    max_depth: int = 64
    max_ratio: float = 200.0
    max_opcodes: int = 50_000_000
    wall_s: float | None = None
    queries: int | None = None

    @property
    def budget(self) -> Budget:
        """The part that evidence records."""
        from .nouns import Budget  # only here: to hash or to walk takes limits, but no nouns

        return Budget(self.wall_s, self.queries)
