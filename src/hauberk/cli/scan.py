"""`hauberk scan`: read a model's bytes for what would run, without loading it."""

from __future__ import annotations

import argparse
from pathlib import Path

from .options import show

EXAMPLE = """\
example:
  hauberk scan model.joblib

  broken: model.joblib would run code when it is loaded
    critical  artifact.pickle.call  model.joblib#opcode 4  posix.system('id')

exit 0 held, 1 findings, 2 not everything could be read.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk scan` takes."""
    parser.add_argument("path", type=Path, help="a model: a file or a folder")
    parser.add_argument("--allow", action="append", default=[], metavar="NAME", help="a callable to allow, knowingly")
    parser.add_argument("--format", choices=("text", "json", "sarif", "md", "junit", "html"), default="text")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of stdout")


def run(args: argparse.Namespace) -> int:
    """Scan, and print what was seen."""
    from hauberk.artifact.manifest import subject
    from hauberk.artifact.scan import SCAN
    from hauberk.core.limits import Limits
    from hauberk.core.nouns import Dossier, Verdict
    from hauberk.core.ports import Inputs

    model = subject(args.path)
    inputs = Inputs(artifact=args.path, subjects={"model": model}, options={"allow": args.allow})
    evidence = SCAN.run(inputs, Limits(), seed=0)
    dossier = Dossier(
        model.name, {"model": model}, {}, (evidence,), (), {SCAN.id: SCAN.title},
        f"hauberk scan {args.path.name}", evidence.finished, "",
    )  # fmt: skip
    show(args.format, dossier, args.output)
    return {Verdict.HELD: 0, Verdict.BROKEN: 1, Verdict.INCONCLUSIVE: 2}[evidence.verdict]
