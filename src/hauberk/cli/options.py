"""What several commands share: keys, the store, the clock, writing results."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.core.errors import InputError

if TYPE_CHECKING:
    from hauberk.core.nouns import Dossier
    from hauberk.crypto.keys import PrivateKey, PublicKey

WIDEST = 120
"""Longer lines are hard to read."""

FORMATS = ("text", "json", "sarif", "md", "junit", "html", "github", "gitlab")
"""Of reports; written out here, so that `--help` need not load them."""

PASSPHRASE = "HAUBERK_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable


def own_folder(variable: str, default: str) -> Path:
    """The user's own folder for Hauberk (XDG base directories). Never the working directory: a stranger's checkout
    could bring a key to trust."""
    return Path(os.environ.get(variable) or Path.home() / default) / "hauberk"


def own_key(name: str) -> Path:
    """`key.pem` or `key.pub` of the user."""
    return own_folder("XDG_CONFIG_HOME", ".config") / name


def own_store() -> Path:
    """Where the user's evidence is kept."""
    folder = own_folder("XDG_DATA_HOME", ".local/share")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "store.db"


def say(line: str) -> None:
    """A line of the story, on stderr."""
    sys.stderr.write(line + "\n")


def emit(text: str, file: Path | None) -> None:
    """The result: to a file, or to stdout, where a terminal is given nothing hidden."""
    if file is not None:
        file.write_text(text, "utf-8")
        return
    if sys.stdout.isatty():
        from hauberk.report.words import visible

        text = visible(text)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def show(form: str, dossier: Dossier, file: Path | None) -> None:
    """A dossier in one of the formats; text for a terminal is as wide as that and coloured, unless NO_COLOR is set."""
    if form == "text" and file is None and sys.stdout.isatty():
        import shutil

        from hauberk.report.terminal import render as drawn

        width = min(shutil.get_terminal_size().columns, WIDEST)
        sys.stdout.write(drawn(dossier, width=width, color=not os.environ.get("NO_COLOR")))
        return
    from hauberk.report.formats import render

    emit(render(form, dossier), file)


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)


def public_key_option(parser: argparse.ArgumentParser) -> None:
    """`--key FILE`, repeatable: whom to trust."""
    parser.add_argument(
        "--key", type=Path, action="append", metavar="FILE",
        help="a public key to trust; may be given again (default: your own)",
    )  # fmt: skip


def public_keys(given: list[Path] | None) -> list[PublicKey]:
    """The keys to trust: those given, else the user's own."""
    from hauberk.crypto.keys import PublicKey

    if not given and not own_key("key.pub").exists():
        raise InputError("no key to verify with", hint="give --key FILE, the public key of who ran the audit")
    return [PublicKey.load(path) for path in given or [own_key("key.pub")]]


def private_key(given: Path | None) -> PrivateKey:
    """The key to sign with: --key, $HAUBERK_KEY, or the user's own, which is made on first use."""
    from hauberk.crypto.keys import PrivateKey, generate

    own = own_key("key.pem")
    path = given or Path(os.environ.get("HAUBERK_KEY") or own)
    if path == own and not path.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        made, public = generate(), own_key("key.pub")
        made.save(path, passphrase=None)
        made.public.save(public)
        say(f"made a signing key: {path} (keep it secret) and {public} (give it to whoever verifies)")
        return made
    return PrivateKey.load(path, passphrase(path))


def passphrase(path: Path) -> bytes | None:
    """The passphrase of an encrypted key: from the environment, or asked for on a terminal."""
    if b"ENCRYPTED" not in path.read_bytes()[:64]:
        return None
    if given := os.environ.get(PASSPHRASE):
        return given.encode()
    if not sys.stdin.isatty():
        raise InputError(f"{path}: the key is encrypted", hint=f"set {PASSPHRASE}")
    from getpass import getpass

    return getpass(f"passphrase of {path}: ").encode()
