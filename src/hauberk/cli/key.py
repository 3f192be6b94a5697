"""`hauberk key new|show`: keys that sign, and keys that open what was sealed."""

from __future__ import annotations

import argparse
import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.errors import InputError, UnsupportedError

from .options import PASSPHRASE, emit, passphrase, say

if TYPE_CHECKING:
    from hauberk.crypto.keys import PrivateKey, PublicKey
    from hauberk.crypto.sealkeys import OpeningKey, SealingKey

SIGNING = ("ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521")
SEALING = ("x25519", "rsa-3072")

EXAMPLE = f"""\
examples:
  hauberk key new team                # writes team.key (0600) and team.pub
  {PASSPHRASE}=… hauberk key new team --encrypt
  hauberk key show team.pub           # its id, as reports name the signer
  hauberk key new vault --algorithm x25519   # opens what `hauberk seal --to vault.pub` sealed

give team.pub to whoever verifies; team.key signs, so nobody else may read it.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk key` takes."""
    actions = parser.add_subparsers(dest="action", required=True)
    new = actions.add_parser("new", help="make a key pair: NAME.key and NAME.pub")
    new.add_argument("name", help="path without its ending")
    new.add_argument("--algorithm", choices=(*SIGNING, *SEALING), default="ed25519")
    new.add_argument("--encrypt", action="store_true", help=f"with a passphrase ({PASSPHRASE}, or asked for)")
    show = actions.add_parser("show", help="the id and the algorithm of a key, private or public")
    show.add_argument("file", type=Path)


def run(args: argparse.Namespace) -> int:
    """Make or show."""
    return _new(args) if args.action == "new" else _show(args.file)


def _new(args: argparse.Namespace) -> int:
    private, public = Path(f"{args.name}.key"), Path(f"{args.name}.pub")
    for path in (private, public):
        if path.exists():
            raise InputError(f"{path}: is there already", hint="choose another name; keys are never overwritten")
    made = _made(args.algorithm)
    made.save(private, passphrase=_chosen() if args.encrypt else None)
    made.public.save(public)
    say(f"made {private} (keep it secret) and {public} (give it to whoever verifies)")
    emit(made.public.key_id, None)
    return 0


def _made(algorithm: str) -> PrivateKey | OpeningKey:
    from hauberk.crypto import keys, sealkeys

    return sealkeys.generate(algorithm) if algorithm in SEALING else keys.generate(algorithm)


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
    private = b"PRIVATE KEY" in path.read_bytes()[:64]
    public = _loaded(path, passphrase(path) if private else None, private=private)
    emit(f"{public.key_id}\n{public.algorithm}, {'private' if private else 'public'}", None)
    return 0


def _loaded(path: Path, phrase: bytes | None, *, private: bool) -> PublicKey | SealingKey:
    """The public half of a key that signs, or else of one that opens."""
    from hauberk.crypto.keys import PrivateKey, PublicKey
    from hauberk.crypto.sealkeys import OpeningKey, SealingKey

    try:
        return PrivateKey.load(path, phrase).public if private else PublicKey.load(path)
    except UnsupportedError:
        return OpeningKey.load(path, phrase).public if private else SealingKey.load(path)
