"""The scanners that stand side by side: how each is installed, started, and what its exit code means.

A peer has a virtual environment of its own below build/venvs, made here with pip. What a peer says about a path is
one of three words. *refused*: it found something. *passed*: it says clean (exit 0). *not read*: it says that it has no
reader for this, or that it could not finish.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).parent / "build"
VENVS = BUILD / "venvs"
DRIVER = Path(__file__).with_name("driver.py")
SECONDS, MEGABYTES = 60, 6000
"""What one file may cost a scanner before it counts as not read."""
QUIET = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1", "OMP_NUM_THREADS": "1",
         "HF_HUB_OFFLINE": "1"}  # fmt: skip

REFUSED, PASSED, UNREAD = "refused", "passed", "not read"


@dataclass(frozen=True)
class Peer:
    """A scanner. requirements: for pip; bare: for pip without their dependencies.

    entry: module:function of its command. said: (exit code, output) -> one of the three words. lend: whether it may
    see the packages of this environment (torch) behind its own. warm: packages whose modules it would import late.
    note: what was installed of it, for the table.
    """

    name: str
    requirements: tuple[str, ...]
    entry: str
    arguments: tuple[str, ...]
    said: Callable[[int, str], str]
    note: str
    bare: tuple[str, ...] = ()
    warm: str = ""
    lend: bool = False

    @property
    def python(self) -> Path:
        """The interpreter of its environment; this one for Hauberk."""
        return VENVS / self.name / "bin" / "python" if self.requirements else Path(sys.executable)

    @property
    def version(self) -> str:
        """Its installed version."""
        code = f"import importlib.metadata as m; print(m.version({self.name!r}))"
        return subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    def command(self, path: Path) -> list[str]:
        """The command line as a user types it."""
        bin_ = self.python.parent / self.name
        return [str(bin_), *(a.replace("{}", str(path)) for a in self.arguments[1:])]


def _hauberk(code: int, out: str) -> str:
    return {0: PASSED, 1: REFUSED}.get(code, UNREAD)


def _picklescan(code: int, out: str) -> str:
    unread = "Scanned files: 0" in out or "could not parse" in out
    return REFUSED if code == 1 else UNREAD if code or unread else PASSED


def _modelscan(code: int, out: str) -> str:
    return {0: PASSED, 1: REFUSED}.get(code, UNREAD)


def _modelaudit(code: int, out: str) -> str:
    unknown = re.search(r'"scanner_names": \[\s*("unknown")?\s*\]', out)
    return REFUSED if code == 1 else UNREAD if code or unknown else PASSED


def _fickling(code: int, out: str) -> str:
    return {0: PASSED, 1: REFUSED}.get(code, UNREAD)


HAUBERK = Peer("hauberk", (), "hauberk.cli.main:main", ("hauberk", "scan", "{}"), _hauberk, "base install, no extra",
               warm="hauberk.cli,hauberk.artifact,hauberk.artifact.formats,hauberk.report")
PEERS = (
    HAUBERK,
    Peer("picklescan", ("picklescan[7z]", "numpy"), "picklescan.cli:main", ("picklescan", "-p", "{}"), _picklescan,
         "extra 7z, and numpy, which it wants for .npy"),
    Peer("modelscan", ("modelscan[h5py]",), "modelscan.cli:main", ("modelscan", "-r", "json", "-p", "{}"), _modelscan,
         "extra h5py; without its extra tensorflow (2 GB), so its SavedModel and .h5 operators are not read"),
    Peer("modelaudit",
         ("modelaudit[dill,flax,h5,joblib,mlflow,onnx,safetensors,sevenzip,tflite]", "py-ubjson"),
         "modelaudit.cli:main", ("modelaudit", "scan", "--format", "json", "{}"), _modelaudit,
         "all extras but tensorflow and tensorrt; torch (CPU) is lent by this environment",
         bare=("xgboost<3.3,>=3.2",), lend=True,
         warm="modelaudit,modelaudit.scanners,modelaudit.utils,modelaudit.core,modelaudit.integrations"),
    Peer("fickling", ("fickling[archive]", "numpy", "typing_extensions"), "fickling:",
         ("fickling", "--check-safety", "{}"), _fickling,
         "extra archive; torch (CPU) is lent by this environment; zips by scan_zip_archive", lend=True),
)  # fmt: skip


def install(peer: Peer) -> None:
    """Make its environment unless it stands already. Costs a download of up to 200 MB."""
    home = VENVS / peer.name
    if not peer.requirements or (home / ".ready").exists():
        return
    venv.create(home, with_pip=True)
    pip = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *peer.requirements], check=True)
    if peer.bare:
        subprocess.run([*pip, "--no-deps", *peer.bare], check=True)
    if peer.lend:
        own = Path(subprocess.run([peer.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                                  capture_output=True, text=True, check=True).stdout.strip())  # fmt: skip
        (own / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (home / ".ready").touch()


def offline() -> list[str]:
    """A prefix that takes the network away from a command, where this user may do so."""
    prefix = ["unshare", "--net"]
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return []
    return prefix if allowed else []


@dataclass(frozen=True)
class Answer:
    """What a scanner said about a path, with its exit code, the head of its output and the CPU seconds of the fork."""

    path: Path
    word: str
    code: int
    out: str
    cpu: float


def ask(peer: Peer, paths: Iterable[Path], work: Path) -> Iterator[Answer]:
    """Ask a scanner about paths, one by one. work: an empty folder that it is started in."""
    paths = list(paths)
    command = [*offline(), str(peer.python), str(DRIVER), str(SECONDS), str(MEGABYTES), peer.warm, peer.entry,
               *peer.arguments]  # fmt: skip
    lines = "".join(f"{path}\n" for path in paths)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, cwd=work,
                          env={**os.environ, **QUIET})  # fmt: skip
    for line in done.stdout.splitlines():
        told = json.loads(line)
        yield Answer(Path(told["path"]), peer.said(told["code"], told["out"]), told["code"], told["out"], told["cpu"])
