"""The runner that needs no other process: one job after the other, here.

>>> from hauberk.core.ports import Job
>>> job = Job("sum", "hauberk.run.inline:echo", {"n": 3})
>>> [done.result for done in Inline().run([job], lambda job, done, total, note: None)]
[{'n': 3}]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from hauberk.core.canon import Json, parse_json
from hauberk.core.errors import HauberkError
from hauberk.core.ports import Done, Job, Progress

from .call import call


class Inline:
    """Runs jobs in this process. It cannot stop a job that passes its time: that is what Workers are for."""

    def run(self, jobs: Iterable[Job], progress: Callable[[Job, int, int, str], None]) -> Iterator[Done]:
        """Yield each job's end in the order given. An error ends its own job only."""
        for job in jobs:
            yield _run(job, progress)


def _run(job: Job, progress: Callable[[Job, int, int, str], None]) -> Done:
    try:
        body = call(job.function, job.argument, lambda done, total, note: progress(job, done, total, note))
    except HauberkError as error:
        return Done(job, error=error)
    return Done(job, parse_json(body, what=job.name))


def echo(argument: Mapping[str, Json], progress: Progress) -> Json:
    """The smallest job: answer with what was given. For trying a runner out."""
    progress(1, 1, "")
    return dict(argument)
