"""Landlock alone, without the filter in front of it, and with the rights of older kernels."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hauberk.run import landlock, seccomp
from hauberk.run.cell import PLAN_VARIABLE, Plan

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not (landlock.abi() and seccomp.is_available()), reason="no Landlock here")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


escapes = load("escapes")

CELL = """
import sys
from hauberk.run import cell, landlock, seccomp
landlock.abi = lambda: {version}
if not {filtered}:
    seccomp.restrict = lambda writes: None
    cell._prove = lambda plan: None
sys.argv[1:] = {argv!r}
cell.main()
"""


def attempt_all(folder: Path, version: int, *, filtered: bool) -> dict[str, str]:
    """How every attack ends in a cell of a kernel with that version of Landlock."""
    world = escapes.World(folder / "world")
    world.plant()
    plan = Plan(reads=(str(world.model),), scratch=str(world.scratch), imports=(str(HERE),), file_bytes=1 << 20)
    code = CELL.format(version=version, filtered=filtered, argv=["escapes", json.dumps(world.describe(99))])
    env = {**os.environ, PLAN_VARIABLE: plan.dump()}
    try:
        done = subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, check=False)
        alive = world.victim.poll() is None
    finally:
        world.clear()
        world.close()
    assert done.returncode == 0, done.stderr.decode()
    assert alive or landlock.abi() < 6  # also of the signal that a pipe's owner was to get
    outcome: dict[str, str] = json.loads(done.stdout)
    return outcome


def passed(outcomes: dict[str, str]) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome == "ESCAPED"}


@pytest.mark.parametrize("version", [v for v in (1, 2, 3, 4, 5, 6) if v < landlock.abi()])
def test_an_older_kernel_confines_as_well(tmp_path: Path, version: int) -> None:
    """What an old Landlock cannot refuse (truncation, TCP, signals), the filter does."""
    outcomes = attempt_all(tmp_path, version, filtered=True)
    inherited = {"read_a_token_of_the_environment", "find_an_open_file"}  # `start` sees to these, and is not used here
    assert passed(outcomes) - inherited == escapes.LEAKS


FILES = {
    "write_into_home", "write_into_tmp", "write_into_shared_memory", "write_beside_python", "overwrite_the_model",
    "append_to_the_model", "truncate_the_model", "truncate_the_model_by_reading", "delete_the_model",
    "replace_the_model", "reopen_the_model_for_writing", "make_a_folder", "write_core_pattern",
    "write_through_a_planted_link", "write_above_the_scratch_folder", "make_a_link_in_scratch",
    "make_a_hard_link_in_scratch", "make_a_fifo_in_scratch", "move_the_secret_into_scratch",
    "read_a_secret_by_openat2",
} | (escapes.READING - escapes.LEAKS)  # fmt: skip
SINCE = {
    4: {"connect_by_tcp", "listen_by_tcp"},
    6: {"connect_by_abstract_name", "kill_another", "kill_another_by_pidfd"},
    1: {"execute", "execute_from_memory", "spawn", "attach_to_another", "read_the_memory_of_another", "mount"},
}


def test_landlock_holds_alone(tmp_path: Path) -> None:
    """Two walls: what Landlock can refuse, it refuses without the filter too."""
    outcomes = attempt_all(tmp_path, landlock.abi(), filtered=False)
    expected = FILES.union(*(names for since, names in SINCE.items() if since <= landlock.abi()))
    assert expected & passed(outcomes) == set()


def test_the_filter_is_what_stops_the_rest(tmp_path: Path) -> None:
    """… and what it cannot, passes: these tests can fail."""
    outcomes = attempt_all(tmp_path, landlock.abi(), filtered=False)
    assert {"send_by_udp", "fork", "change_the_mode", "make_a_socket_pair"} <= passed(outcomes)


def test_a_ruleset_keeps_to_the_rights_of_its_version() -> None:
    assert landlock.rights_of(1) == 0x1FFF
    assert landlock.rights_of(2) == 0x3FFF
    assert landlock.rights_of(4) == 0x7FFF
    assert landlock.rights_of(7) == 0xFFFF
