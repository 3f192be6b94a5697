"""How far the jobs are: bars on a terminal, one line per finished job elsewhere.

    with Display(jobs) as display:
        for done in runner.run(jobs, display.update):
            display.end(done)

It never raises and never stops a job: what cannot be drawn is not drawn.

>>> import io
>>> from hauberk.core.ports import Done, Job
>>> stream, job = io.StringIO(), Job("attack.noise", "m:f", {})
>>> with Display([job], stream) as display:
...     display.end(Done(job, None))
>>> stream.getvalue()
'1/1 attack.noise: done in 0 s\\n'
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, TextIO, cast

from hauberk.core.ports import Clock, Done, Job, SystemClock

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MAX_NOTE = 60


@dataclass
class _Row:
    """A job that has been heard of, since when, and its bar. Keeping the job keeps its id from being used again."""

    job: Job
    since: float
    total: int = 1
    task: TaskID | None = None


class Display:
    """Shows a set of jobs on a stream (stderr). `jobs` may be all of them, or those known so far."""

    def __init__(self, jobs: Sequence[Job] = (), stream: TextIO | None = None, clock: Clock | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock or SystemClock()
        self._total, self._ended = len(jobs), 0
        self._rows: dict[int, _Row] = {}
        self._bars: Progress | None = None
        self._since = self._clock.monotonic()

    def __enter__(self) -> Self:
        self._since = self._clock.monotonic()
        if _is_terminal(self._stream):
            self._safely(self._open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._safely(self._bars.stop)

    def update(self, job: Job, done: int, total: int, note: str) -> None:
        """A job is at `done` of `total`, 0 where the end is not known. Cheap: call it as often as you like."""
        self._safely(lambda: self._move(job, done, total, note))

    def end(self, done: Done) -> None:
        """A job has ended, well or not."""
        self._safely(lambda: self._finish(done))

    def _safely(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001  a closed or full stderr must not end an audit; the evidence tells the rest
            self._bars = None

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.fields[sign]} {task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
            console=Console(file=cast("IO[str]", _Forgiving(self._stream))),
        )
        self._bars.start()

    def _move(self, job: Job, done: int, total: int, note: str) -> None:
        row = self._row(job)
        if self._bars is not None and row.task is not None:
            row.total = max(total or done, 1)
            known = row.total if total else None  # rich reads None as: the end is not known
            self._bars.update(row.task, completed=done, total=known, note=plain(note, MAX_NOTE))

    def _row(self, job: Job) -> _Row:
        if id(job) not in self._rows:
            row = self._rows[id(job)] = _Row(job, self._clock.monotonic())
            if self._bars is not None:
                row.task = self._bars.add_task(plain(job.name, MAX_NOTE), total=None, note="", sign=" ")
        return self._rows[id(job)]

    def _finish(self, done: Done) -> None:
        self._ended += 1
        if self._bars is None:
            self._stream.write(self._line(done))
            self._stream.flush()
        elif (task := (row := self._row(done.job)).task) is not None:
            self._bars.update(task, sign="!" if done.error else "✓", note=_outcome(done))
            if not done.error:
                self._bars.update(task, completed=row.total, total=row.total)
            self._bars.stop_task(task)

    def _line(self, done: Done) -> str:
        row = self._rows.get(id(done.job))
        seconds = self._clock.monotonic() - (row.since if row else self._since)
        of = f"{self._ended}/{max(self._total, self._ended)}"
        how = f"failed: {_outcome(done)}" if done.error else "done"
        return f"{of} {plain(done.job.name, MAX_NOTE)}: {how} in {seconds:.0f} s\n"


class _Forgiving(io.TextIOBase):
    """A stream that drops what it cannot write: the bars are drawn by a thread that nobody catches."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return _is_terminal(self._stream)

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def _outcome(done: Done) -> str:
    return plain(str(done.error), 2 * MAX_NOTE) if done.error else ""


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def plain(text: str, most: int) -> str:
    """At most `most` printable characters: what a job says must not steer the terminal.

    >>> plain("a\\x1b[2Jb\\nc", 40)
    'a?[2Jb?c'
    """
    short = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(c if c.isprintable() else "?" for c in short)
