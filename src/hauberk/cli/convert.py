"""`hauberk convert`: the weights of a model file as safetensors, without ever running the file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import emit, say

if TYPE_CHECKING:
    from hauberk.artifact.convert import Converted

TOLD = 20
"""Lines of a list on stderr; the report has them all."""

EXAMPLE = """\
example:
  hauberk convert model.pt model.safetensors

  loading this file would have called 1 function; nothing was run
  not run: posix.system ('curl … | sh'), at opcode 31
  left out: epoch (int 3)
  62 tensors of model.pt (torch, sha256:6b1f…) are in model.safetensors

reads torch checkpoints, pickle and joblib files of arrays, .npy, .npz, ONNX, .keras and .h5. exit 0 when the weights
were taken out, whatever else the file would have done; 2 when they could not be.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk convert` takes."""
    parser.add_argument("source", type=Path, help="a model file")
    parser.add_argument("target", type=Path, help="the safetensors file to write")
    parser.add_argument("--partial", action="store_true",
                        help="leave out tensors that safetensors has no form for, or that cannot be understood")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was taken, left and not run, as JSON")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Convert; the digest of what was written goes to stdout."""
    from hauberk.artifact.convert_cell import convert_confined
    from hauberk.run.sandbox import Sandbox

    if not Sandbox().strength:
        say("this system offers no sandbox: the file is read with your rights (nothing of it is run)")
    done = convert_confined(args.source, args.target, partial=args.partial, replace=args.force)
    for line in _lines(done):
        say(line)
    say(f"{len(done.tensors)} tensors of {args.source} ({done.form}, {done.source}) are in {args.target}")
    if args.report:
        emit(_report(done), args.report)
    emit(done.digest, None)
    return 0


def _lines(done: Converted) -> list[str]:
    from hauberk.report.words import clean

    calls = [
        f"not run: {clean(name)} {clean(call.given)}, at opcode {call.at}"
        for name, call in done.calls.items() if call.use == "call"
    ]  # fmt: skip
    left = [f"left out: {clean(left.path or 'the whole')} ({clean(left.what)})" for left in done.left]
    functions = f"{len(calls)} function{'s' if len(calls) > 1 else ''}"
    warning = [f"loading this file would have called {functions}; nothing was run"] if calls else []
    return [*warning, *_some(calls), *_some(left)]


def _some(lines: list[str]) -> list[str]:
    more = [f"… and {len(lines) - TOLD} more: --report FILE lists them"] if len(lines) > TOLD else []
    return lines[:TOLD] + more


def _report(done: Converted) -> str:
    import json

    plain = {
        "form": done.form, "source": done.source, "digest": done.digest, "bytes": done.size,
        "tensors": {name: {"dtype": dtype, "shape": list(shape)} for name, (dtype, shape) in done.tensors.items()},
        "left": [{"path": left.path, "what": left.what} for left in done.left],
        "not_run": [
            {"name": name, "use": call.use, "given": call.given, "opcode": call.at, "times": call.times}
            for name, call in done.calls.items()
        ],
    }  # fmt: skip
    return json.dumps(plain, indent=2, ensure_ascii=True) + "\n"
