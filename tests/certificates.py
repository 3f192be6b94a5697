"""A certificate authority for tests: a root, one below it, and a signer's certificate, each with a chosen flaw."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hauberk.crypto.keys import PrivateKey

START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)


@dataclass
class Holder:
    """What a certificate says. digital, signs: of key usage (both None: it states none). extended: usages."""

    name: str
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    ca: bool = False
    path_length: int | None = None
    usage: bool | None = True
    extended: tuple[x509.ObjectIdentifier, ...] | None = (ExtendedKeyUsageOID.CODE_SIGNING,)
    start: datetime = START
    end: datetime = END
    email: str = ""
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    hashed: Any = field(default_factory=hashes.SHA256)


def issue(holder: Holder, issuer: Holder) -> x509.Certificate:
    """A certificate of the holder, signed by the issuer."""
    built = (
        x509.CertificateBuilder(issuer_name=_name(issuer.name), subject_name=_name(holder.name))
        .public_key(holder.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(holder.start)
        .not_valid_after(holder.end)
        .add_extension(x509.BasicConstraints(holder.ca, holder.path_length), critical=True)
    )
    if holder.usage is not None:
        built = built.add_extension(_usage(holder.usage, holder.ca), critical=True)
    if holder.extended is not None and not holder.ca:
        built = built.add_extension(x509.ExtendedKeyUsage(holder.extended), critical=False)
    if holder.email:
        built = built.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(holder.email)]), critical=False)
    for extension, critical in holder.extra:
        built = built.add_extension(extension, critical)
    return built.sign(issuer.key, holder.hashed)


def authority(folder: Path, key: PrivateKey) -> tuple[Path, tuple[bytes, ...]]:
    """A root in PEM, and the certificates of a bundle that `key` signs: its own and the one between."""
    root, below = Holder("Root", ca=True), Holder("Below", ca=True, path_length=0)
    signer = Holder("Signer", key._key, email="signer@example.org")
    (folder / "root.pem").write_bytes(issue(root, root).public_bytes(Encoding.PEM))
    listed = (issue(signer, below), issue(below, root))
    return folder / "root.pem", tuple(c.public_bytes(Encoding.DER) for c in listed)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(allowed: bool, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=allowed and not ca, content_commitment=False, key_encipherment=not allowed,
        data_encipherment=False, key_agreement=False, key_cert_sign=allowed and ca, crl_sign=ca, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
