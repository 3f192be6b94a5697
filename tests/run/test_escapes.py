"""The rest of the escapes: named ones, every system call that is not listed, races, and what uses up the machine.

Each runs with Landlock and seccomp, with bubblewrap and seccomp, and, so that this says something, unconfined.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hauberk.run import bubblewrap, landlock, seccomp, syscalls
from hauberk.run.kernel import machine
from hauberk.run.sandbox import Sandbox

HERE = Path(__file__).parent
LANDLOCK, BUBBLEWRAP = ("landlock", "seccomp"), ("bubblewrap", "seccomp")
MEANS = [
    pytest.param(
        LANDLOCK, id="landlock",
        marks=pytest.mark.skipif(not (landlock.abi() and seccomp.is_available()), reason="no Landlock here"),
    ),
    pytest.param(
        BUBBLEWRAP, id="bubblewrap", marks=pytest.mark.skipif(not bubblewrap.program(), reason="no bubblewrap here")
    ),
]  # fmt: skip


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


load("escapes")
deep = load("escapes_deep")

@pytest.fixture(scope="session")
def unconfined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How every attack ends where nothing confines it."""
    folder = tmp_path_factory.mktemp("control") / "world"
    command = [sys.executable, str(HERE / "escapes_deep.py"), "--control", str(folder)]
    done = subprocess.run(command, capture_output=True, check=True)
    outcome: dict[str, str] = json.loads(done.stdout)
    return outcome


@pytest.fixture(scope="session", params=MEANS)
def confined(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], list[str]]:
    """How every attack ends in a cell, and what is changed or dead afterwards."""
    world = deep.World(tmp_path_factory.mktemp("cell") / "world")
    world.plant()
    before = world.snapshot()
    leaked = os.open(world.secret, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    box = Sandbox((world.model,), world.scratch, (HERE,), file_bytes=1 << 20, means=request.param)

    def run(*names: str) -> dict[str, str]:
        process = box.start("escapes_deep", [json.dumps(world.describe(leaked)), *names])
        out, err = process.communicate()
        if process.returncode == -signal.SIGSYS or process.returncode == 128 + signal.SIGSYS:
            return dict.fromkeys(names, "refused: killed by SIGSYS")
        assert process.returncode == 0, err.decode()
        outcome: dict[str, str] = json.loads(out)
        return outcome

    outcomes = run(*sorted(deep.ATTACKS.keys() - deep.FATAL))
    for name in sorted(deep.FATAL):
        outcomes |= run(name)
    damage = [f"{a} became {b}" for a, b in zip(before, world.snapshot(), strict=True) if a != b]
    damage += [] if world.victim.poll() is None else ["victim"]
    os.close(leaked)
    world.clear()
    world.close()
    return outcomes, damage


@pytest.mark.parametrize("attack", sorted(deep.ATTACKS))
def test_escape(attack: str, unconfined: dict[str, str], confined: tuple[dict[str, str], list[str]]) -> None:
    if unconfined[attack] != "ESCAPED":
        pytest.skip(f"this machine refuses it to everyone: {unconfined[attack]}")
    assert confined[0][attack].startswith("refused"), confined[0][attack]


def test_nothing_outside_is_touched(confined: tuple[dict[str, str], list[str]]) -> None:
    assert confined[1] == []


def test_most_attacks_work_unconfined(unconfined: dict[str, str]) -> None:
    """Otherwise the tests above would say nothing."""
    failed = {name: outcome for name, outcome in unconfined.items() if outcome != "ESCAPED"}
    assert len(failed) < 0.25 * len(unconfined), failed


@pytest.mark.parametrize("means", MEANS)
def test_no_system_call_passes_that_is_not_listed(means: tuple[str, ...]) -> None:
    """All numbers there are, and room for those to come."""
    column = syscalls.MACHINES.index(machine())
    known = syscalls.ALLOWED | syscalls.WRITING | syscalls.EXAMINED
    listed = [row[column] for row in known.values() if row[column] is not None]
    process = Sandbox(imports=(HERE,), means=means).start("escapes_deep", ["--sweep", json.dumps(listed)])
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert json.loads(out) == {}
    assert 120 < len(listed) < 180


# what uses up the machine


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    def start(code: str, **settings: Any) -> subprocess.Popen[bytes]:
        (tmp_path / "hauberk_test_program.py").write_text(code)
        return Sandbox(imports=(tmp_path,), **settings).start("hauberk_test_program", [])

    return start


def ended(process: subprocess.Popen[bytes]) -> int:
    process.communicate()
    return process.returncode if process.returncode < 128 else 128 - process.returncode  # bwrap adds 128


@pytest.mark.parametrize("means", MEANS)
def test_endless_work_is_ended(program: Callable[..., Any], means: tuple[str, ...]) -> None:
    code = """
import resource, signal, threading
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
try:
    resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))
except (ValueError, OSError):
    pass
def work():
    while True:
        pass
threading.Thread(target=work).start()
work()
"""
    assert ended(program(code, cpu_s=1, means=means)) in (-signal.SIGKILL, -signal.SIGXCPU)


@pytest.mark.parametrize("means", MEANS)
def test_memory_without_end_is_refused(program: Callable[..., Any], means: tuple[str, ...]) -> None:
    code = """
import mmap, sys
held = []
try:
    while len(held) < 100:
        held.append(mmap.mmap(-1, 64 << 20))
except (OSError, MemoryError):
    sys.exit(7)
"""
    assert ended(program(code, memory_bytes=1 << 30, means=means)) == 7


@pytest.mark.parametrize("means", MEANS)
def test_threads_without_end_are_refused(program: Callable[..., Any], means: tuple[str, ...]) -> None:
    """Each takes address space, which is bounded."""
    code = """
import sys, threading
threading.stack_size(16 << 20)
held, forever = [], threading.Event()
try:
    for _ in range(1000):
        held.append(threading.Thread(target=forever.wait, daemon=True))
        held[-1].start()
except (RuntimeError, MemoryError):
    sys.stdout.write("bounded")
    sys.stdout.flush()
    import os
    os._exit(7)
"""
    assert ended(program(code, memory_bytes=1 << 30, means=means)) == 7


@pytest.mark.parametrize("means", MEANS)
def test_a_file_without_end_is_refused(program: Callable[..., Any], means: tuple[str, ...], tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = """
import os, sys
try:
    with open("big", "wb", buffering=0) as f:
        os.posix_fallocate(f.fileno(), 0, 2 << 20)
except OSError:
    pass
try:
    with open("big", "wb", buffering=0) as f:
        while f.tell() < 4 << 20:
            f.write(bytes(1 << 16))
except OSError:
    sys.exit(7)
"""
    assert ended(program(code, scratch=scratch, file_bytes=1 << 20, means=means)) == 7
    assert (scratch / "big").stat().st_size <= 1 << 20


@pytest.mark.parametrize("means", MEANS)
def test_descriptors_without_end_are_refused(program: Callable[..., Any], means: tuple[str, ...]) -> None:
    code = """
import os, sys
try:
    while True:
        os.dup(0)
except OSError:
    sys.exit(7 if len(os.listdir("/proc/self/task")) == 1 else 8)
"""
    assert ended(program(code, means=means)) in (7, 1)  # 1: no descriptor was left to list with
