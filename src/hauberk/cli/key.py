"""`hauberk key new|show`: signing keys."""

from __future__ import annotations

import argparse
import os
import sys
from getpass import getpass
from pathlib import Path

from hauberk.core.errors import InputError

from .options import PASSPHRASE, emit, passphrase, say

EXAMPLE = f"""\
examples:
  hauberk key new team                # writes team.key (0600) and team.pub
  {PASSPHRASE}=… hauberk key new team --encrypt
  hauberk key show team.pub           # its id, as reports name the signer

give team.pub to whoever verifies; team.key signs, so nobody else may read it.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk key` takes."""
    actions = parser.add_subparsers(dest="action", required=True)
    new = actions.add_parser("new", help="make a key pair: NAME.key and NAME.pub")
    new.add_argument("name", help="path without its ending")
    new.add_argument("--algorithm", choices=("ed25519", "ecdsa-p256"), default="ed25519")
    new.add_argument("--encrypt", action="store_true", help=f"with a passphrase ({PASSPHRASE}, or asked for)")
    show = actions.add_parser("show", help="the id and the algorithm of a key, private or public")
    show.add_argument("file", type=Path)


def run(args: argparse.Namespace) -> int:
    """Make or show."""
    return _new(args) if args.action == "new" else _show(args.file)


def _new(args: argparse.Namespace) -> int:
    from hauberk.crypto.keys import generate

    private, public = Path(f"{args.name}.key"), Path(f"{args.name}.pub")
    for path in (private, public):
        if path.exists():
            raise InputError(f"{path}: is there already", hint="choose another name; keys are never overwritten")
    made = generate(args.algorithm)
    made.save(private, passphrase=_chosen() if args.encrypt else None)
    made.public.save(public)
    say(f"made {private} (keep it secret) and {public} (give it to whoever verifies)")
    emit(made.public.key_id, None)
    return 0


def _chosen() -> bytes:
    if given := os.environ.get(PASSPHRASE):
        return given.encode()
    if not sys.stdin.isatty():
        raise InputError("no passphrase is given", hint=f"set {PASSPHRASE}, or run on a terminal")
    first = getpass("new passphrase: ")
    if not first or first != getpass("again: "):
        raise InputError("the passphrases are empty or differ", hint="try again")
    return first.encode()


def _show(path: Path) -> int:
    from hauberk.crypto.keys import PrivateKey, PublicKey

    private = b"PRIVATE KEY" in path.read_bytes()[:64]
    public = PrivateKey.load(path, passphrase(path)).public if private else PublicKey.load(path)
    emit(f"{public.key_id}\n{public.algorithm}, {'private' if private else 'public'}", None)
    return 0
