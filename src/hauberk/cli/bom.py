"""`hauberk bom`: a bill of materials of a model, CycloneDX or SPDX."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.errors import InputError

from .options import emit, now, public_key_option, public_keys, say

if TYPE_CHECKING:
    from hauberk.artifact.bom.inventory import Inventory

EXAMPLE = """\
examples:
  hauberk bom model/ -o bom.cdx.json
  hauberk bom model.onnx --dossier dossier/ --key team.pub      # with what an audit measured
  hauberk bom model/ --format spdx --supplier "Example Ltd" --released 2026-11-01 --version 2.1 \\
      --origin https://models.example.org/net -o bom.spdx.json

exit 0 once it is written, whatever was found: `hauberk scan` decides, a bill of materials tells.
"""
FORMATS = ("cyclonedx-1.6", "cyclonedx-1.7", "spdx")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk bom` takes."""
    parser.add_argument("path", type=Path, help="a model: a file or a folder")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of stdout")
    parser.add_argument("--dossier", type=Path, metavar="DIR", help="an audit of this very model: its evidence joins")
    public_key_option(parser)
    release = parser.add_argument_group("what only its publisher knows (SPDX)")
    release.add_argument("--supplier", default="", metavar="WHO", help="who supplies the model")
    release.add_argument("--released", default="", metavar="DAY", help="when it was released")
    release.add_argument("--version", default="", metavar="V", help="its version")
    release.add_argument("--origin", default="", metavar="URL", help="where it can be had")


def run(args: argparse.Namespace) -> int:
    """Gather, and write."""
    known = _known(args)
    emit(json.dumps(_document(args, known), indent=1, ensure_ascii=False) + "\n", args.output)
    wrong = sum(finding.severity.rank > 0 for finding in known.findings)
    say(f"{len(known.manifest.files)} files, {wrong} findings, {len(known.evidence)} pieces of evidence")
    return 0


def _known(args: argparse.Namespace) -> Inventory:
    from hauberk.artifact.bom.inventory import inventory
    from hauberk.core.limits import Limits

    if args.dossier is None:
        return inventory(args.path, Limits())
    from hauberk.audit.dossier import verify

    checked = verify(args.dossier, public_keys(args.key), now=now(), model=args.path)
    evidence = [v.evidence for v in checked.verified]
    signer = ", ".join(sorted({v.signer for v in checked.verified}))
    return inventory(args.path, Limits(), audited=evidence, titles=checked.dossier.titles, signer=signer)


def _document(args: argparse.Namespace, known: Inventory) -> dict[str, object]:
    if args.format != "spdx":
        from hauberk.artifact.bom.cyclonedx import render

        return render(known, args.format.rpartition("-")[2])
    from hauberk.artifact.bom.spdx import Release
    from hauberk.artifact.bom.spdx import render as spdx

    release = Release(args.supplier, _moment(args.released), args.version, args.origin)
    if release.missing:
        say(f"the AI profile of SPDX also asks for: {', '.join('--' + name for name in release.missing)}")
    return spdx(known, release)


def _moment(day: str) -> str:
    from datetime import date

    try:
        return f"{date.fromisoformat(day).isoformat()}T00:00:00Z" if day else ""
    except ValueError as error:
        raise InputError(f"--released {day!r} is not a day", hint="write 2026-11-01") from error
