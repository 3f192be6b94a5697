"""The display: one line a job where nobody watches, bars where somebody does, and never an error."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from hauberk.core.errors import InputError
from hauberk.core.ports import Done, Job
from hauberk.run import progress
from hauberk.run.progress import Display, plain

A, B = Job("attack.evasion", "m:f", {}), Job("data.labels", "m:f", {})


class Ticking:
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(stream: io.StringIO) -> str:
    with Display([A, B], stream, Ticking()) as display:
        for i in range(5):
            display.update(A, i, 10, f"radius {i}")
        display.end(Done(A, {}))
        display.update(B, 1, 4, "[red]bold[/red] \x1b[31m")
        display.end(Done(B, error=InputError("train.csv: no such\ncolumn \x1b[2J")))
    return stream.getvalue()


def test_one_line_a_job_where_nobody_watches() -> None:
    assert show(io.StringIO()) == (
        "1/2 attack.evasion: done in 1 s\n2/2 data.labels: failed: train.csv: no such?column ?[2J in 1 s\n"
    )


def test_bars_where_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    shown = show(Terminal())
    assert "✓ attack.evasion" in shown
    assert "10/10" in shown
    assert "! data.labels" in shown
    assert "1/4" in shown
    assert "train.csv: no such?column" in shown
    assert "\x1b[2J" not in shown


def test_what_a_job_says_is_not_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with Display([A], stream) as display:
        display.update(A, 1, 4, "[red]x[/red] [/] \x1b[31m")
    assert "[red]x[/red] [/] ?[31m" in stream.getvalue()


@pytest.mark.parametrize("value", [None, "x", -1, float("nan")])
def test_nonsense_does_not_raise(value: Any) -> None:
    with Display([A], Terminal()) as display:
        display.update(A, value, value, value)
        display.end(Done(A))


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_closed_stream_does_not_raise(kind: type[io.StringIO]) -> None:
    stream = kind()
    with Display([A], stream) as display:
        stream.close()
        display.update(A, 1, 2, "")
        display.end(Done(A))
    with Display([A], stream) as display:
        display.end(Done(A))


def test_an_error_inside_passes_through() -> None:
    with pytest.raises(KeyboardInterrupt), Display([A], Terminal()):
        raise KeyboardInterrupt


def test_two_jobs_of_one_name_have_two_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    stream, twin = Terminal(), Job(A.name, A.function, {"seed": 2})
    with Display([A, twin], stream) as display:
        display.update(A, 1, 7, "")
        display.update(twin, 2, 9, "")
    assert "1/7" in stream.getvalue()
    assert "2/9" in stream.getvalue()


def test_rich_is_not_loaded_where_nobody_watches() -> None:
    code = (
        "import io, sys\nfrom hauberk.core.ports import Done, Job\nfrom hauberk.run.progress import Display\n"
        "with Display([], io.StringIO()) as d: d.end(Done(Job('a', 'm:f', {})))\nsys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_real_terminal() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream, Display([A], stream) as display:
        display.update(A, 3, 8, "radius 3")
        display.end(Done(A))
        display.__exit__(None, None, None)
        stream.flush()
        shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "attack.evasion" in shown


def test_long_words_are_cut() -> None:
    assert plain("x" * 100, 10) == "x" * 9 + "…"


def test_a_job_whose_end_is_not_known_is_not_shown_as_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_is_terminal", lambda stream: True)
    job, stream = Job("attack.evasion", "m:f", {}), io.StringIO()
    with Display([job], stream) as display:
        display.update(job, 43_418, 0, "linf")
        assert display._bars is not None
        (task,) = display._bars.tasks
        assert not task.finished
        assert task.completed == 43_418
        display.end(Done(job, None))
        assert task.finished
