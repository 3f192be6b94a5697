"""`hauberk seal`: encrypt a model at rest, for whoever holds one of the keys."""

from __future__ import annotations

import argparse
import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.errors import InputError

from .options import emit, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hauberk.crypto.recipients import Passphrase, Recipient

PASSPHRASE = "HAUBERK_SEAL_PASSPHRASE"  # noqa: S105 - the name of a variable

EXAMPLE = f"""\
examples:
  hauberk key new team --algorithm x25519
  hauberk seal model.onnx --to team.pub                        # writes model.onnx.sealed
  hauberk seal model.onnx --to team.pub --to backup.pub -o vault/model.sealed
  {PASSPHRASE}=… hauberk seal model.onnx --passphrase
  hauberk open model.onnx.sealed --key team.key -o model.onnx

it keeps strangers from reading the model; it does not say who sealed it: sign for that.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk seal` takes."""
    parser.add_argument("path", type=Path, help="the model: one file")
    parser.add_argument("--to", type=Path, action="append", default=[], metavar="FILE",
                        help="a public key that may open it (X25519, or RSA of 3072 bits and more); may be given again")
    parser.add_argument("--passphrase", action="store_true",
                        help=f"a passphrase may open it too ({PASSPHRASE}, or asked for)")
    parser.add_argument("--bind", action="store_true",
                        help="name the model's digest in the header, so that a policy can decide about it unopened")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the model's name and .sealed")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Seal; the name of the sealed file goes to stdout."""
    from hauberk.artifact.manifest import subject
    from hauberk.crypto.seal import seal
    from hauberk.crypto.sealkeys import SealingKey

    to: list[SealingKey | Passphrase] = [SealingKey.load(path) for path in args.to]
    if args.passphrase:
        to.append(chosen())
    if not to:
        raise InputError("for whom?", hint="give --to FILE, a public key, or --passphrase")
    target = args.output or args.path.with_name(args.path.name + ".sealed")
    bound = subject(args.path).digest if args.bind else ""
    header = seal(args.path, target, to, subject=bound, replace=args.force)
    say(f"sealed {args.path} as {target}; it opens with {names(header.recipients)}")
    emit(str(target), None)
    return 0


def names(recipients: Iterable[Recipient]) -> str:
    """Recipients in words."""
    return " or ".join(r.key_id or "a passphrase" for r in recipients)


def chosen() -> Passphrase:
    """A new passphrase: from the environment, or asked for twice."""
    from hauberk.crypto.recipients import Passphrase

    if given := os.environ.get(PASSPHRASE):
        return Passphrase(given.encode())
    if not sys.stdin.isatty():
        raise InputError("no passphrase is given", hint=f"set {PASSPHRASE}, or run on a terminal")
    first = getpass("new passphrase: ")
    if first != getpass("again: "):
        raise InputError("the passphrases differ", hint="try again")
    return Passphrase(first.encode())
