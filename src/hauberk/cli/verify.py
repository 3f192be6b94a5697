"""`hauberk verify`: an outsider checks a dossier."""

from __future__ import annotations

import argparse
from pathlib import Path

from .options import emit, now, public_key_option, public_keys

EXAMPLE = """\
example:
  hauberk verify dossier/ --key hauberk.pub --model model.onnx

  verified: 8 pieces of evidence about model.onnx, signed by sha256:7d5e…
  the model in hand is the model that was audited

exit 0 when everything holds; 2 with the reason when anything does not.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk verify` takes."""
    parser.add_argument("dossier", type=Path, help="the folder that `hauberk audit` wrote")
    public_key_option(parser)
    parser.add_argument("--model", type=Path, metavar="PATH", help="compare this file or folder with the audited one")


def run(args: argparse.Namespace) -> int:
    """Verify, and say what was verified."""
    from hauberk.audit.dossier import verify
    from hauberk.report.words import clean

    checked = verify(args.dossier, public_keys(args.key), now=now(), model=args.model)
    name = clean(checked.dossier.name)
    signers = ", ".join(sorted({v.signer for v in checked.verified}))
    lines = [
        f"verified: {len(checked.verified)} pieces of evidence about {name}, signed by {signers}",
        "the model in hand is the model that was audited" if checked.compared
        else "the model itself was not compared: give --model PATH",
    ]  # fmt: skip
    emit("\n".join(lines), None)
    return 0
