"""`hauberk`: find the command, run it, turn errors into one message and an exit code.

Exit 0: held or allowed. 1: findings or denied. 2: could not decide (error, inconclusive, usage).
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from hauberk import __version__
from hauberk.core.errors import Denied, HauberkError

COMMANDS = {
    "audit": "look at a model from every side and write a signed dossier",
    "sign": "sign a model's files, as the OpenSSF model_signing does",
    "verify": "check a model against its signature, or that a dossier is whole and about this model",
    "gate": "decide from a dossier whether a model may go to production",
    "scan": "read a model's bytes, without loading it, for what would run",
    "convert": "get the weights out of a model file as safetensors, without running it",
    "seal": "encrypt a model at rest, for whoever holds one of the keys",
    "open": "decrypt a sealed model, once all of it is known to be what was sealed",
    "diff": "say what changed between two models",
    "bom": "write a bill of materials of a model, CycloneDX or SPDX",
    "key": "make or show a key that signs, or one that opens what was sealed",
    "checks": "list the checks, what they need and what can be set",
}

OVERVIEW = """\
hauberk {version}: secure machine-learning models from training data to served decision

usage: hauberk COMMAND …            hauberk COMMAND --help shows a worked example

{commands}

first steps:
  hauberk audit model.onnx --data test.npz          # writes dossier/ with report.html
  hauberk verify dossier/                           # an outsider adds --key FILE
  hauberk gate dossier/                             # exit 0 allowed, 1 denied, 2 cannot be decided
"""


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point of the `hauberk` command."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(overview())
        return 0
    if arguments[0] in ("-V", "--version"):
        sys.stdout.write(f"hauberk {__version__}\n")
        return 0
    if arguments[0] not in COMMANDS:
        return _fail(f"there is no command {arguments[0]!r}", f"one of: {', '.join(COMMANDS)}")
    return _guarded(arguments[0], arguments[1:])


def overview() -> str:
    """What `hauberk` alone prints."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {line}" for name, line in COMMANDS.items())
    return OVERVIEW.format(version=__version__, commands=commands)


def parser(name: str, command: ModuleType) -> argparse.ArgumentParser:
    """The argument parser of one command: its options, and its example below them."""
    built = argparse.ArgumentParser(
        prog=f"hauberk {name}",
        description=COMMANDS[name],
        epilog=command.EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.arguments(built)
    return built


def _guarded(name: str, arguments: Sequence[str]) -> int:
    try:
        command = importlib.import_module(f"hauberk.cli.{name}")
        return int(command.run(parser(name, command).parse_args(arguments)))
    except Denied as error:
        _fail(str(error), error.hint)
        return 1
    except HauberkError as error:
        return _fail(str(error), error.hint)
    except KeyboardInterrupt:
        return _fail("interrupted", "")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
        return 2
    except OSError as error:
        return _fail(_os_error(error), "free some space" if error.errno == errno.ENOSPC else "")
    except Exception:  # noqa: BLE001 - the last boundary: a bug must not look like a verdict (exit 1)
        import traceback

        traceback.print_exc()
        return _fail("this is a bug in Hauberk", "please report it with the lines above")


def _os_error(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


def _fail(message: str, hint: str) -> int:
    from hauberk.report.words import clean

    sys.stderr.write(f"hauberk: {clean(message)}\n")
    if hint:
        sys.stderr.write(f"  hint: {clean(hint)}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
