"""`hauberk scan`: read models' bytes for what would run, without loading them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.canon import Json
from hauberk.core.errors import InputError

from .options import FORMATS, emit, now, say, show

if TYPE_CHECKING:
    from hauberk.core.nouns import Dossier, Evidence

EXAMPLE = """\
examples:
  hauberk scan model.joblib

  broken: model.joblib would run code when it is loaded
    critical  artifact.pickle.call  model.joblib#opcode 4  posix.system('id')

  hauberk scan model.pt models/ s3://bucket/m.onnx --format sarif -o scan.sarif
  hauberk scan --why model.pt                   # the program in it, line by line
  hauberk scan model.pkl --allow our.lib.Scaler # a class that you answer for
  hauberk scan models/ --write-baseline accepted.toml --owner ana@example.org --reason reviewed
  hauberk scan models/ --baseline accepted.toml # only what is new

exit 0 held, 1 findings, 2 not everything could be read.
"""
VALID = timedelta(days=90)
"""How long a finding is accepted, unless --expires says otherwise."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk scan` takes."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="models: files, folders, or URLs (extra `remote`)")
    parser.add_argument("--allow", action="append", default=[], metavar="NAME", help="a callable to allow, knowingly")
    parser.add_argument("--why", action="store_true", help="show what each pickle would do, line by line")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of stdout")
    baseline = parser.add_argument_group("known findings")
    baseline.add_argument("--baseline", type=Path, metavar="FILE", help="findings that somebody answers for (TOML)")
    baseline.add_argument("--write-baseline", type=Path, metavar="FILE", help="accept all that is found now")
    baseline.add_argument("--owner", metavar="WHO", help="who answers for it")
    baseline.add_argument("--reason", metavar="WHY", help="why it is acceptable")
    baseline.add_argument("--expires", metavar="DAY", help="until when (default: 90 days from now)")


def run(args: argparse.Namespace) -> int:
    """Scan, and print what was seen."""
    from hauberk.artifact.remote import is_url
    from hauberk.core.nouns import Verdict

    with ExitStack() as stack:
        scratch = ""
        if any(is_url(path) for path in args.paths):
            import tempfile

            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="hauberk-"))
        paths = [_local(path, scratch, number) for number, path in enumerate(args.paths)]
        if args.why:
            return _why(paths, args.allow, args.output)
        dossier = _dossier([*_examined(paths, _options(args))], args.paths)
    if args.write_baseline:
        return _write_baseline(args, dossier)
    show(args.format, dossier, args.output)
    return {Verdict.HELD: 0, Verdict.BROKEN: 1, Verdict.INCONCLUSIVE: 2}[dossier.verdict]


def _local(path: str, scratch: str, number: int) -> Path:
    from hauberk.artifact.remote import fetched, is_url
    from hauberk.core.limits import Limits

    if not is_url(path):
        return Path(path)
    folder = Path(scratch, str(number))
    folder.mkdir()
    return fetched(path, folder, Limits())


def _options(args: argparse.Namespace) -> dict[str, Json]:
    from hauberk.artifact.baseline import Baseline, read

    known = read(args.baseline) if args.baseline else Baseline()
    names = [*args.allow, *known.allowed(now().date())]
    return {"allow": [*dict.fromkeys(names)], "accept": [one.plain for one in known.accept]}


def _examined(paths: list[Path], options: dict[str, Json]) -> Iterator[Evidence]:
    from hauberk.artifact.scan import SCAN
    from hauberk.core.limits import Limits

    told = sys.stderr.isatty()
    for number, path in enumerate(paths, 1):
        if told and len(paths) > 1:
            sys.stderr.write(f"\r\x1b[K{number} of {len(paths)}")
        yield SCAN.examine(path, Limits(), options)[1]
    if told and len(paths) > 1:
        sys.stderr.write("\r\x1b[K")


def _dossier(evidence: list[Evidence], paths: list[str]) -> Dossier:
    from hauberk.artifact.scan import SCAN
    from hauberk.core.nouns import Dossier

    models = [one.subjects[0] for one in evidence]
    subjects = {"model" if i == 1 else f"model {i}": model for i, model in enumerate(models, 1)}
    name = models[0].name if len(models) == 1 else f"{len(models)} models"
    titles, command = {SCAN.id: SCAN.title}, "hauberk scan " + " ".join(model.name for model in models)
    return Dossier(name, subjects, {}, tuple(evidence), (), titles, command, evidence[-1].finished, "")


def _write_baseline(args: argparse.Namespace, dossier: Dossier) -> int:
    from datetime import date

    from hauberk.artifact.baseline import written

    if not args.owner or not args.reason:
        raise InputError("a baseline needs --owner and --reason", hint="say who answers for these findings, and why")
    try:
        expires = date.fromisoformat(args.expires) if args.expires else (now() + VALID).date()
    except ValueError as error:
        raise InputError(f"--expires {args.expires!r} is not a day", hint="write 2027-03-01") from error
    text = written(dossier.evidence, args.owner, args.reason, expires)
    emit(text, args.write_baseline)
    say(f"accepted {text.count('[[accept]]')} findings until {expires.isoformat()}: {args.write_baseline}")
    return 0


def _why(paths: list[Path], allow: list[str], output: Path | None) -> int:
    from hauberk.artifact.why import render, why
    from hauberk.core.limits import Limits

    told = (render(why(path, Limits(), allow)) or f"{path.name}: there is no pickle in it" for path in paths)
    emit("\n".join(told), output)
    return 0
