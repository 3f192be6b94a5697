"""Certificates: what leads to a trusted root signs, and each way of not leading there is refused for its own reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates import Holder, issue
from hauberk.core.errors import InputError, VerificationError
from hauberk.crypto import bundle, chain
from hauberk.crypto.keys import generate

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = generate("ecdsa-p256")
ROOT = Holder("Root", ca=True)
BELOW = Holder("Below", ca=True, path_length=0)
SIGNER = Holder("Signer", KEY._key, email="ml@example.org")


def der(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    return tuple(c.public_bytes(Encoding.DER) for c in certificates)


def verify(
    listed: tuple[bytes, ...], trusted: list[x509.Certificate], moment: datetime = NOW, identity: str = ""
) -> bundle.Signed:
    return chain.by_certificate(trusted, moment, identity)(bundle.sign(b"{}", KEY, listed))


def refused(
    signer: Holder = SIGNER, below: Holder = BELOW, root: Holder = ROOT, moment: datetime = NOW, identity: str = ""
) -> VerificationError:
    listed = der(issue(signer, below), issue(below, root))
    with pytest.raises(VerificationError) as caught:
        verify(listed, [issue(root, root)], moment, identity)
    return caught.value


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
def test_a_signer_below_a_trusted_root(algorithm: str) -> None:
    key = generate(algorithm)
    signer = replace(SIGNER, key=key._key)
    content = bundle.sign(b"{}", key, der(issue(signer, BELOW), issue(BELOW, ROOT)))
    signed = chain.by_certificate([issue(ROOT, ROOT)], NOW, "ml@example.org")(content)
    assert (signed.payload, signed.signer, signed.how) == (b"{}", "ml@example.org", f"certificate ({algorithm})")


def test_paths_of_other_lengths_and_the_verifiers_own_certificates() -> None:
    root, below = issue(ROOT, ROOT), issue(BELOW, ROOT)
    assert verify(der(issue(SIGNER, ROOT)), [root]).signer == "ml@example.org"
    assert verify(der(issue(SIGNER, BELOW), below, root), [root]).signer == "ml@example.org"
    assert verify(der(issue(SIGNER, BELOW)), [below, root]).signer == "ml@example.org"
    alone = issue(SIGNER, SIGNER)
    assert verify(der(alone), [alone]).signer == "ml@example.org"


@pytest.mark.parametrize("make", [lambda: rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate])
def test_authorities_with_other_keys(make: object) -> None:
    root = Holder("Root", make(), ca=True, hashed=None)  # type: ignore[operator]
    root.hashed = hashes.SHA256() if isinstance(root.key, rsa.RSAPrivateKey) else None
    assert verify(der(issue(replace(SIGNER, hashed=root.hashed), root)), [issue(root, root)]).payload == b"{}"


def test_a_path_has_no_idle_and_no_foreign_certificate() -> None:
    root, below, signer = issue(ROOT, ROOT), issue(BELOW, ROOT), issue(SIGNER, BELOW)
    stranger = issue(Holder("Stranger", ca=True), Holder("Stranger", ca=True))
    for listed in ((signer, below, below), (signer, signer, below), (signer, below, stranger), (below, signer),
                   (signer, root, below), (signer, stranger, below)):  # fmt: skip
        with pytest.raises(VerificationError) as caught:
            verify(der(*listed), [root])
        assert caught.value.reason in ("untrusted", "bad-signature"), listed


def test_what_the_verifier_has_below_a_root_is_no_root() -> None:
    other = Holder("Other", ca=True)
    with pytest.raises(VerificationError, match="does not lead to a root"):
        verify(der(issue(SIGNER, BELOW)), [issue(BELOW, ROOT), issue(other, other)])


def test_another_authority_of_the_same_name() -> None:
    twin = Holder("Root", ca=True)
    with pytest.raises(VerificationError, match="does not lead to a root") as caught:
        verify(der(issue(SIGNER, BELOW), issue(BELOW, twin), issue(twin, twin)), [issue(ROOT, ROOT)])
    assert "--certificate" in caught.value.hint


DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("who", ["signer", "below", "root"])
def test_dates_are_held_against_the_moment(who: str) -> None:
    holder = {"signer": SIGNER, "below": BELOW, "root": ROOT}[who]
    late = refused(**{who: replace(holder, end=DAY)})
    assert (late.reason, "2026-01-01" in str(late), "--at" in late.hint) == ("expired", True, True)
    assert refused(**{who: replace(holder, start=datetime(2026, 7, 1, tzinfo=UTC))}).reason == "expired"
    listed = der(issue(replace(SIGNER, end=DAY), ROOT))
    assert verify(listed, [issue(ROOT, ROOT)], datetime(2025, 12, 31, tzinfo=UTC)).payload == b"{}"


def constraints(name: str) -> x509.NameConstraints:
    return x509.NameConstraints([x509.DNSName(name)], None)


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


@pytest.mark.parametrize(
    ("flaw", "holders"),
    [
        ("an issuer that is no authority", {"below": replace(BELOW, ca=False, path_length=None)}),
        ("a signer's certificate as issuer", {"below": replace(BELOW, ca=False, path_length=None, usage=None)}),
        ("an issuer that may not issue", {"below": replace(BELOW, usage=False)}),
        ("a path that is too long", {"root": replace(ROOT, path_length=0)}),
        ("an authority for web servers", {
            "below": replace(BELOW, extra=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),))}),
        ("a signer that states no usage", {"signer": replace(SIGNER, usage=None, extended=None)}),
        ("a signer that may not sign", {"signer": replace(SIGNER, usage=False)}),
        ("a web server", {"signer": replace(SIGNER, extended=(ExtendedKeyUsageOID.SERVER_AUTH,))}),
        ("an unknown critical extension", {"signer": replace(SIGNER, extra=((UNKNOWN, True),))}),
        ("constraints that are not understood", {"below": replace(BELOW, extra=((constraints("a.example"), False),))}),
        ("a hash that is too short", {"below": replace(BELOW, hashed=hashes.SHA224())}),
        ("a weak key above", {"below": replace(BELOW, key=rsa.generate_private_key(65537, 1024))}),
        ("a key that signs no models", {"signer": replace(SIGNER, key=rsa.generate_private_key(65537, 2048))}),
        ("a curve that is not known", {"signer": replace(SIGNER, key=ec.generate_private_key(ec.SECP256K1()))}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_flaws_of_certificates(flaw: str, holders: dict[str, Holder]) -> None:
    assert refused(**holders).reason == "untrusted", flaw


def test_an_unknown_extension_that_is_not_critical_is_no_flaw() -> None:
    signer = issue(replace(SIGNER, extra=((UNKNOWN, False),)), ROOT)
    assert verify(der(signer), [issue(ROOT, ROOT)]).payload == b"{}"


def test_the_signer_is_who_was_asked_for() -> None:
    error = refused(identity="other@example.org")
    assert (error.reason, "ml@example.org" in str(error)) == ("wrong-identity", True)
    assert refused(identity="Signer").reason == "wrong-identity"  # the authority checked the e-mail address
    listed = der(issue(replace(SIGNER, email=""), ROOT))
    assert verify(listed, [issue(ROOT, ROOT)], identity="Signer").signer == "Signer"


def test_a_payload_that_another_key_signed() -> None:
    content = bundle.sign(b"{}", generate("ecdsa-p256"), der(issue(SIGNER, ROOT)))
    with pytest.raises(VerificationError) as caught:
        chain.by_certificate([issue(ROOT, ROOT)], NOW)(content)
    assert caught.value.reason == "bad-signature"


def test_a_key_is_no_certificate_and_the_other_way_round() -> None:
    with pytest.raises(VerificationError, match="with a key") as caught:
        chain.by_certificate([issue(ROOT, ROOT)], NOW)(bundle.sign(b"{}", KEY))
    assert caught.value.hint == "give --key"
    with pytest.raises(VerificationError, match="with a certificate"):
        bundle.verify(bundle.read(bundle.sign(b"{}", KEY, der(issue(SIGNER, ROOT)))), [KEY.public])


def test_bytes_that_are_no_certificate() -> None:
    good = der(issue(SIGNER, ROOT))[0]
    for bad in (b"", b"\x30\x00", good[:-1], good + b"\0", good[:40] + b"\xff" + good[41:]):
        with pytest.raises(VerificationError) as caught:
            verify((bad,), [issue(ROOT, ROOT)])
        assert caught.value.reason in ("malformed", "untrusted", "bad-signature")


def test_files_of_certificates(tmp_path: Path) -> None:
    root, signer = issue(ROOT, ROOT), issue(SIGNER, ROOT)
    (tmp_path / "chain.pem").write_bytes(signer.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))
    assert chain.load(tmp_path / "chain.pem") == (signer, root)
    assert chain.for_signing([tmp_path / "chain.pem"], KEY.public) == der(signer)
    (tmp_path / "server.pem").write_bytes(
        issue(replace(SIGNER, extended=(ExtendedKeyUsageOID.SERVER_AUTH,)), ROOT).public_bytes(Encoding.PEM)
    )
    with pytest.raises(VerificationError, match="something else"):
        chain.for_signing([tmp_path / "server.pem"], KEY.public)
    with pytest.raises(InputError, match="another key"):
        chain.for_signing([tmp_path / "chain.pem"], generate().public)
    (tmp_path / "text").write_text("hello")
    for name in ("text", "absent"):
        with pytest.raises(InputError, match=name):
            chain.load(tmp_path / name)
    with pytest.raises(InputError, match="no root"):
        chain.by_certificate([signer], NOW)
