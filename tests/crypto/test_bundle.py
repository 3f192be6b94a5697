"""Bundles: one way to write one, and each way to write something else is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hauberk.core.errors import InputError, MissingExtra, VerificationError
from hauberk.crypto import bundle
from hauberk.crypto.keys import PrivateKey, generate
from hauberk.crypto.trust import Trust


def test_what_is_signed_is_what_is_read(key: PrivateKey) -> None:
    content = bundle.sign(b'{"a":1}', key)
    signed = bundle.verify(bundle.read(content), [generate().public, key.public])
    assert (signed.payload, signed.signer, signed.how) == (b'{"a":1}', key.key_id, f"key ({key.algorithm})")
    assert bundle.write(bundle.read(content)) == content


def test_a_stranger_and_a_stranger_with_the_name_of_a_friend(key: PrivateKey, stranger: PrivateKey) -> None:
    content = bundle.sign(b"{}", stranger)
    with pytest.raises(VerificationError) as caught:
        bundle.verify(bundle.read(content), [key.public])
    assert (caught.value.reason, key.public.hint in caught.value.hint) == ("wrong-key", True)
    forged = content.replace(stranger.public.hint.encode(), key.public.hint.encode())
    with pytest.raises(VerificationError) as caught:
        bundle.verify(bundle.read(forged), [key.public])
    assert caught.value.reason == "bad-signature"


HONEST: dict[str, Any] = json.loads(bundle.sign(b"{}", generate()))


def written(plain: Any) -> bytes:
    return json.dumps(plain, separators=(",", ":")).encode()


def changed(*path: str | int, value: Any = None, drop: bool = False) -> bytes:
    plain = json.loads(json.dumps(HONEST))
    place = plain
    for step in path[:-1]:
        place = place[step]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return written(plain)


SIGNATURES = ("dsseEnvelope", "signatures")
ONE = HONEST["dsseEnvelope"]["signatures"][0]
MALFORMED = {
    "nothing": b"", "no json": b"\x80\x04", "a list": b"[]", "null": b"null", "deep": b"[" * 100_000,
    "not utf-8": b'{"mediaType":"\xff"}',
    "the same key twice": written(HONEST)[:-1] + b',"mediaType":"x"}',
    "another version": changed("mediaType", value="application/vnd.dev.sigstore.bundle+json;version=0.2"),
    "no envelope": changed("dsseEnvelope", drop=True),
    "a message signature": changed("messageSignature", value={}),
    "no signature": changed(*SIGNATURES, value=[]),
    "two signatures": changed(*SIGNATURES, value=[ONE, ONE]),
    "a signature of another shape": changed(*SIGNATURES, 0, value={**ONE, "cert": ""}),
    "another payload type": changed("dsseEnvelope", "payloadType", value="text/plain"),
    "a payload that is no text": changed("dsseEnvelope", "payload", value=1),
    "a payload that is no base64": changed("dsseEnvelope", "payload", value="e30"),
    "url-safe base64": changed(*SIGNATURES, 0, "sig", value="_-=="),
    "log entries": changed("verificationMaterial", "tlogEntries", drop=True),
    "a key and a chain": changed("verificationMaterial", "x509CertificateChain", value={"certificates": []}),
    "no hint": changed("verificationMaterial", "publicKey", value={}),
    "a short hint": changed("verificationMaterial", "publicKey", value={"hint": "ab"}),
    "an empty chain": changed("verificationMaterial", value={
        "x509CertificateChain": {"certificates": []}, "tlogEntries": []}),
    "a chain without end": changed("verificationMaterial", value={
        "x509CertificateChain": {"certificates": [{"rawBytes": ""}] * 9}, "tlogEntries": []}),
}  # fmt: skip
REWRITTEN = {
    "spaces": json.dumps(HONEST).encode(), "lines": json.dumps(HONEST, indent=2).encode(),
    "a line end": written(HONEST) + b"\n",
    "an escape": written(HONEST).replace(b'"payload"', b'"p\\u0061yload"'),
    "another order": written(dict(reversed(HONEST.items()))),
    "a keyid": changed(*SIGNATURES, 0, "keyid", value="x"),
    "log entries that nobody checks": changed("verificationMaterial", "tlogEntries", value=[{}]),
    "idle bits of base64": changed("dsseEnvelope", "payload", value="e31="),
}  # fmt: skip


@pytest.mark.parametrize("flaw", MALFORMED)
def test_malformed(flaw: str) -> None:
    with pytest.raises(VerificationError) as caught:
        bundle.read(MALFORMED[flaw])
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("flaw", REWRITTEN)
def test_the_same_written_in_another_way(flaw: str) -> None:
    with pytest.raises(VerificationError) as caught:
        bundle.read(REWRITTEN[flaw])
    assert caught.value.reason == "not-canonical"


def test_size_is_bounded() -> None:
    with pytest.raises(VerificationError, match="at most"):
        bundle.read(b" " * (bundle.MAX_BYTES + 1))
    with pytest.raises(VerificationError, match="values"):
        bundle.read(written({**HONEST, "x": [{}] * 10_000}))


def test_a_keyless_bundle_asks_for_a_name() -> None:
    with pytest.raises(VerificationError) as caught:
        bundle.read(changed("verificationMaterial", value={"certificate": {"rawBytes": ""}, "tlogEntries": []}))
    assert (caught.value.reason, "--identity" in caught.value.hint) == ("keyless", True)


def test_trust_names_one_kind_of_signer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both"):
        Trust(identity="a@b")
    with pytest.raises(InputError, match="both"):
        Trust(issuer="https://c")
    key = generate().public
    for several in ({"certificates": (tmp_path,), "identity": "a", "issuer": "b"},
                    {"keys": (key,), "certificates": (tmp_path,)}, {"keys": (key,), "identity": "a", "issuer": "b"}):
        with pytest.raises(InputError, match="several kinds"):
            Trust(**several)  # type: ignore[arg-type]


class NotInstalled:
    """Finds that there is no sigstore."""

    def find_spec(self, name: str, *rest: Any) -> None:
        if name == "sigstore":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_sigstore_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NotInstalled(), *sys.meta_path])
    with pytest.raises(MissingExtra) as caught:
        Trust(identity="a@b", issuer="https://c").verify(b"{}")
    assert "hauberk[sign]" in caught.value.hint
