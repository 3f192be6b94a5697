"""`hauberk gate`: may this model go to production?"""

from __future__ import annotations

import argparse
from pathlib import Path

from .options import emit, now, public_key_option, public_keys, say

EXAMPLE = """\
example:
  hauberk gate dossier/ --key hauberk.pub --policy policy.cedar

  denied: promote model.onnx
    membership-leak: the model gives away who was in its training data
      evidence sha256:5c1f…

without --policy the policy that ships with Hauberk decides: `hauberk gate --show-policy` prints it.
exit 0 allowed, 1 denied, 2 cannot be decided.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk gate` takes."""
    parser.add_argument("dossier", type=Path, nargs="?", help="the folder that `hauberk audit` wrote")
    public_key_option(parser)
    parser.add_argument("--model", type=Path, metavar="PATH", help="compare this file or folder with the audited one")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="Cedar policies (default: the shipped ones)")
    parser.add_argument("--action", default="promote", help="what is asked for (default: promote)")
    parser.add_argument("--principal", default="operator", help="who asks (default: operator)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--show-policy", action="store_true", help="print the policy and stop")


def run(args: argparse.Namespace) -> int:
    """Verify, decide, and say why."""
    from hauberk.audit.gate import decide_dossier, policy_text
    from hauberk.core.canon import canonical
    from hauberk.core.codec import encode
    from hauberk.core.errors import InputError
    from hauberk.report.decision import text

    policy = policy_text(args.policy)
    if args.show_policy:
        emit(policy, None)
        return 0
    if args.dossier is None:
        raise InputError("no dossier is given", hint="hauberk gate dossier/ --key hauberk.pub")
    decision = decide_dossier(
        args.dossier, public_keys(args.key), policy,
        principal=args.principal, action=args.action, now=now(), model=args.model,
    )  # fmt: skip
    if args.model is None:
        say("the model in hand was not compared with the audited one: give --model PATH")
    emit(text(decision) if args.format == "text" else canonical(encode(decision)).decode(), None)
    return 0 if decision.allowed else 1
