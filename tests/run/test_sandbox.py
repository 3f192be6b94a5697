"""The sandbox against a corpus of escapes, with a control run that shows that they work where nothing stops them."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hauberk.core.errors import HauberkError, InputError
from hauberk.core.ports import Job
from hauberk.run import bubblewrap, cell, landlock, places, sandbox, seccomp
from hauberk.run.sandbox import Sandbox, best_means
from hauberk.run.workers import Workers

HERE = Path(__file__).parent
LANDLOCK, BUBBLEWRAP, FILTER_ONLY = ("landlock", "seccomp"), ("bubblewrap", "seccomp"), ("seccomp",)

needs_landlock = pytest.mark.skipif(not (landlock.abi() and seccomp.is_available()), reason="no Landlock here")
needs_bubblewrap = pytest.mark.skipif(not bubblewrap.program(), reason="no bubblewrap here")
needs_seccomp = pytest.mark.skipif(not seccomp.is_available(), reason="no seccomp here")

MEANS = [
    pytest.param(LANDLOCK, marks=needs_landlock, id="landlock"),
    pytest.param(BUBBLEWRAP, marks=needs_bubblewrap, id="bubblewrap"),
    pytest.param(FILTER_ONLY, marks=needs_seccomp, id="seccomp"),
]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


escapes = load("escapes")
PASSES = {FILTER_ONLY: escapes.READING, LANDLOCK: escapes.LEAKS, BUBBLEWRAP: {"see_where_a_link_leads", "list_mounts"}}


@pytest.fixture(scope="session")
def unconfined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How every attack ends where nothing confines it."""
    folder = tmp_path_factory.mktemp("control") / "world"
    command = [sys.executable, str(HERE / "escapes.py"), "--control", str(folder)]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "HAUBERK_TEST_TOKEN": "t"}, check=True)
    outcome: dict[str, str] = json.loads(done.stdout)
    return outcome


@pytest.fixture(scope="session", params=MEANS)
def confined(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[str, ...], dict[str, str], list[str]]:
    """How every attack ends in a cell, and what is changed, reached or dead afterwards."""
    world = escapes.World(tmp_path_factory.mktemp("cell") / "world")
    world.plant()
    before = world.snapshot()
    leaked = os.open(world.secret, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    os.environ["HAUBERK_TEST_TOKEN"] = "t"
    scratch = None if request.param == FILTER_ONLY else world.scratch
    box = Sandbox((world.model,), scratch, (HERE,), file_bytes=1 << 20, means=request.param)
    process = box.start("escapes", [json.dumps(world.describe(leaked))])
    out, err = process.communicate()
    damage = [f"{a} became {b}" for a, b in zip(before, world.snapshot(), strict=True) if a != b]
    damage += [f"listener {i}" for i in world.heard()]
    damage += [] if world.victim.poll() is None else ["victim"]
    os.close(leaked)
    world.clear()
    world.close()
    assert process.returncode == 0, err
    return request.param, json.loads(out), damage


@pytest.mark.parametrize("attack", sorted(escapes.ATTACKS))
def test_escape(
    attack: str, unconfined: dict[str, str], confined: tuple[tuple[str, ...], dict[str, str], list[str]]
) -> None:
    means, outcomes, _ = confined
    if unconfined[attack] != "ESCAPED":
        pytest.skip(f"this machine refuses it to everyone: {unconfined[attack]}")
    if attack not in PASSES[means]:
        assert outcomes[attack].startswith("refused"), outcomes[attack]


def test_what_the_documentation_admits_is_true(confined: tuple[tuple[str, ...], dict[str, str], list[str]]) -> None:
    means, outcomes, _ = confined
    admitted = escapes.LEAKS | {"read_a_secret", "list_home"} if means == FILTER_ONLY else PASSES[means]
    assert {outcomes[attack] for attack in admitted} == {"ESCAPED"}


def test_nothing_outside_is_touched(confined: tuple[tuple[str, ...], dict[str, str], list[str]]) -> None:
    assert confined[2] == []


def test_most_attacks_work_unconfined(unconfined: dict[str, str]) -> None:
    """Otherwise the tests above would say nothing."""
    escaped = [name for name, outcome in unconfined.items() if outcome == "ESCAPED"]
    assert len(escaped) > 0.8 * len(escapes.ATTACKS), {k: v for k, v in unconfined.items() if v != "ESCAPED"}


def test_clone3_is_unknown_so_that_libraries_fall_back(
    confined: tuple[tuple[str, ...], dict[str, str], list[str]],
) -> None:
    assert f"[Errno {errno.ENOSYS}]" in confined[1]["clone3_a_process"]


# running programs


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """program(code, **settings of Sandbox): start it in a cell as a module of its own."""

    def start(code: str, *arguments: str, **settings: Any) -> subprocess.Popen[bytes]:
        (tmp_path / "hauberk_test_program.py").write_text(code)
        return Sandbox(imports=(tmp_path,), **settings).start("hauberk_test_program", arguments)

    return start


COMPUTE = """
import sys
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
rng = np.random.default_rng(0)
x = rng.normal(size=(400, 8))
y = (x[:, 0] > 0).astype(int)
assert RandomForestClassifier(10, n_jobs=2, random_state=0).fit(x, y).predict_proba(x).shape == (400, 2)
assert LogisticRegression().fit(x, y).score(x, y) > 0.9
assert np.isfinite(np.linalg.svd(rng.normal(size=(300, 300)))[1]).all()
import torch
torch.set_num_threads(2)
net = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8 * 36, 10))
loss = net(torch.randn(64, 1, 8, 8)).logsumexp(1).sum()
loss.backward()
assert torch.isfinite(net[0].weight.grad).all()
sys.stdout.write("computed")
"""


@pytest.mark.parametrize(
    "means",
    [
        pytest.param(None, id="best"),
        pytest.param(BUBBLEWRAP, marks=[needs_bubblewrap, pytest.mark.slow], id="bubblewrap"),
        pytest.param(FILTER_ONLY, marks=[needs_seccomp, pytest.mark.slow], id="seccomp"),
    ],
)
def test_frameworks_compute_in_a_cell(program: Callable[..., Any], means: tuple[str, ...] | None) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("torch")
    out, err = program(COMPUTE, means=means).communicate()
    assert out == b"computed", err.decode()


ECHO = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line.upper())
    sys.stdout.buffer.flush()
sys.exit(5)
"""


@pytest.mark.parametrize("means", [*MEANS, pytest.param((), id="nothing")])
def test_a_cell_talks_over_its_pipes(program: Callable[..., Any], means: tuple[str, ...]) -> None:
    process = program(ECHO, means=means)
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"HELLO\n"
    process.communicate()
    assert process.returncode == 5


def test_arguments_arrive(program: Callable[..., Any]) -> None:
    out, _ = program("import sys; sys.stdout.write(repr(sys.argv[1:]) + __name__)", "a b", "--c").communicate()
    assert out == b"['a b', '--c']__main__"


@pytest.mark.parametrize("means", [LANDLOCK, BUBBLEWRAP])
def test_scratch_can_be_used(program: Callable[..., Any], means: tuple[str, ...], tmp_path: Path) -> None:
    if means not in (best_means(), (BUBBLEWRAP if bubblewrap.program() else None)):
        pytest.skip("not here")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = """
import os, tempfile
with tempfile.TemporaryDirectory() as folder:
    open(folder + "/a", "w").write("x")
    os.rename(folder + "/a", folder + "/b")
    os.mkdir(folder + "/c")
open("kept", "w").write("kept " + os.path.expanduser("~"))
"""
    process = program(code, scratch=scratch, means=means)
    assert process.communicate()[1] == b""
    assert [p.name for p in scratch.iterdir()] == ["kept"]
    assert (scratch / "kept").read_text() == f"kept {scratch}"


def test_nothing_can_be_written_without_scratch(program: Callable[..., Any]) -> None:
    if not best_means():
        pytest.skip("nothing confines here")
    _, err = program("import tempfile\ntempfile.mkstemp()").communicate()
    assert b"Error" in err


def test_the_environment_is_an_allow_list(program: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HTTP_PROXY", "LD_PRELOAD", "PYTHONSTARTUP", "HAUBERK_KEY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    out, _ = program("import json, os, sys; sys.stdout.write(json.dumps(dict(os.environ)))", means=()).communicate()
    found = json.loads(out)
    assert found.pop("OMP_NUM_THREADS") == "3"
    allowed = {"HOME", "TMPDIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "JOBLIB_MULTIPROCESSING"}
    allowed |= {"CUDA_VISIBLE_DEVICES", "PYTHONUSERBASE", *places.VARIABLES}
    assert not {n for n in found if n not in allowed and not n.startswith(places.VARIABLE_PREFIXES)}


def test_no_descriptor_is_inherited(program: Callable[..., Any]) -> None:
    out, _ = program("import os, sys; sys.stdout.write(','.join(os.listdir('/proc/self/fd')))").communicate()
    assert set(out.decode().split(",")) <= {"0", "1", "2", "3"}  # 3: the listing itself


STATE = """
import ctypes, os, sys
pairs = dict(line.split(":", 1) for line in open("/proc/self/status"))
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
caps = {pairs[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
sys.stdout.write(repr((
    caps == {"0" * 16}, pairs["NoNewPrivs"].strip(), pairs["Seccomp"].strip(), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    stat[3] == str(os.getpid()), stat[4], os.getcwd(),
)))
"""


@needs_landlock
def test_a_cell_has_no_privilege_no_terminal_and_no_dump(program: Callable[..., Any]) -> None:
    """Capabilities, no_new_privs, filter, dumpable, leader of its own session, terminal, working folder."""
    out, err = program(STATE).communicate()
    assert out == repr((True, "1", "2", 0, True, "0", "/")).encode(), err


def test_memory_is_bounded_without_confinement_too(program: Callable[..., Any]) -> None:
    code = "import sys\ntry: bytearray(1 << 31)\nexcept MemoryError: sys.stdout.write('bounded')"
    assert program(code, means=(), memory_bytes=1 << 30).communicate()[0] == b"bounded"


def test_processor_time_is_bounded(program: Callable[..., Any]) -> None:
    process = program("while True: pass", cpu_s=1)
    process.communicate()
    assert process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_a_talkative_cell_is_not_blocked(program: Callable[..., Any]) -> None:
    code = """
import os, sys
try:
    for _ in range(100):
        os.write(2, b"w" * 100_000)
except BlockingIOError:
    sys.stdout.write("full")
"""
    process = program(code)
    assert process.stdout.read() == b"full"
    process.communicate()


@needs_landlock
@pytest.mark.skipif(not sys.platform.startswith("linux") or os.uname().machine != "x86_64", reason="x86_64 only")
def test_the_x32_numbers_of_system_calls_kill(program: Callable[..., Any]) -> None:
    process = program("import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)")
    process.communicate()
    assert process.returncode == -signal.SIGSYS


@pytest.mark.parametrize("means", MEANS)
def test_a_cell_dies_with_its_parent(tmp_path: Path, means: tuple[str, ...]) -> None:
    (tmp_path / "stay.py").write_text(
        "import ctypes, os, sys, time\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n"
        "sys.stdout.write('up\\n'); sys.stdout.flush()\nos.dup2(1, 0)\nwhile True: time.sleep(1000)\n"
    )
    code = f"""
import sys
from pathlib import Path
from hauberk.run.sandbox import Sandbox
process = Sandbox(imports=(Path({str(tmp_path)!r}),), means={means!r}).start("stay", [])
process.stdout.readline()
sys.stdout.write("up\\n"); sys.stdout.flush()
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    families = [pid for pid in children_of(parent.pid) if pid]
    pidfds = [os.pidfd_open(pid) for pid in families]
    assert pidfds
    parent.kill()
    parent.communicate()
    assert all(select.select([fd], [], [], 60.0)[0] for fd in pidfds)


def children_of(pid: int) -> list[int]:
    """All descendants of a process."""
    direct = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return direct + [grandchild for child in direct for grandchild in children_of(child)]


CELL_IN_A_WORKER = """
import os, sys, time
from pathlib import Path
from hauberk.run.sandbox import Sandbox

def nest(argument, progress):
    here = Path(argument["folder"])
    cell = Sandbox(imports=(here,)).start("hauberk_test_stay", [])
    cell.stdout.readline()
    progress(cell.pid, cell.pid, "")
    time.sleep(1000)
"""


@needs_landlock
def test_a_cell_dies_with_the_worker_that_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hauberk_test_nest.py").write_text(CELL_IN_A_WORKER)
    (tmp_path / "hauberk_test_stay.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(1000)")
    monkeypatch.syspath_prepend(str(tmp_path))
    pidfds: list[int] = []

    def jobs() -> Iterator[Job]:
        yield Job("nest", "hauberk_test_nest:nest", {"folder": str(tmp_path)})

    def interrupt(job: Job, pid: int, total: int, note: str) -> None:
        pidfds.append(os.pidfd_open(pid))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Workers(1, 1).run(jobs(), interrupt))
    assert select.select(pidfds, [], [], 60.0)[0]


# failing closed


def test_strength_names_what_confines() -> None:
    assert Sandbox(means=LANDLOCK).strength == "landlock + seccomp"
    assert Sandbox(means=()).strength == ""
    assert Sandbox().strength == sandbox.STRENGTHS[best_means()]


def test_an_unknown_confinement_is_refused() -> None:
    with pytest.raises(InputError, match="means"):
        Sandbox(means=("hope",))


@pytest.mark.parametrize("field", ["reads", "imports"])
def test_a_path_that_is_not_there_is_refused(field: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Sandbox(**{field: (tmp_path / "missing",)}).start("json.tool", [])


BREAK = """
import sys
from hauberk.run import cell, landlock, seccomp
def broken(*a, **k): {how}
{target} = broken
sys.argv[1:] = ["hauberk_test_victim"]
cell.main()
"""


@needs_landlock
@pytest.mark.parametrize("target", ["landlock.restrict", "seccomp.restrict", "cell.give_up_privileges"])
@pytest.mark.parametrize("how", ["raise OSError(1, 'no')", "return None"])
def test_a_confinement_that_fails_or_does_nothing_runs_nothing(tmp_path: Path, target: str, how: str) -> None:
    """The module is not run when a step raises, nor when a step silently does nothing."""
    (tmp_path / "hauberk_test_victim.py").write_text("import sys; sys.stdout.write('ran')")
    plan = cell.Plan(means=LANDLOCK, imports=(str(tmp_path),))
    done = subprocess.run(
        [sys.executable, "-c", BREAK.format(how=how, target=target)],
        env={**os.environ, cell.PLAN_VARIABLE: plan.dump()},
        capture_output=True,
        check=False,
    )
    assert done.stdout == b""
    assert done.returncode == 1


def test_start_raises_when_the_kernel_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A child that says anything else than that it is confined is killed."""
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexec 1>&2\necho 'no such kernel' >&2\nexit 4\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sandbox.sys, "executable", str(fake))
    with pytest.raises(HauberkError, match="could not be confined: it exited with status 4: no such kernel"):
        Sandbox(means=()).start("json.tool", [])


@pytest.mark.skipif(bool(landlock.abi()), reason="Landlock is here")
def test_landlock_that_is_not_there_is_an_error() -> None:
    with pytest.raises(HauberkError, match="could not be confined"):
        Sandbox(means=LANDLOCK).start("json.tool", [])


def test_bubblewrap_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "program", lambda: "")
    with pytest.raises(HauberkError, match="bubblewrap is not installed"):
        Sandbox(means=BUBBLEWRAP).start("json.tool", [])


def test_the_best_is_chosen_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def machine(landlock_abi: int, bwrap: str, filters: bool) -> tuple[str, ...]:
        monkeypatch.setattr(landlock, "abi", lambda: landlock_abi)
        monkeypatch.setattr(bubblewrap, "program", lambda: bwrap)
        monkeypatch.setattr(seccomp, "is_available", lambda: filters)
        return best_means.__wrapped__()

    assert machine(1, "/usr/bin/bwrap", True) == LANDLOCK
    assert machine(0, "/usr/bin/bwrap", True) == BUBBLEWRAP
    assert machine(7, "/usr/bin/bwrap", False) == ("bubblewrap",)
    assert machine(0, "", True) == FILTER_ONLY
    assert machine(7, "", False) == ()


def test_without_a_plan_the_strictest_holds() -> None:
    assert cell.load_plan(None) == cell.Plan()
    assert cell.Plan().means == LANDLOCK
    assert cell.load_plan(cell.Plan(reads=("a",), cpu_s=3).dump()) == cell.Plan(reads=("a",), cpu_s=3)


def test_no_secret_place_is_readable() -> None:
    allowed = [Path(p) for p in places.needed()]
    for secret in (Path.home() / ".ssh", Path("/etc/shadow"), Path("/tmp"), Path("/proc/1"), Path("/dev/pts")):
        assert not any(secret == p or p in secret.parents for p in allowed), secret
    assert Path.home() not in allowed
