"""Keys released by a decision: who may open which model is asked of the policy, each time, and recorded by it.

    release = LocalRelease([OpeningKey.load("vault.key")], decide, Principal("service", "gateway"))
    content = open_sealed(path, ByDecision(release, context))

The port is `KeyRelease`; a KMS or a confidential-computing service implements it elsewhere. The local one holds the
keys itself and asks a function for the Decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..core.errors import Denied
from ..core.nouns import Context, Decision, Principal, Request, Subject
from .open import Where, unlock
from .recipients import Passphrase
from .sealed import Header
from .sealkeys import OpeningKey

ACTION = "open"
MEMORY_ONLY = "memory_only"
HONOURED = {Where.MEMORY: frozenset({MEMORY_ONLY}), Where.FILE: frozenset[str]()}
"""The obligations that opening keeps: what is opened into memory never reaches the disk."""


class KeyRelease(Protocol):
    """Gives out the data key of a sealed model, where a decision allows it."""

    def release(self, header: Header, mac: bytes, subject: str, context: Context, honours: frozenset[str]) -> bytes:
        """The data key. subject: the digest that the header names. honours: obligations that the caller keeps.

        Raises Denied when the decision says no, or demands what the caller does not keep; VerificationError when the
        header was altered.
        """


@dataclass(frozen=True)
class ByDecision:
    """A KeySource for `open_sealed` that asks a KeyRelease."""

    port: KeyRelease
    context: Context

    def data_key(self, header: Header, mac: bytes, where: Where) -> bytes:
        """As KeySource."""
        if not header.subject:
            hint = "seal it again with --bind"
            raise Denied("the sealed file does not name its model, so nothing can be decided about it", hint=hint)
        return self.port.release(header, mac, header.subject, self.context, HONOURED[where])


@dataclass(frozen=True)
class LocalRelease:
    """Holds the keys in this process. decide: Request -> Decision, such as a policy with verified evidence.

    kind, name: of the Subject that is asked about; its digest is the header's.
    """

    keys: Sequence[OpeningKey | Passphrase] = field(repr=False)
    decide: Callable[[Request], Decision]
    principal: Principal
    kind: str = "model"
    name: str = ""

    def release(self, header: Header, mac: bytes, subject: str, context: Context, honours: frozenset[str]) -> bytes:
        """As KeyRelease."""
        # 1. A header that was altered is no ground to decide on: its subject may be a lie.
        data_key = unlock(header, self.keys)
        header.check(data_key, mac)

        # 2. The decision is about this very request, allows it, and demands nothing that the caller does not keep.
        request = Request(self.principal, ACTION, Subject(self.kind, self.name or subject, subject), context)
        decision = self.decide(request)
        if decision.request != request:
            raise Denied("the decision is about another request")
        if not decision.allowed:
            raise Denied("the key is not released: " + "; ".join(r.message for r in decision.reasons))
        if unknown := sorted({o.name for o in decision.obligations} - honours):
            hint = "open it into memory" if MEMORY_ONLY in unknown else "use a Hauberk that keeps it"
            raise Denied(f"the key is not released: nothing here keeps {', '.join(unknown)}", hint=hint)
        return data_key
