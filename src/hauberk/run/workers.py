"""The runner of worker processes: jobs side by side, each in a process that may die without harm.

    for done in Workers(n=2, threads_each=1, wall_s=600).run(jobs, progress):
        ...

Workers are fresh interpreters that live from the first job to the last, so that imports and models stay loaded. They
die with this process, whatever ends it. Ctrl-C, or closing the iterator, ends them at once.

>>> Workers(n=2, threads_each=1).n
2
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hauberk.core.errors import HauberkError, InputError, LimitExceeded
from hauberk.core.ports import Clock, Done, Job, SystemClock

from .call import revive
from .child import Child
from .lifeline import uninterrupted

JobProgress = Callable[[Job, int, int, str], None]

LEAVE_S = 5.0
"""How long idle workers may take to leave: exit handlers remove temporary folders and loaded frameworks."""

TICK_S = 1.0
"""A dead worker whose pipes a grandchild still holds is noticed within this."""


@dataclass(frozen=True)
class Workers:
    """Runs up to `n` jobs at once, each process limited to `threads_each` numerical threads.

    wall_s: seconds that one job may take. It should stop by itself; `grace_s` later it is killed: LimitExceeded.
    onnxruntime reads no thread variable: set its session's thread number from OMP_NUM_THREADS.
    """

    n: int
    threads_each: int
    wall_s: float | None = None
    grace_s: float = 10.0
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        if self.n < 1 or self.threads_each < 1:
            raise InputError(f"workers: {self.n} of {self.threads_each} threads each, expected at least 1 of 1")

    def run(self, jobs: Iterable[Job], progress: JobProgress) -> Iterator[Done]:
        """Yield each job's end as it comes; jobs are taken as workers get free. Closing the iterator cancels.

        A worker that dies ends its own job with an error and is replaced. Start it in a thread that lives as
        long as the run: Linux ends the workers with the thread that started them.
        """
        fleet = _Fleet(self, progress)
        try:
            yield from fleet.work(iter(jobs))
            fleet.end(LEAVE_S)
        except BaseException:  # also KeyboardInterrupt and GeneratorExit: they are how a run is cancelled
            while not fleet.is_over:  # no call stands before the inner try: a second Ctrl-C can only strike inside
                try:
                    with uninterrupted():
                        fleet.end(0.0)
                except KeyboardInterrupt:
                    continue
            raise


class _Fleet:
    """The workers of one run."""

    def __init__(self, plan: Workers, progress: JobProgress) -> None:
        self._plan, self._progress = plan, progress
        self._children: list[Child] = []
        self.is_over = False

    def work(self, jobs: Iterator[Job]) -> Iterator[Done]:
        yield from self._assign(jobs)
        while any(child.job for child in self._children):
            yield from self._turn()
            yield from self._assign(jobs)

    def _assign(self, jobs: Iterator[Job]) -> Iterator[Done]:
        """Give every free hand a job; yields those that could not even begin."""
        while sum(child.job is not None for child in self._children) < self._plan.n:
            if (job := next(jobs, None)) is None:
                return
            try:
                self._free_child().give(job, self._now() + self._bound())
            except HauberkError as error:
                yield Done(job, error=error)

    def _free_child(self) -> Child:
        for child in self._children:
            if child.job is None:
                return child
        try:
            self._children.append(Child(self._plan.threads_each))
        except OSError as error:
            raise HauberkError(f"a worker could not be started: {error}", hint="use fewer workers") from error
        return self._children[-1]

    def _turn(self) -> list[Done]:
        """Wait until something moves, move it, and return the jobs that ended."""
        ended: list[Done] = []
        for child, channel in self._ready():
            if child not in self._children:
                continue  # retired a moment ago: its pipes are closed
            if channel == "stdin":
                child.push()
            elif channel == "stderr":
                child.listen()
            else:
                ended += self._receive(child)
        for child in list(self._children):
            ended += self._bury(child)
        return ended

    def _ready(self) -> list[tuple[Child, str]]:
        with selectors.DefaultSelector() as selector:
            for child in self._children:
                selector.register(child.stdout, selectors.EVENT_READ, (child, "stdout"))
                if not child.mute:
                    selector.register(child.stderr, selectors.EVENT_READ, (child, "stderr"))
                if child.has_more:
                    selector.register(child.stdin, selectors.EVENT_WRITE, (child, "stdin"))
            first = min(child.deadline for child in self._children)
            timeout_s = max(0.0, min(TICK_S, first - self._now()))
            return [key.data for key, _ in selector.select(timeout_s)]

    def _receive(self, child: Child) -> list[Done]:
        try:
            return [done for message in child.pull() for done in self._read(child, message)]
        except HauberkError as error:  # not a frame: nothing that follows on this pipe can be trusted
            return self._retire(child, error)

    def _read(self, child: Child, message: Any) -> list[Done]:
        if child.job is None:
            return []  # a thread that a job left behind still reports
        if "progress" in message:
            self._progress(child.job, *message["progress"])
            return []
        error = revive(message["error"]) if "error" in message else None
        done = Done(child.job, message.get("result"), error)
        child.job, child.deadline = None, float("inf")
        return [done]

    def _bury(self, child: Child) -> list[Done]:
        """Retire a child that has died or that passed its time."""
        if child.gone:
            return self._retire(child, child.post_mortem())
        if self._now() >= child.deadline:
            return self._retire(child, self._overdue(child))
        if child.is_dead:
            return self._receive(child) + self._retire(child, child.post_mortem())
        return []

    def _retire(self, child: Child, error: HauberkError) -> list[Done]:
        if child not in self._children:
            return []
        self._children.remove(child)
        child.kill()
        child.close()
        return [Done(child.job, error=error)] if child.job else []

    def _overdue(self, child: Child) -> LimitExceeded:
        name = child.job.name if child.job else "worker"
        return LimitExceeded(
            f"{name}: passed its {self._plan.wall_s:g} s by more than {self._plan.grace_s:g} s and was killed",
            hint="raise --max-seconds",
        )

    def _now(self) -> float:
        return self._plan.clock.monotonic()

    def _bound(self) -> float:
        return float("inf") if self._plan.wall_s is None else self._plan.wall_s + self._plan.grace_s

    def end(self, patience_s: float) -> None:
        """Let the idle ones leave for as long as that, then kill what is left; returns when all are reaped."""
        for child in self._children:
            child.let_go()
        until = self._now() + patience_s
        while (staying := [c for c in self._children if not (c.gone or c.is_dead)]) and self._now() < until:
            _hear_out(staying, min(TICK_S, until - self._now()))
        for child in self._children:
            child.kill()
            child.close()
        self._children.clear()
        self.is_over = True


def _hear_out(children: list[Child], timeout_s: float) -> None:
    """Read, and throw away, what leaving workers still say, so that none waits for a full pipe."""
    with selectors.DefaultSelector() as selector:
        for child in children:
            selector.register(child.stdout, selectors.EVENT_READ, child.pull)
            if not child.mute:
                selector.register(child.stderr, selectors.EVENT_READ, child.listen)
        for key, _ in selector.select(timeout_s):
            key.data()
