"""A Sigstore of one's own, offline: a certificate authority, a certificate log, an entry log, and their trusted root.

What a real one does over the network is done here with keys in hand, so that bundles can be made that the `sigstore`
library verifies, and others that it must refuse.
"""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hauberk.crypto.dsse import pae

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ISSUER_OID, SCT_OID = "1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.11129.2.4.2"
IN_TOTO = "application/vnd.in-toto+json"
SHA256 = ec.ECDSA(hashes.SHA256())


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: Any) -> bytes:
    return bytes(
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def text(content: bytes) -> str:
    return b64encode(content).decode()


@dataclass
class World:
    """Its keys; `bundle` signs as somebody, `trusted_root` is what a verifier is given."""

    authority: Any = field(default_factory=_key)
    certificate_log: Any = field(default_factory=_key)
    entry_log: Any = field(default_factory=_key)
    identity: str = "ml@example.org"
    issuer: str = "https://accounts.example.org"

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.root = (
            _builder(name, name, self.authority, NOW - timedelta(days=100), NOW + timedelta(days=3000))
            .add_extension(x509.BasicConstraints(True, 0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.authority.public_key()), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    def trusted_root(self) -> str:
        start = {"start": "2020-01-01T00:00:00Z"}
        return json.dumps({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.entry_log, start)], "ctlogs": [_log(self.certificate_log, start)],
            "certificateAuthorities": [{
                "subject": {"organization": "test", "commonName": "test authority"}, "uri": "https://ca.example.org",
                "certChain": {"certificates": [{"rawBytes": text(self.root.public_bytes(serialization.Encoding.DER))}]},
                "validFor": start,
            }],
            "timestampAuthorities": [],
        })  # fmt: skip

    def bundle(self, payload: bytes, *, at: datetime = NOW, logged: bytes | None = None, kind: str = IN_TOTO) -> bytes:
        """A keyless bundle. at: when the log says that it was made. logged: another payload that the log saw."""
        key = _key()
        certificate = self.certificate(key)
        signature = key.sign(pae(kind, payload), SHA256)
        body = _entry(certificate, signature, payload if logged is None else logged)
        envelope = {"payload": text(payload), "payloadType": kind, "signatures": [{"sig": text(signature)}]}
        raw = certificate.public_bytes(serialization.Encoding.DER)
        return json.dumps({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": text(raw)}, "tlogEntries": [self.entry(body, at)],
            },
            "dsseEnvelope": envelope,
        }).encode()  # fmt: skip

    def certificate(self, key: Any) -> x509.Certificate:
        """A certificate of ten minutes for the identity, with proof that it is in the certificate log."""
        built = (
            _builder(x509.Name([]), self.root.subject, key, NOW - timedelta(minutes=1), NOW + timedelta(minutes=9))
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(self.identity)]), critical=True)
            .add_extension(_other(ISSUER_OID, self.issuer.encode()), critical=False)
        )
        before = built.sign(self.authority, hashes.SHA256())
        proof = self._certificate_timestamp(before.tbs_certificate_bytes)
        return built.add_extension(_other(SCT_OID, proof), critical=False).sign(self.authority, hashes.SHA256())

    def _certificate_timestamp(self, tbs: bytes) -> bytes:
        """RFC 6962: a list of one signed certificate timestamp, as the octet string of its extension."""
        stamp = int(NOW.timestamp() * 1000)
        entry = sha256(spki(self.authority)).digest() + len(tbs).to_bytes(3, "big") + tbs
        signature = self.certificate_log.sign(struct.pack("!BBQH", 0, 0, stamp, 1) + entry + b"\0\0", SHA256)
        one = struct.pack("!B32sQH", 0, sha256(spki(self.certificate_log)).digest(), stamp, 0)
        one += struct.pack("!BBH", 4, 3, len(signature)) + signature
        listed = struct.pack("!HH", len(one) + 2, len(one)) + one
        return b"\x04" + _length(len(listed)) + listed

    def entry(self, body: bytes, at: datetime) -> dict[str, Any]:
        """The only entry of an entry log: its promise, its proof and its checkpoint."""
        log, root = sha256(spki(self.entry_log)).digest(), sha256(b"\0" + body).digest()
        note = f"log.example.org - 1\n1\n{text(root)}\n"
        signed = text(log[:4] + self.entry_log.sign(note.encode(), SHA256))
        promise = rfc8785.dumps({
            "body": text(body), "integratedTime": int(at.timestamp()), "logID": log.hex(), "logIndex": 0,
        })  # fmt: skip
        return {
            "logIndex": "0", "logId": {"keyId": text(log)}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(int(at.timestamp())),
            "inclusionPromise": {"signedEntryTimestamp": text(self.entry_log.sign(promise, SHA256))},
            "inclusionProof": {
                "logIndex": "0", "rootHash": text(root), "treeSize": "1", "hashes": [],
                "checkpoint": {"envelope": f"{note}\n— log.example.org {signed}\n"},
            },
            "canonicalizedBody": text(body),
        }  # fmt: skip


def _entry(certificate: x509.Certificate, signature: bytes, payload: bytes) -> bytes:
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return rfc8785.dumps({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
            "payloadHash": {"algorithm": "sha256", "value": sha256(payload).hexdigest()},
            "signatures": [{"signature": text(signature), "verifier": text(pem)}],
        },
    })  # fmt: skip


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer, subject_name=subject, public_key=key.public_key(), not_valid_before=start,
        not_valid_after=end, serial_number=x509.random_serial_number(),
    )  # fmt: skip


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)


def _other(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def _length(n: int) -> bytes:
    return bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else b"\x82" + n.to_bytes(2, "big")


def _log(key: Any, valid: dict[str, str]) -> dict[str, Any]:
    return {
        "baseUrl": "https://log.example.org", "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": text(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
        "logId": {"keyId": text(sha256(spki(key)).digest())},
    }  # fmt: skip
