"""`hauberk checks`: what Hauberk can look for."""

from __future__ import annotations

import argparse
import json

from .options import emit

EXAMPLE = """\
example:
  hauberk checks
  hauberk audit model.onnx --data test.npz --only model.quality,attack.evasion --set attack.evasion.eps=0.1
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk checks` takes: nothing."""


def run(args: argparse.Namespace) -> int:
    """List every check: id, title, needs, options with their defaults."""
    from hauberk.audit.checks import CHECKS, check
    from hauberk.core.codec import encode

    lines = []
    for name in CHECKS.ids():
        item = check(name)
        lines.append(f"{item.id}  {item.title}")
        lines.append(f"    needs: {', '.join(item.needs)}")
        lines += [f"    {option} = {json.dumps(encode(value))}" for option, value in item.defaults.items()]
    emit("\n".join(lines), None)
    return 0
