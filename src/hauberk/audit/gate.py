"""The gate: one decision from a verified dossier.

An error while deciding raises, so a caller that only looks at the effect can never read it as a permission.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hauberk.core.errors import InputError
from hauberk.core.nouns import Context, Decision, Principal, Request
from hauberk.core.ports import stamp
from hauberk.crypto.keys import PublicKey
from hauberk.policy.decide import decide, default_policy

from .dossier import verify


def policy_text(path: Path | None) -> str:
    """The policies in a file, or those that ship with Hauberk."""
    if path is None:
        return default_policy()
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}", hint="give a file of Cedar policies") from error


def decide_dossier(
    path: Path,
    keys: Sequence[PublicKey],
    policies: str,
    *,
    principal: str,
    action: str,
    now: datetime,
    model: Path | None = None,
) -> Decision:
    """Verify the dossier, then ask the policies whether `principal` may do `action` with its model.

    Raises VerificationError when the dossier does not hold, InputError when the policies are not valid.
    """
    checked = verify(path, keys, now=now, model=model)
    request = Request(
        Principal("User", principal), action, checked.dossier.subjects["model"], Context(stamp(now))
    )
    return decide(policies, request, checked.verified, now=now)
