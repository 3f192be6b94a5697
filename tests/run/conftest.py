"""Jobs that misbehave, as a module that the workers can import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hauberk.core.canon import Json
from hauberk.core.ports import Job

JOBS = '''
import ctypes, os, signal, subprocess, sys, time
from hauberk.core.errors import InputError, VerificationError, Denied

class Odd(InputError):
    pass

def double(argument, progress):
    progress(1, 2, "half way")
    progress(2, 2, "there")
    return {"n": argument["n"] * 2}

def pid(argument, progress):
    return os.getpid()

def refuse(argument, progress):
    raise VerificationError("seal: broken", reason="signature", hint="ask the signer")

def odd(argument, progress):
    raise Odd("x: odd", hint="even it")

def bug(argument, progress):
    return [][3]

def leave(argument, progress):
    sys.exit(7)

def nan(argument, progress):
    return float("nan")

def die(argument, progress):
    print("loading weights", file=sys.stderr)
    print("\\x1b[31mfatal: bad block", file=sys.stderr, flush=True)
    os.kill(os.getpid(), argument["signal"])
    signal.pause()

def chatter(argument, progress):
    for _ in range(100):
        sys.stderr.write("z" * 100_000 + "\\n")
    sys.stderr.flush()
    os._exit(4)

def exit3(argument, progress):
    os._exit(3)

def segfault(argument, progress):
    ctypes.string_at(0)

def stray(argument, progress):
    print("a stray line")
    sys.stdout.flush()
    os.write(1, b"from C\\n")
    return {"stdin": sys.stdin.read()}

def hang(argument, progress):
    if "pidfile" in argument:
        wait = "import signal; signal.alarm(120); signal.pause()"  # should a test forget it
        child = subprocess.Popen([sys.executable, "-c", wait])
        part = argument["pidfile"] + ".part"
        with open(part, "w") as f:
            f.write(f"{os.getpid()} {child.pid}")
        os.rename(part, argument["pidfile"])
    progress(0, 1, "hanging")
    while True:
        time.sleep(1000)

def orphan_pipe(argument, progress):
    """Die while a grandchild holds every pipe, until someone writes to the fifo."""
    if os.fork() == 0:
        os.setsid()
        signal.alarm(120)
        open(argument["fifo"]).read()
        os._exit(0)
    os._exit(1)

def threads(argument, progress):
    return {k: v for k, v in os.environ.items() if k.endswith("_THREADS")}

def big(argument, progress):
    return {"text": "y" * argument["bytes"], "got": len(argument.get("text", ""))}

def noisy(argument, progress):
    sys.stderr.write("w" * 1_000_000)
    for i in range(argument["n"]):
        progress(i, argument["n"], "é" * 1000)
    return "quiet"

def rude(argument, progress):
    progress("a", None, "\\ud800")
    progress(float("nan"), 1, "")
    return "went on"
'''


@pytest.fixture(scope="session")
def job_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "hauberk_test_jobs.py").write_text(JOBS)
    return folder


@pytest.fixture
def job(job_module: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """job("die", signal=9): a job of the module above."""
    monkeypatch.syspath_prepend(str(job_module))

    def make(name: str, **argument: Json) -> Job:
        return Job(name, f"hauberk_test_jobs:{name}", argument)

    return make
