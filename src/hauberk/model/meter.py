"""The query meter that every adapter shares: it counts examples shown, and stops before the budget is passed.

>>> meter = QueryMeter(10)
>>> meter.spend(8)
>>> meter.left
2
>>> meter.spend(3)
Traceback (most recent call last):
    ...
hauberk.core.errors.LimitExceeded: query budget: 8 of 10 are spent, 3 more were asked for
"""

from __future__ import annotations

from threading import Lock

from hauberk.core.errors import InputError, LimitExceeded


class QueryMeter:
    """Counts queries: one per example shown. limit: the most that may be spent, or None. Thread-safe."""

    def __init__(self, limit: int | None = None) -> None:
        if limit is not None and limit < 0:
            raise InputError(f"query budget: {limit} is negative")
        self.limit, self._spent, self._lock = limit, 0, Lock()

    @property
    def queries(self) -> int:
        """Examples shown so far."""
        return self._spent

    @property
    def left(self) -> int | None:
        """Examples that may still be shown; None when there is no limit."""
        return None if self.limit is None else self.limit - self._spent

    def spend(self, n: int) -> None:
        """Count n examples that are about to be shown.

        Raises LimitExceeded, and counts nothing, when that would pass the limit.
        """
        with self._lock:
            if self.limit is not None and self._spent + n > self.limit:
                raise LimitExceeded(
                    f"query budget: {self._spent} of {self.limit} are spent, {n} more were asked for",
                    hint="raise the query budget, or attack fewer examples",
                )
            self._spent += n
