"""`convert` in a cell: the process that reads the stranger's file can write one folder, and do nothing else.

Nothing of the file is run anyway; this is the second wall, for the day on which a parser, or a decompressor of the
standard library, has a hole.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import stat
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.errors import HauberkError, InputError, LimitExceeded, UnsupportedError
from ..core.limits import Limits
from ..crypto.newfile import PUBLIC
from ..run.lifeline import describe_exit
from ..run.sandbox import Sandbox
from .weights.told import Call, Converted, Left

OUT = "out"
SPARE = 4 << 30
"""Address space besides the file and what is made of it."""
NO_ANSWER = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading an answer raises that is none."""
ERRORS: dict[str, type[HauberkError]] = {
    kind.__name__: kind for kind in (InputError, UnsupportedError, LimitExceeded)
}  # fmt: skip


def convert_confined(
    path: Path, target: Path, limits: Limits | None = None, *, partial: bool = False, replace: bool = False,
    sandbox: Sandbox | None = None,
) -> Converted:  # fmt: skip
    """As `convert`, in a process that is confined as well as this system can. Errors as `convert`.

    sandbox: to choose the confinement; its `strength` says what it is. Costs a tenth of a second more.
    """
    if not replace and os.path.lexists(target):
        raise InputError(f"{target}: is there already", hint="choose another name, or give --force")
    folder = _folder(target)
    try:
        found = _run(path, folder, limits or Limits(), partial, sandbox)
        _publish(folder / OUT, target, replace)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _folder(target: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.parent))
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from error


def _run(path: Path, folder: Path, limits: Limits, partial: bool, sandbox: Sandbox | None) -> Converted:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    box = Sandbox(
        (path,), folder, memory_bytes=2 * size + SPARE, file_bytes=limits.max_total_bytes,
        means=sandbox.means if sandbox else None,
    )  # fmt: skip
    wanted = {"path": str(path.resolve()), "name": str(path), "out": str(folder.resolve() / OUT),
              "limits": asdict(limits), "partial": partial}  # fmt: skip
    process = box.start(__name__, [json.dumps(wanted)])
    told, said = process.communicate()
    try:
        return _heard(json.loads(told))
    except NO_ANSWER as error:
        words = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise InputError(f"{path}: could not be read: {describe_exit(process.returncode)} {words}") from error


def _heard(plain: dict[str, Any]) -> Converted:
    """What the cell says; it is believed no further than its types."""
    if "error" in plain:
        raise ERRORS[plain["error"]](str(plain["message"]), hint=str(plain["hint"]))
    tensors = {str(name): (str(t[0]), tuple(int(n) for n in t[1])) for name, t in plain["tensors"].items()}
    calls = {
        str(name): Call(str(c["use"]), int(c["at"]), str(c["given"]), int(c["times"]))
        for name, c in plain["calls"].items()
    }  # fmt: skip
    left = tuple(Left(str(note["path"]), str(note["what"])) for note in plain["left"])
    texts = [str(plain[name]) for name in ("source", "digest", "form")]
    return Converted(texts[0], texts[1], int(plain["size"]), texts[2], tensors, left, calls)


def _publish(made: Path, target: Path, replace: bool) -> None:
    """Give the file its name, if it is one, and its header is that of a safetensors file. Raises InputError."""
    from .weights.safetensors_file import read_safetensors

    if not os.path.lexists(made) or not stat.S_ISREG(made.lstat().st_mode):
        raise InputError(f"{target}: what was written is no file")
    with made.open("rb") as file:
        read_safetensors(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    if replace:
        os.replace(made, target)
        return
    try:
        os.link(made, target)
    except FileExistsError as error:
        raise InputError(f"{target}: was made by another meanwhile", hint="choose another name") from error


def main() -> None:
    """The cell's side: convert, and say what was done, as JSON."""
    from .convert import convert_into

    wanted = json.loads(sys.argv[1])
    try:
        fd = os.open(wanted["out"], os.O_RDWR | os.O_CREAT | os.O_EXCL, PUBLIC)
        done = convert_into(fd, Path(wanted["path"]), Limits(**wanted["limits"]), partial=wanted["partial"])
        plain: dict[str, Any] = asdict(done)
    except HauberkError as error:
        kind = next(name for name in (type(error).__name__, "InputError") if name in ERRORS)
        message = str(error).replace(wanted["path"], wanted["name"], 1)
        plain = {"error": kind, "message": message, "hint": error.hint}
    sys.stdout.write(json.dumps(plain))


if __name__ == "__main__":
    main()
