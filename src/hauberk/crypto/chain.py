"""Certificates: a signer whose key is vouched for by a root that the verifier trusts.

A bundle brings the signer's certificate and those between it and the root. The root comes from the verifier, never from
the bundle. The bundle's certificates are a path, each issued by the next, none idle; from the last of them a path is
looked for among the verifier's. Every certificate on it must hold (RFC 5280, section 6):

    1. its issuer's name and signature, with a key and a hash that are still trusted
    2. its dates, at the moment that is asked about
    3. of an issuer: that it may issue (basic constraints, key usage), and how long a path may grow below it
    4. of the signer: that it may sign (key usage digitalSignature, extended key usage codeSigning)
    5. no critical extension that is not understood

Differs from `model_signing`: that takes the moment at which the certificate began, so a certificate never expires; asks
for one of the two usages only, so a web server's certificate signs models; and without a chain trusts the authorities
of the web. Here: now, unless a moment is given; both usages, where both are stated; no default root.
Revocation is not looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from ..core.errors import InputError, UnsupportedError, VerificationError
from .bundle import Signed, read
from .dsse import IN_TOTO, pae
from .keys import PublicKey

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
MAX_FILE_BYTES = 1 << 22
MAX_STEPS = 64
"""Certificates of the verifier that are tried for one signer: names may repeat."""
SMALLEST_RSA_BITS = 2048
HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
SIGNING = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
}  # fmt: skip


def load(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file. Raises InputError when there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES)
        return tuple(x509.load_pem_x509_certificates(content))  # at least one
    except OSError as error:
        raise InputError(f"{path}: cannot read the certificates: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not certificates in PEM: {error}") from error


def for_signing(paths: Sequence[Path], key: PublicKey) -> tuple[bytes, ...]:
    """The certificates of PEM files as a bundle holds them: the signer's first, the roots left to the verifier.

    Raises InputError when the first is not of this key, VerificationError when it is not for signing.
    """
    certificates = [c for path in paths for c in load(path)]
    if _key(certificates[0]) != key:
        message = f"{paths[0]}: the first certificate is of another key"
        raise InputError(message, hint="put the certificate of --key first")
    _may_sign(certificates[0])
    kept = [c for i, c in enumerate(certificates) if i == 0 or not _is_root(c)]
    return tuple(c.public_bytes(Encoding.DER) for c in kept)


def by_certificate(
    trusted: Sequence[x509.Certificate], moment: datetime, identity: str = ""
) -> Callable[[bytes], Signed]:
    """A verifier of bundles. trusted: the roots, and perhaps certificates below them.

    identity: a name that the signer's certificate must bear: an e-mail address, URI or host name of its subject
    alternative names; its common name, if it has none of them.

    Raises InputError when no root is among `trusted`.
    """
    if not any(_is_root(c) for c in trusted):
        raise InputError("no root among the certificates", hint="give the self-signed certificate of the authority")

    def verify(content: bytes) -> Signed:
        # 1. A bundle, and the certificates in it.
        bundle = read(content)
        if not bundle.certificates:
            raise VerificationError("signed with a key, not a certificate", reason="wrong-key", hint="give --key")
        listed = _parse(bundle.certificates)
        signer = listed[0]

        # 2. A path from the signer to a root that is trusted. 3. The signer may sign, and is who it should be.
        _path(listed, trusted, moment)
        _may_sign(signer)
        names = tuple(names_of(signer))
        if identity and identity not in names:
            _refuse(f"signed by {', '.join(names) or 'nobody by name'}, expected {identity}", "wrong-identity")

        # 4. The signer's key signed this payload.
        key = _key(signer)
        key.verify(pae(IN_TOTO, bundle.payload), bundle.signature, either_s=True)
        return Signed(bundle.payload, names[0] if names else key.key_id, f"certificate ({key.algorithm})")

    return verify


def names_of(certificate: x509.Certificate) -> Iterator[str]:
    """The names that a certificate gives its holder: its alternative names, or its common names if it has none of them.

    Where there are alternative names, they are what the authority checked; a common name may then be any text.
    """
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        yield from (str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
        return
    for kind in (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName):
        yield from names.get_values_for_type(kind)


def _parse(listed: Sequence[bytes]) -> list[x509.Certificate]:
    try:
        found = [x509.load_der_x509_certificate(content) for content in listed]
        for certificate, content in zip(found, listed, strict=True):
            if certificate.public_bytes(Encoding.DER) != content or certificate.version is not x509.Version.v3:
                raise ValueError("not a certificate of version 3 in DER")
            _ = certificate.extensions, certificate.subject, certificate.issuer, list(names_of(certificate))
        return found
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        raise VerificationError(f"signature file: a certificate in it: {error}", reason="malformed") from error


def _path(listed: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], moment: datetime) -> None:
    """Return when every listed certificate was issued by the next, and the last leads to a root that is trusted."""
    for depth, (below, above) in enumerate(pairwise(listed)):
        _holds(below, moment)
        if not _may_issue(above, below, depth):
            _refuse(f"the certificate of {_shown(below)} was not issued by the one that follows it", "untrusted")
    why = VerificationError(
        f"the certificate of {_shown(listed[-1])} does not lead to a root that you trust; it was issued by "
        f"{listed[-1].issuer.rfc4514_string()!r}",
        reason="untrusted",
        hint="give the root with --certificate, if you trust it",
    )
    waiting, steps = [(listed[-1], len(listed) - 1)], 0
    while waiting and steps < MAX_STEPS:
        below, depth = waiting.pop()
        steps += 1
        try:
            _holds(below, moment)
        except VerificationError as error:
            why = error  # nearer to the truth than that there is no path
            continue
        if below in trusted and _is_root(below):
            return
        waiting += [(c, depth + 1) for c in trusted if c != below and _may_issue(c, below, depth)]
    raise why


def _holds(certificate: x509.Certificate, moment: datetime) -> None:
    """Raise VerificationError for a certificate out of its dates, or with something critical not understood."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= moment <= end:
        raise VerificationError(
            f"the certificate of {_shown(certificate)} is valid from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} "
            f"UTC, asked about {moment:%Y-%m-%d %H:%M}",
            reason="expired",
            hint="if you know by other means when the model was signed, give that moment with --at",
        )
    for extension in certificate.extensions:
        if extension.oid == ExtensionOID.NAME_CONSTRAINTS or (extension.critical and extension.oid not in UNDERSTOOD):
            _refuse(f"the certificate of {_shown(certificate)} has an extension that is not understood here: "
                    f"{extension.oid.dotted_string}", "untrusted")  # fmt: skip


def _may_issue(issuer: x509.Certificate, below: x509.Certificate, depth: int) -> bool:
    """Whether this certificate issued the one below it, and was allowed to. depth: certificates between it and the
    signer, which count against its path length."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = _extension(issuer, x509.KeyUsage)
        extended = _extension(issuer, x509.ExtendedKeyUsage)
        allowed = (
            constraints.ca
            and (constraints.path_length is None or constraints.path_length >= depth)
            and (usage is None or usage.key_cert_sign)
            and (extended is None or not SIGNING.isdisjoint(extended))
            and isinstance(below.signature_hash_algorithm, (*HASHES, type(None)))
            and _is_strong(issuer)
        )
        if allowed:
            below.verify_directly_issued_by(issuer)
        return bool(allowed)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def _may_sign(signer: x509.Certificate) -> None:
    usage, extended = _extension(signer, x509.KeyUsage), _extension(signer, x509.ExtendedKeyUsage)
    stated = usage is not None or extended is not None
    if not stated or not (usage is None or usage.digital_signature):
        _refuse(f"the certificate of {_shown(signer)} is not for signing: no key usage digitalSignature", "untrusted")
    if not (extended is None or not SIGNING.isdisjoint(extended)):
        _refuse(f"the certificate of {_shown(signer)} is for something else than signing code", "untrusted")


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_strong(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= SMALLEST_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey)


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _key(signer: x509.Certificate) -> PublicKey:
    try:
        return PublicKey.of(signer.public_key())
    except (UnsupportedError, ValueError, UnsupportedAlgorithm) as error:
        raise VerificationError(f"the certificate of {_shown(signer)}: {error}", reason="untrusted") from error


def _shown(certificate: x509.Certificate) -> str:
    return next(names_of(certificate), "") or certificate.subject.rfc4514_string() or "nobody"


def _refuse(message: str, reason: str) -> None:
    raise VerificationError(message, reason=reason)
