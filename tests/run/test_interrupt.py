"""Ctrl-C, twice, and the death of the parent: no child is ever left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hauberk.run.lifeline import describe_exit, uninterrupted

if not hasattr(os, "pidfd_open"):
    pytest.skip("needs Linux", allow_module_level=True)

PARENT = """
import signal, sys
sys.path.insert(0, {folder!r})
from hauberk.core.ports import Job
from hauberk.run.workers import Workers

jobs = [Job(f"hang{{i}}", "hauberk_test_jobs:hang", {{"pidfile": f"{out}/{{i}}"}}) for i in range(2)]
jobs.insert(0, Job("double", "hauberk_test_jobs:double", {{"n": 1}}))
ends = Workers(2, 1).run(jobs, lambda job, done, total, note: print("told", job.name, flush=True))

def work():
    for done in ends:
        print("ended", done.job.name, done.result, flush=True)

def insist(step):
    try:
        return step()
    except KeyboardInterrupt:
        return insist(step)

try:
    work()
except KeyboardInterrupt:
    insist(ends.close)
    insist(lambda: print("cancelled", flush=True))
    insist(sys.stdin.read)
"""


@contextmanager
def parent(folder: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    code = PARENT.format(folder=str(folder), out=out)
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_both_hang(process: subprocess.Popen[str], out: Path) -> list[int]:
    """Pidfds of both workers and of the process that each of them has started."""
    assert process.stdout is not None
    seen: set[str] = set()
    while not {"told hang0\n", "told hang1\n"} <= seen:
        line = process.stdout.readline()
        assert line, "the parent ended early"
        seen.add(line)
    assert "ended double {'n': 2}\n" in seen  # hang1 took over its worker: what had ended was told at once
    pids = [int(pid) for path in (out / "0", out / "1") for pid in path.read_text().split()]
    return [os.pidfd_open(pid) for pid in pids]


def has_ended(pidfd: int) -> bool:
    """Waits up to a minute for the end of a process; True at once when it comes."""
    return bool(select.select([pidfd], [], [], 60.0)[0])


def test_ctrl_c_cancels_and_leaves_no_child(job_module: Path, tmp_path: Path) -> None:
    with parent(job_module, tmp_path) as process:
        pidfds = wait_until_both_hang(process, tmp_path)
        process.send_signal(signal.SIGINT)
        assert all(map(has_ended, pidfds))
        rest, _ = process.communicate(timeout=60)
        assert rest.endswith("cancelled\n")
        assert process.returncode == 0


def test_more_ctrl_c_leaves_no_child(job_module: Path, tmp_path: Path) -> None:
    """Interrupts rain on the cleaning, and the parent lives on: it is the cleaning that ends the workers."""
    with parent(job_module, tmp_path) as process:
        pidfds = wait_until_both_hang(process, tmp_path)
        for _ in range(100):
            process.send_signal(signal.SIGINT)
            os.sched_yield()
        assert all(map(has_ended, pidfds))
        assert process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_their_parent(job_module: Path, tmp_path: Path, number: signal.Signals) -> None:
    with parent(job_module, tmp_path) as process:
        pidfds = wait_until_both_hang(process, tmp_path)
        process.send_signal(number)
        process.wait(60)
        assert all(map(has_ended, pidfds[::2]))
        for started_by_the_job in pidfds[1::2]:  # only a cancelled run reaches these
            signal.pidfd_send_signal(started_by_the_job, signal.SIGKILL)


def test_ctrl_c_at_the_terminal_does_not_reach_the_workers(job_module: Path, tmp_path: Path) -> None:
    with parent(job_module, tmp_path) as process:
        pidfds = wait_until_both_hang(process, tmp_path)
        worker = int((tmp_path / "0").read_text().split()[0])
        assert os.getsid(worker) == worker != os.getsid(process.pid)
        ignored = next(s for s in Path(f"/proc/{worker}/status").read_text().splitlines() if s.startswith("SigIgn"))
        assert int(ignored.split()[1], 16) >> (signal.SIGINT - 1) & 1
        process.send_signal(signal.SIGINT)
        assert all(map(has_ended, pidfds))


def test_an_interrupt_is_dropped_while_cleaning() -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_end_has_words() -> None:
    assert describe_exit(-9) == "it was killed by SIGKILL"
    assert describe_exit(-1000) == "it was killed by signal 1000"
    assert describe_exit(None) == "it was killed and has not ended yet"
