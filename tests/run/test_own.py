"""A worker that confines itself: reads what it was given, writes nothing, reaches nobody; another process never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hauberk.core.ports import Job
from hauberk.run import own
from hauberk.run.cell import LANDLOCK, SECCOMP
from hauberk.run.sandbox import best_means
from hauberk.run.workers import Workers

JOB = '''
import socket
from pathlib import Path
from hauberk.run.own import confine_worker

def attempt(step):
    try:
        step()
    except OSError as error:
        return type(error).__name__
    return "done"

def probe(argument, progress):
    strength = confine_worker([Path(argument["given"])]) if argument["confine"] else ""
    folder = Path(argument["given"]).parent
    import numpy
    return {
        "strength": strength,
        "given": attempt(lambda: Path(argument["given"]).read_text()),
        "other": attempt(lambda: (folder / "secret").read_text()),
        "write": attempt(lambda: (folder / "written").write_text("x")),
        "network": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
        "sum": int(numpy.arange(4).sum()),
    }
'''


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "own_probe_job.py").write_text(JOB)
    (tmp_path / "data").mkdir()
    given = tmp_path / "data" / "given"
    given.write_text("data")
    (tmp_path / "data" / "secret").write_text("secret")
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(confine: bool) -> Any:
        job = Job("probe", "own_probe_job:probe", {"given": str(given), "confine": confine})
        (done,) = Workers(1, 1).run([job], lambda *told: None)
        if done.error:
            raise done.error
        return done.result

    return run


@pytest.mark.skipif(best_means() != (LANDLOCK, SECCOMP), reason="this kernel has no Landlock or no seccomp")
def test_a_worker_is_confined_for_good(probe: Any) -> None:
    free = probe(confine=False)
    assert [free[what] for what in ("given", "other", "write", "network")] == ["done"] * 4, "the probe can fail"
    held = probe(confine=True)
    assert held["strength"] == "landlock + seccomp"
    assert (held["given"], held["sum"]) == ("done", 6)
    assert [held[what] for what in ("other", "write", "network")] == ["PermissionError"] * 3


def test_a_process_that_is_no_worker_is_left_alone(tmp_path: Path) -> None:
    assert own.confine_worker([tmp_path]) == ""
    (tmp_path / "free").write_text("still free")
