"""`hauberk open`: decrypt a sealed model, once every byte of it is known to be what was sealed."""

from __future__ import annotations

import argparse
import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.errors import InputError

from .options import passphrase, say
from .seal import PASSPHRASE, names

if TYPE_CHECKING:
    from hauberk.crypto.recipients import Passphrase
    from hauberk.crypto.sealkeys import OpeningKey

EXAMPLE = f"""\
examples:
  hauberk open model.onnx.sealed --key team.key -o model.onnx
  {PASSPHRASE}=… hauberk open model.onnx.sealed --passphrase -o model.onnx
  hauberk open model.onnx.sealed                 # who may open it?

a file that was changed, cut or put together from others is refused, and nothing is written.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk open` takes."""
    parser.add_argument("path", type=Path, help="a sealed file")
    parser.add_argument("--key", type=Path, action="append", default=[], metavar="FILE",
                        help="your private key; may be given again")
    parser.add_argument("--passphrase", action="store_true", help=f"({PASSPHRASE}, or asked for)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the name without .sealed")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Open; where the model was written goes to stderr."""
    from hauberk.crypto.open import open_to_file, read_header
    from hauberk.crypto.sealkeys import OpeningKey

    if not args.key and not args.passphrase:
        found = names(read_header(args.path).recipients)
        raise InputError(f"{args.path}: opens with {found}", hint="give --key FILE, your private key, or --passphrase")
    keys: list[OpeningKey | Passphrase] = [OpeningKey.load(path, passphrase(path)) for path in args.key]
    if args.passphrase:
        keys.append(_given())
    target = args.output or _unsealed(args.path)
    header = open_to_file(args.path, target, keys, replace=args.force)
    say(f"opened {args.path} as {target}" + (f", {header.subject}" if header.subject else ""))
    return 0


def _unsealed(path: Path) -> Path:
    if path.suffix != ".sealed":
        raise InputError(f"{path}: under which name?", hint="give -o FILE")
    return path.with_suffix("")


def _given() -> Passphrase:
    from hauberk.crypto.recipients import Passphrase

    if given := os.environ.get(PASSPHRASE):
        return Passphrase(given.encode())
    if not sys.stdin.isatty():
        raise InputError("no passphrase is given", hint=f"set {PASSPHRASE}, or run on a terminal")
    return Passphrase(getpass("passphrase: ").encode())
