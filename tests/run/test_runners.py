"""What both runners promise, and what only worker processes can."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hauberk.core.errors import HauberkError, InputError, LimitExceeded, VerificationError
from hauberk.core.ports import Done, Job, Runner
from hauberk.run import child as child_module
from hauberk.run.inline import Inline
from hauberk.run.workers import Workers

Make = Callable[..., Job]


def quiet(job: Job, done: int, total: int, note: str) -> None:
    return None


def run(runner: Runner, *jobs: Job) -> list[Done]:
    return list(runner.run(jobs, quiet))


def only(runner: Runner, job: Job) -> Done:
    (done,) = run(runner, job)
    return done


def failure(done: Done) -> HauberkError:
    assert isinstance(done.error, HauberkError)
    assert done.result is None
    return done.error


@pytest.fixture(params=["inline", "workers"])
def runner(request: pytest.FixtureRequest) -> Runner:
    return Inline() if request.param == "inline" else Workers(1, 1)


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_results_and_progress_arrive(runner: Runner, job: Make) -> None:
    told: list[tuple[str, int, int, str]] = []
    jobs = [job("double", n=i) for i in range(3)]
    ends = list(runner.run(jobs, lambda j, done, total, note: told.append((j.name, done, total, note))))
    assert [done.result for done in ends] == [{"n": 0}, {"n": 2}, {"n": 4}]
    assert [done.job for done in ends] == jobs
    assert told.count(("double", 2, 2, "there")) == 3


def test_an_error_keeps_type_message_hint_and_reason(runner: Runner, job: Make) -> None:
    error = failure(only(runner, job("refuse")))
    assert isinstance(error, VerificationError)
    assert (str(error), error.hint, error.reason) == ("seal: broken", "ask the signer", "signature")


def test_an_error_of_another_room_keeps_its_core_base(runner: Runner, job: Make) -> None:
    error = failure(only(runner, job("odd")))
    assert isinstance(error, InputError)
    assert (str(error), error.hint) == ("x: odd", "even it")


@pytest.mark.parametrize(
    ("name", "words"),
    [("bug", "IndexError: list index out of range"), ("leave", "SystemExit: 7"), ("nan", "no canonical JSON")],
)
def test_a_defect_ends_its_own_job_only(runner: Runner, job: Make, name: str, words: str) -> None:
    first, second = run(runner, job(name), job("double", n=4))
    assert words in str(failure(first))
    assert second.result == {"n": 8}


def test_a_defect_brings_its_traceback(runner: Runner, job: Make) -> None:
    notes = "".join(failure(only(runner, job("bug"))).__notes__)
    assert "hauberk_test_jobs.py" in notes
    assert "return [][3]" in notes


@pytest.mark.parametrize("function", ["nowhere_at_all:f", "hauberk_test_jobs:missing", "no colon", "os:sep", ":f"])
def test_a_function_that_is_not_there(runner: Runner, job: Make, function: str) -> None:
    assert function in str(failure(only(runner, Job("x", function, {}))))


def test_progress_that_makes_no_sense_does_not_end_a_job(job: Make) -> None:
    assert only(Workers(1, 1), job("rude")).result == "went on"


def test_workers_persist_and_work_side_by_side(job: Make) -> None:
    pids = [done.result for done in run(Workers(2, 1), *[job("pid") for _ in range(12)])]
    assert 1 <= len(set(pids)) <= 2
    assert os.getpid() not in pids
    assert len(pids) == 12


def test_threads_are_limited(job: Make) -> None:
    found = only(Workers(1, 3), job("threads")).result
    assert isinstance(found, dict)
    assert {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"} <= set(found)
    assert set(found.values()) == {"3"}


def test_stray_prints_do_not_break_the_protocol(job: Make) -> None:
    assert only(Workers(1, 1), job("stray")).result == {"stdin": ""}


def test_big_frames_pass_both_ways(job: Make) -> None:
    done = only(Workers(1, 1), job("big", bytes=3_000_000, text="x" * 2_000_000))
    assert done.error is None
    assert isinstance(done.result, dict)
    assert len(str(done.result["text"])) == 3_000_000
    assert done.result["got"] == 2_000_000


def test_a_noisy_job_does_not_choke(job: Make) -> None:
    told: list[int] = []
    ends = list(Workers(1, 1).run([job("noisy", n=100_000)], lambda j, done, total, note: told.append(done)))
    assert ends[0].result == "quiet"
    assert 1 <= len(told) < 1000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM])
def test_a_killed_worker_ends_its_own_job_only(job: Make, number: signal.Signals) -> None:
    first, second = run(Workers(1, 1), job("die", signal=int(number)), job("double", n=1))
    message = str(failure(first))
    assert f"killed by {number.name}" in message
    assert "loading weights | ?[31mfatal: bad block" in message
    assert second.result == {"n": 2}


def test_last_words_are_few(job: Make) -> None:
    message = str(failure(only(Workers(1, 1), job("chatter"))))
    assert "exited with status 4" in message
    assert len(message) < child_module.MAX_WORDS_BYTES + 200


def test_a_segfault_is_named(job: Make) -> None:
    assert "SIGSEGV" in str(failure(only(Workers(1, 1), job("segfault"))))


def test_an_early_exit_is_named(job: Make) -> None:
    assert "exited with status 3" in str(failure(only(Workers(1, 1), job("exit3"))))


@pytest.mark.timeout(60)
def test_a_death_is_seen_though_a_grandchild_holds_the_pipes(job: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    first, second = run(Workers(1, 1), job("orphan_pipe", fifo=str(tmp_path / "fifo")), job("double", n=1))
    assert "exited with status 1" in str(failure(first))
    assert second.result == {"n": 2}
    (tmp_path / "fifo").write_text("go")


class Leaping:
    """A clock that leaps ahead once a job reports that it hangs."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        raise NotImplementedError

    def monotonic(self) -> float:
        return self.seconds


def test_a_job_that_passes_its_time_is_killed(job: Make) -> None:
    clock = Leaping()

    def leap(job: Job, done: int, total: int, note: str) -> None:
        clock.seconds += 6 if job.name == "hang" else 0

    jobs = [job("hang"), job("double", n=1)]
    first, second = Workers(1, 1, wall_s=3, grace_s=2, clock=clock).run(jobs, leap)
    error = failure(first)
    assert isinstance(error, LimitExceeded)
    assert "hang: passed its 3 s by more than 2 s" in str(error)
    assert second.result == {"n": 2}


def test_a_job_within_its_grace_is_left_alone(job: Make) -> None:
    clock = Leaping()

    def leap(job: Job, done: int, total: int, note: str) -> None:
        clock.seconds = 4.9

    assert [d.result for d in Workers(1, 1, 3, 2, clock).run([job("double", n=1)], leap)] == [{"n": 2}]


def test_an_argument_without_json_fails_alone(job: Make) -> None:
    first, second = run(Workers(1, 1), job("double", n=float("nan")), job("double", n=1))
    assert "canonical JSON" in str(failure(first))
    assert second.result == {"n": 2}


def test_a_worker_that_cannot_start_is_an_error_not_a_crash(job: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module.sys, "executable", "/nonexistent/python")
    assert "could not be started" in str(failure(only(Workers(1, 1), job("pid"))))


def test_a_worker_without_hauberk_says_so(job: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named hauberk' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(child_module.sys, "executable", str(python))
    assert "exited with status 1; its last words: No module named" in str(failure(only(Workers(1, 1), job("pid"))))


def test_closing_the_iterator_ends_the_workers(job: Make, tmp_path: Path) -> None:
    pidfile = tmp_path / "pids"
    ends = Workers(2, 1).run([job("double", n=1), job("hang", pidfile=str(pidfile))], quiet)
    assert next(ends).result == {"n": 2}
    ends.close()


def test_jobs_are_taken_only_when_a_worker_is_free(job: Make) -> None:
    taken: list[int] = []

    def jobs() -> Iterator[Job]:
        for i in range(50):
            taken.append(i)
            yield job("double", n=i)

    ends = Workers(1, 1).run(jobs(), quiet)
    next(ends)
    assert len(taken) == 1
    ends.close()


def test_no_jobs_no_workers() -> None:
    assert run(Workers(4, 1)) == []


@pytest.mark.parametrize(("n", "threads"), [(0, 1), (1, 0)])
def test_nonsense_is_refused(n: int, threads: int) -> None:
    with pytest.raises(InputError):
        Workers(n, threads)


def test_it_runs_in_a_thread_too(job: Make) -> None:
    found: list[Done] = []
    thread = threading.Thread(target=lambda: found.extend(run(Workers(1, 1), job("double", n=5))))
    thread.start()
    thread.join()
    assert found[0].result == {"n": 10}
