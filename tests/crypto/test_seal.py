"""Sealing and opening, held against a slow opener written from the reference page alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hauberk.core.canon import canonical, digest
from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError, VerificationError
from hauberk.core.limits import Limits
from hauberk.crypto import chunks, newfile, recipients, sealkeys
from hauberk.crypto import seal as sealing
from hauberk.crypto.keys import generate as generate_signing
from hauberk.crypto.open import open_sealed, open_to_file, read_header
from hauberk.crypto.recipients import Cost, Passphrase
from hauberk.crypto.seal import seal
from hauberk.crypto.sealed import CHUNK, MAGIC, PRELUDE, SEALED_CHUNK, nonce, parse
from hauberk.crypto.sealkeys import OpeningKey, SealingKey

CHEAP = Cost(memory_kib=19 << 10, iterations=1, lanes=1)
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 20 * CHUNK + 7]


@pytest.fixture(scope="session")
def key() -> OpeningKey:
    return sealkeys.generate()


@pytest.fixture(scope="session")
def rsa_key() -> OpeningKey:
    return sealkeys.generate("rsa-3072")


def pattern(size: int) -> bytes:
    """Bytes that no two chunks share."""
    parts = (hashlib.sha256(b"%d" % i).digest() for i in range(size // 32 + 1))
    return b"".join(parts)[:size]


@pytest.fixture
def sealed(tmp_path: Path, key: OpeningKey) -> Callable[..., Path]:
    def make(content: bytes, *to: Any, name: str = "m.sealed", **settings: Any) -> Path:
        (tmp_path / "m").write_bytes(content)
        seal(tmp_path / "m", tmp_path / name, to or [key.public], **settings)
        return tmp_path / name

    return make


def open_slowly(content: bytes, key: OpeningKey) -> bytes:
    """A reader of docs/reference/sealed.md: nothing of Hauberk but the private key."""
    size = int.from_bytes(content[10:14], "big")
    assert content[:10] == b"\x89HBSEAL\n\x00\x01"
    header = json.loads(content[14 : 14 + size])
    (mine,) = [r for r in header["recipients"] if r.get("key") == key.public.key_id]
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    data_key = suite.decrypt(b64decode(mine["wrapped"]), key.key, b"hauberk/seal/1 data key")

    def derive(use: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, b64decode(header["salt"]), b"hauberk/seal/1 " + use).derive(data_key)

    head, mac = content[: 14 + size], content[14 + size : 46 + size]
    assert hmac.new(derive(b"header"), head, "sha256").digest() == mac
    body, clear, i = content[46 + size :], b"", 0
    while body or not i:
        piece, body = body[: 1048576 + 16], body[1048576 + 16 :]
        number = i.to_bytes(11, "big") + (b"\x00" if body else b"\x01")
        clear += AESGCM(derive(b"content")).decrypt(number, piece, hashlib.sha256(head + mac).digest())
        i += 1
    return clear


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_is_what_is_opened(
    sealed: Callable[..., Path], tmp_path: Path, key: OpeningKey, size: int, threads: int
) -> None:
    content = pattern(size)
    path = sealed(content, threads=threads)
    assert open_slowly(path.read_bytes(), key) == content
    assert open_sealed(path, [key], threads=threads) == content
    open_to_file(path, tmp_path / "out", [key], threads=threads)
    assert (tmp_path / "out").read_bytes() == content
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == sealing.head_bytes(read_header(path)) + chunks.sealed_size(size)


def test_each_recipient_opens_and_nobody_else(
    sealed: Callable[..., Path], key: OpeningKey, rsa_key: OpeningKey
) -> None:
    words = Passphrase(b"correct horse battery staple")
    path = sealed(b"weights", key.public, rsa_key.public, words, cost=CHEAP)
    for one in (key, rsa_key, words):
        assert open_sealed(path, [one]) == b"weights"
    assert open_sealed(path, [sealkeys.generate(), rsa_key]) == b"weights"
    for stranger in (sealkeys.generate(), Passphrase(b"wrong")):
        with pytest.raises(VerificationError) as caught:
            open_sealed(path, [stranger])
        assert caught.value.reason == "wrong-key"
        assert str(path) in str(caught.value)


def test_no_two_sealings_are_alike(sealed: Callable[..., Path]) -> None:
    first, second = (sealed(b"same", name=name).read_bytes() for name in ("1", "2"))
    assert first[-20:] != second[-20:]
    assert b"same" not in first


def test_nothing_is_shown_of_a_secret(key: OpeningKey) -> None:
    assert "secret" not in repr(Passphrase(b"secret"))
    assert repr(key) == "OpeningKey()"


# keys


def test_keys_survive_their_files(tmp_path: Path, key: OpeningKey, rsa_key: OpeningKey) -> None:
    for i, one in enumerate((key, rsa_key)):
        one.save(tmp_path / f"{i}.key", b"words" if i else None)
        one.public.save(tmp_path / f"{i}.pub")
        back = OpeningKey.load(tmp_path / f"{i}.key", b"words" if i else None)
        assert back.public == SealingKey.load(tmp_path / f"{i}.pub") == one.public
        assert (tmp_path / f"{i}.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="encrypted"):
        OpeningKey.load(tmp_path / "1.key")
    with pytest.raises(InputError, match="wrong passphrase"):
        OpeningKey.load(tmp_path / "1.key", b"other")
    with pytest.raises(InputError, match="private key"):
        SealingKey.load(tmp_path / "0.key")


def test_keys_that_cannot_seal_are_refused() -> None:
    signing = generate_signing()
    weak = rsa.generate_private_key(65537, 2048).public_key()
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    for found in (signing.public.pem, *(SealingKey.pem.fget(_Bare(k)) for k in (weak, curve))):  # type: ignore[attr-defined]
        with pytest.raises(UnsupportedError):
            SealingKey.from_pem(found)
    with pytest.raises(InputError, match="one form"):
        SealingKey.from_pem(sealkeys.generate().public.pem + b"\n")


class _Bare:
    def __init__(self, key: object) -> None:
        self.key = key


# headers


def reheaded(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The same file with another header in canonical form; its MAC stays."""
    size = int.from_bytes(content[10:14], "big")
    plain = json.loads(content[14 : 14 + size])
    written = canonical(change(plain) or plain)
    return PRELUDE.pack(MAGIC, 1, len(written)) + written + content[14 + size :]


def _first(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plain: plain["recipients"][0].update(fields)


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another chunk size": (lambda p: p.update(chunk_bytes=1 << 30), "malformed"),
    "another cipher": (lambda p: p.update(cipher="none"), "malformed"),
    "an unknown field": (lambda p: p.update(compression="zip"), "malformed"),
    "a field left out": (lambda p: p.pop("salt") and None, "malformed"),
    "a shorter salt": (lambda p: p.update(salt="AAAA"), "malformed"),
    "base64 with room": (lambda p: p.update(salt=p["salt"][:-2] + "B="), "not-canonical"),
    "another salt": (lambda p: p.update(salt="A" * 43 + "="), "altered-header"),
    "no recipients": (lambda p: p.update(recipients=[]), "malformed"),
    "recipients of another type": (lambda p: p.update(recipients="all"), "malformed"),
    "an unknown recipient": (_first(kind="rot13"), "malformed"),
    "a kind that is no text": (_first(kind=[]), "malformed"),
    "a recipient with more": (_first(note="x"), "malformed"),
    "another key": (_first(key="sha256:" + "0" * 64), "wrong-key"),
    "a key that is none": (_first(key="me"), "malformed"),
    "the same recipient twice": (lambda p: p["recipients"].append(p["recipients"][0]), "malformed"),
    "a recipient dropped": (lambda p: p["recipients"].pop() and None, "altered-header"),
    "recipients in another order": (lambda p: p["recipients"].reverse(), "altered-header"),
    "a recipient slipped in": (
        lambda p: p["recipients"].append({**p["recipients"][0], "key": "sha256:" + "1" * 64}), "altered-header",
    ),
    "a wrapped key of zeros": (_first(wrapped="A" * 107 + "="), "wrong-key"),
    "a short wrapped key": (_first(wrapped="AAAA"), "malformed"),
    "a subject slipped in": (lambda p: p.update(subject="sha256:" + "0" * 64), "altered-header"),
    "a subject that is none": (lambda p: p.update(subject="best model"), "malformed"),
    "a list": (lambda p: [p], "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_was_altered_is_refused(
    sealed: Callable[..., Path], tmp_path: Path, key: OpeningKey, name: str
) -> None:
    path = sealed(b"weights", key.public, sealkeys.generate().public)
    change, reason = HEADERS[name]
    path.write_bytes(reheaded(path.read_bytes(), change))
    with pytest.raises(VerificationError) as caught:
        open_to_file(path, tmp_path / "out", [key])
    assert caught.value.reason == reason
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("memory_kib", 64 << 20), ("memory_kib", 8), ("memory_kib", True), ("memory_kib", 65536.5), ("iterations", 1000),
     ("iterations", 0), ("lanes", 1 << 20), ("lanes", "4")],
)  # fmt: skip
def test_a_hostile_cost_is_never_paid(
    sealed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    path = sealed(b"weights", Passphrase(b"words"), cost=CHEAP)
    path.write_bytes(reheaded(path.read_bytes(), _first(**{name: value})))
    monkeypatch.setattr(recipients, "Argon2id", lambda **k: pytest.fail("the cost was paid"))
    with pytest.raises(VerificationError) as caught:
        open_sealed(path, [Passphrase(b"words")])
    assert caught.value.reason == "malformed"


def test_two_passphrases_cannot_both_be_charged(sealed: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="two are passphrases"):
        sealed(b"x", Passphrase(b"a"), Passphrase(b"b"), cost=CHEAP)
    with pytest.raises(InputError, match="0 recipients"):
        seal(Path(__file__), Path("/nowhere"), [])


def test_header_and_version_are_told_apart(sealed: Callable[..., Path], key: OpeningKey) -> None:
    path = sealed(b"weights")
    whole = path.read_bytes()
    cases = {
        "malformed": [b"", b"PK\x03\x04" + whole, whole[1:], whole[:10] + b"\xff\xff\xff\xff" + whole[14:]],
        "truncated": [whole[:9], whole[:13], whole[:100], whole[:-24], whole[: len(whole) - 23 - 32]],
        "unknown-version": [whole[:9] + b"\x02" + whole[10:]],
    }
    for reason, files in cases.items():
        for content in files:
            path.write_bytes(content)
            with pytest.raises(VerificationError) as caught:
                open_sealed(path, [key])
            assert caught.value.reason == reason, content[:20]


def test_a_header_has_one_form_only(sealed: Callable[..., Path], key: OpeningKey) -> None:
    whole = sealed(b"weights").read_bytes()
    size = int.from_bytes(whole[10:14], "big")
    spaced = whole[14 : 14 + size].replace(b'":', b'": ', 1)
    with pytest.raises(VerificationError) as caught:
        parse(PRELUDE.pack(MAGIC, 1, len(spaced)) + spaced + whole[14 + size :])
    assert caught.value.reason == "not-canonical"


# chunks


def pieces(content: bytes) -> tuple[bytes, list[bytes]]:
    start = 46 + int.from_bytes(content[10:14], "big")
    body = content[start:]
    return content[:start], [body[i : i + SEALED_CHUNK] for i in range(0, len(body), SEALED_CHUNK)]


REORDERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], set[str]]] = {
    "swapped": (lambda c: [c[1], c[0], c[2]], {"altered-content"}),
    "the first dropped": (lambda c: c[1:], {"altered-content"}),
    "the last dropped": (lambda c: c[:-1], {"altered-content"}),
    "the last two dropped": (lambda c: c[:-2], {"altered-content"}),
    "all dropped": (lambda c: [], {"truncated"}),
    "one twice": (lambda c: [c[0], c[0], c[1], c[2]], {"altered-content"}),
    "one added": (lambda c: [*c[:2], c[0][:5000]], {"altered-content"}),
    "the last cut": (lambda c: [*c[:2], c[2][:-1]], {"altered-content"}),
    "cut into a tag": (lambda c: [*c[:2], c[2][:9]], {"truncated"}),
    "a tag alone behind": (lambda c: [*c[:2], c[2][:16]], {"truncated"}),
    "zeros behind": (lambda c: [*c, bytes(100)], {"altered-content"}),
}


@pytest.mark.parametrize("name", REORDERED)
@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_stay_where_they_are(
    sealed: Callable[..., Path], tmp_path: Path, key: OpeningKey, name: str, threads: int
) -> None:
    path = sealed(pattern(2 * CHUNK + 5000))
    head, parts = pieces(path.read_bytes())
    change, reasons = REORDERED[name]
    path.write_bytes(head + b"".join(change(parts)))
    with pytest.raises(VerificationError) as caught:
        open_to_file(path, tmp_path / "out", [key], threads=threads)
    assert caught.value.reason in reasons
    with pytest.raises(VerificationError):
        open_sealed(path, [key], threads=threads)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "m.sealed"]


def test_a_chunk_of_another_file_does_not_fit(sealed: Callable[..., Path], key: OpeningKey) -> None:
    a, b = (sealed(pattern(CHUNK + size), name=f"{size}") for size in (10, 20))
    head, parts = pieces(a.read_bytes())
    a.write_bytes(head + parts[0] + pieces(b.read_bytes())[1][1])
    with pytest.raises(VerificationError, match="chunk 1 of 2 was altered"):
        open_sealed(a, [key])


def test_a_recipient_cannot_give_the_chunks_another_head(sealed: Callable[..., Path], key: OpeningKey) -> None:
    """Who holds the data key may write a header of its own; the chunks of the old one do not fit to it."""
    path = sealed(b"weights", key.public, sealkeys.generate().public)
    head, parts = pieces(path.read_bytes())
    header, _ = parse(head)
    data_key = recipients.unwrap(header.recipients[0], key)
    other = type(header)(header.salt, header.recipients[:1])
    path.write_bytes(other.plain + other.mac(data_key) + b"".join(parts))
    with pytest.raises(VerificationError) as caught:
        open_sealed(path, [key])
    assert caught.value.reason == "altered-content"


def test_numbers_of_chunks_never_repeat() -> None:
    seen = {nonce(i, final) for i in (*range(300), 1 << 40) for final in (False, True)}
    assert len(seen) == 602
    assert {len(n) for n in seen} == {12}


# subjects


def test_a_bound_model_must_be_the_one_inside(sealed: Callable[..., Path], tmp_path: Path, key: OpeningKey) -> None:
    good = sealed(b"weights", subject=digest(b"weights"))
    assert read_header(good).subject == digest(b"weights")
    assert open_sealed(good, [key]) == b"weights"
    liar = sealed(b"evil", subject=digest(b"weights"), name="liar")
    for opening in (lambda: open_sealed(liar, [key]), lambda: open_to_file(liar, tmp_path / "out", [key])):
        with pytest.raises(VerificationError) as caught:
            opening()
        assert caught.value.reason == "other-subject"
    assert not (tmp_path / "out").exists()


# files


def test_limits_hold_before_memory_is_taken(sealed: Callable[..., Path], key: OpeningKey) -> None:
    path = sealed(bytes(5000))
    with pytest.raises(LimitExceeded):
        open_sealed(path, [key], Limits(max_file_bytes=4999))


def test_a_file_that_is_there_stays(sealed: Callable[..., Path], tmp_path: Path, key: OpeningKey) -> None:
    path = sealed(b"weights")
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        open_to_file(path, tmp_path / "out", [key])
    assert (tmp_path / "out").read_text() == "mine"
    open_to_file(path, tmp_path / "out", [key], replace=True)
    assert (tmp_path / "out").read_bytes() == b"weights"
    with pytest.raises(InputError, match="is there already"):
        seal(tmp_path / "m", path, [key.public])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "m.sealed", "out"]


def test_what_is_no_file_is_refused(tmp_path: Path, key: OpeningKey) -> None:
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path, tmp_path / "pipe", tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(InputError):
            seal(odd, tmp_path / "out", [key.public])
        with pytest.raises(InputError):
            open_sealed(odd, [key])


def test_a_source_that_changes_is_not_sealed(
    tmp_path: Path, key: OpeningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m").write_bytes(bytes(100))

    def grows(*arguments: Any) -> None:
        with (tmp_path / "m").open("ab") as f:
            f.write(b"more")

    monkeypatch.setattr(chunks, "encrypt", grows)
    with pytest.raises(InputError, match="changed while it was read"):
        seal(tmp_path / "m", tmp_path / "out", [key.public])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("replace", [True, False])
def test_a_new_file_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool, replace: bool
) -> None:
    if not nameless:
        monkeypatch.delattr(newfile.os, "O_TMPFILE", raising=False)
    path = tmp_path / "new"
    with pytest.raises(RuntimeError), newfile.new_file(path, replace=replace) as fd:  # noqa: PT012
        os.write(fd, b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with newfile.new_file(path, replace=replace) as fd:
        os.write(fd, b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_another_makes_meanwhile_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with pytest.raises(InputError, match="by another meanwhile"), newfile.new_file(path):
        path.write_text("theirs")
    assert path.read_text() == "theirs"


KILLED = """
import os, signal, sys
from pathlib import Path
from hauberk.crypto import chunks
from hauberk.crypto.open import open_to_file
from hauberk.crypto.sealkeys import OpeningKey
whole = chunks.decrypt_to_file
def killed(*a, **k):
    whole(*a, **k)
    os.kill(os.getpid(), signal.SIGKILL)
chunks.decrypt_to_file = killed
open_to_file(Path(sys.argv[1]), Path(sys.argv[2]), [OpeningKey.load(sys.argv[3])])
"""


def test_a_killed_opener_leaves_no_plaintext(sealed: Callable[..., Path], tmp_path: Path, key: OpeningKey) -> None:
    path, folder = sealed(b"weights"), tmp_path / "folder"
    folder.mkdir()
    key.save(tmp_path / "k")
    done = subprocess.run([sys.executable, "-c", KILLED, path, folder / "out", tmp_path / "k"], check=False)
    assert done.returncode == -signal.SIGKILL
    try:
        os.close(os.open(folder, os.O_RDWR | os.O_TMPFILE, 0o600))
    except OSError:
        pytest.skip("this file system has no files without a name")
    assert list(folder.iterdir()) == []
