"""Whom a verifier of models trusts: public keys, the roots of certificates, or a name that Sigstore vouches for.

>>> from hauberk.crypto import bundle, keys
>>> key = keys.generate()
>>> Trust(keys=(key.public,)).verify(bundle.sign(b"{}", key)).how
'key (ed25519)'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..core.errors import InputError
from . import bundle
from .keys import PublicKey


def moment(text: str) -> datetime:
    """A day or a moment in ISO 8601; UTC where it names no zone. Raises InputError.

    >>> moment("2026-01-31").isoformat()
    '2026-01-31T00:00:00+00:00'
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a day or a moment", hint="such as 2026-01-31") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Trust:
    """What the verifier knows. certificates: PEM files with a root. identity: the name that the signer must bear.

    issuer: with Sigstore, who vouches for that name; trust_root: with Sigstore, a trusted root of one's own (JSON);
    online: whether Sigstore's trusted root may be fetched. moment: when certificates must have been valid.
    """

    keys: tuple[PublicKey, ...] = ()
    certificates: tuple[Path, ...] = ()
    identity: str = ""
    issuer: str = ""
    trust_root: Path | None = None
    online: bool = False
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        if sum(map(bool, (self.keys, self.certificates, self.issuer))) > 1:
            raise InputError("several kinds of signer are given", hint="give one of --key, --certificate and --issuer")
        if bool(self.issuer) != bool(self.identity) and not self.certificates:
            raise InputError("Sigstore needs both a name and who vouches for it", hint="--identity NAME --issuer URL")

    def verify(self, content: bytes) -> bundle.Signed:
        """Who signed, and what, in a signature file. Raises VerificationError as `bundle.read`, `bundle.verify`,
        `chain.by_certificate` and `keyless.by_identity` do, InputError for certificates that cannot be read, and
        MissingExtra when Sigstore is needed and not installed."""
        if self.certificates:
            from . import chain

            trusted = [c for path in self.certificates for c in chain.load(path)]
            return chain.by_certificate(trusted, self.moment, self.identity)(content)
        if self.issuer:
            from . import keyless

            return keyless.by_identity(self.identity, self.issuer, self.trust_root, online=self.online)(content)
        return bundle.verify(bundle.read(content), self.keys)
