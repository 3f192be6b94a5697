"""Sigstore keyless signing: a short-lived certificate for a name, and an entry in a public log that shows when.

The `sigstore` library (extra `sign`) does it; here are its two uses. Verifying needs no network: the trusted root is
the one that is given, or the one that the library brings or has fetched before, unless `online` is asked for.
Signing needs the network, always.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import InputError, VerificationError, need
from .bundle import Signed, parsed
from .dsse import IN_TOTO


def by_identity(
    identity: str, issuer: str, trust_root: Path | None = None, *, online: bool = False
) -> Callable[[bytes], Signed]:
    """A verifier of keyless bundles. identity: e-mail address or URI of the signer; issuer: URL of who vouches for it.

    trust_root: a Sigstore trusted root in JSON, of a private Sigstore. Raises MissingExtra without `sigstore`,
    InputError for a root that cannot be read.
    """
    models, verifying = need("sigstore.models", extra="sign"), need("sigstore.verify", extra="sign")
    verifier = verifying.Verifier(trusted_root=_root(models, trust_root, online))
    policy = verifying.policy.Identity(identity=identity, issuer=issuer)

    def verify(content: bytes) -> Signed:
        try:
            parsed(content)  # the library takes the last of two equal keys
            kind, payload = verifier.verify_dsse(models.Bundle.from_json(content), policy)
        except Exception as error:  #  hostile bytes in another's parser: whatever it says, it is a no
            raise VerificationError(
                f"Sigstore: {error}",
                reason="keyless",
                hint="is it signed by that --identity of that --issuer, and is the trusted root the right one?",
            ) from error
        if kind != IN_TOTO:
            raise VerificationError(f"the payload is {kind!r}, expected {IN_TOTO!r}", reason="malformed")
        return Signed(payload, identity, f"Sigstore, vouched for by {issuer}")

    return verify


def sign(payload: bytes, *, token: str = "", trust_config: Path | None = None) -> bytes:  # pragma: no cover - network
    """A keyless bundle over an in-toto statement. Asks an identity provider, a certificate authority and a log.

    token: an OIDC identity token; without one, that of the surrounding CI job, else a browser is opened.
    trust_config: a Sigstore client trust configuration (JSON) of a private Sigstore. Raises MissingExtra, InputError.
    """
    models, signing = need("sigstore.models", extra="sign"), need("sigstore.sign", extra="sign")
    oidc, dsse = need("sigstore.oidc", extra="sign"), need("sigstore.dsse", extra="sign")
    kind = models.ClientTrustConfig
    config = kind.from_json(trust_config.read_text("utf-8")) if trust_config else kind.production()
    try:
        token = token or oidc.detect_credential() or ""
        issuer = oidc.Issuer(config.signing_config.get_oidc_url())
        identity = oidc.IdentityToken(token) if token else issuer.identity_token()
        with signing.SigningContext.from_trust_config(config).signer(identity) as signer:
            written: str = signer.sign_dsse(dsse.Statement(payload)).to_json()
        return written.encode()
    except Exception as error:  #  another's network code; nothing was signed
        raise InputError(f"Sigstore signed nothing: {error}") from error


def _root(models: Any, trust_root: Path | None, online: bool) -> Any:
    try:
        if trust_root is not None:
            return models.TrustedRoot.from_file(str(trust_root))
        return models.ClientTrustConfig.production(offline=not online).trusted_root
    except Exception as error:  #  without a root nothing can be verified
        hint = "give --trust-root FILE, or --online to fetch it"
        raise InputError(f"no trusted root of Sigstore: {error}", hint=hint) from error
