"""Whatever happens to a signature file or to a signed model, it is not accepted, and nothing crashes."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hauberk.artifact.sign import claim_of, recipe, write_statement
from hauberk.artifact.verify import look, verify
from hauberk.core.errors import InputError, LimitExceeded, VerificationError
from hauberk.crypto import bundle, chain
from hauberk.crypto.keys import PrivateKey, generate
from hauberk.crypto.trust import Trust

FILES = {
    "weights.bin": bytes(range(256)) * 4, "config.json": b'{"layers": 3}', "a/b/c.txt": b"deep", "empty": b"",
    "twin": b"same", "tw\u00efn": b"same",
}  # fmt: skip


@dataclass
class Signed:
    """A model, its signature and who is trusted."""

    model: Path
    signature: Path
    trust: Trust


def build(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(params=["ed25519", "ecdsa-p256", "certificate", "shards"])
def signed(request: pytest.FixtureRequest, tmp_path: Path) -> Signed:
    model, key = build(tmp_path / "m"), generate("ed25519" if request.param == "ed25519" else "ecdsa-p256")
    how = recipe(shard_size=100 if request.param == "shards" else None)
    claim, certificates, trust = claim_of(model, how), (), Trust(keys=(key.public,))
    if request.param == "certificate":
        from certificates import authority

        trusted, certificates = authority(tmp_path, key)
        trust = Trust(certificates=(trusted,))
    (tmp_path / "m.sig").write_bytes(bundle.sign(write_statement(claim), key, certificates))
    made = Signed(model, tmp_path / "m.sig", trust)
    assert verify(model, trust, made.signature).comparison.files == len(claim.files())
    return made


def is_refused(signed: Signed) -> bool:
    """Anything but these three errors is a crash, and fails the test."""
    try:
        return bool(look(signed.model, signed.trust, signed.signature).comparison.changes)
    except (VerificationError, InputError, LimitExceeded):
        return True


# Signature files.


def flip(random: Random, data: bytes) -> bytes:
    at, out = random.randrange(len(data)), bytearray(data)
    out[at] ^= 1 << random.randrange(8)
    return bytes(out)


def replace(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + random.randbytes(random.randrange(1, 9)) + data[at + random.randrange(9) :]


def cut(random: Random, data: bytes) -> bytes:
    a, b = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:a] + data[b:]


def double(random: Random, data: bytes) -> bytes:
    a, b = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:b] + data[a:b] + data[b:]


def swap(random: Random, data: bytes) -> bytes:
    a, b, c = sorted(random.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def blank(random: Random, data: bytes) -> bytes:
    at = random.choice([i for i, byte in enumerate(data) if byte in b'{}[]",:'] + [0, len(data)])
    return data[:at] + random.choice([b" ", b"\n", b"\t", b"\r\n", b"\0"]) + data[at:]


def field(random: Random, data: bytes) -> bytes:
    """Change the JSON as JSON: a value, a key, an item more or less."""
    plain = json.loads(data)
    where = random.choice(list(containers(plain)))
    keys = list(where) if isinstance(where, dict) else list(range(len(where)))
    value = random.choice([None, True, 0, -1, 1e99, "", "x", [], {}, [[]], {"sig": ""}, "\ud800", "../" * 3])
    if keys and random.random() < 0.4:
        del where[random.choice(keys)]
    elif keys and random.random() < 0.7:
        where[random.choice(keys)] = value
    elif isinstance(where, dict):
        where[random.choice(["x", "keyid", "hint", "certificate", "tlogEntries", "messageSignature"])] = value
    else:
        where.append(random.choice([value, *where]))
    return json.dumps(plain, separators=(",", ":")).encode()


def containers(plain: Any) -> Any:
    if isinstance(plain, dict | list):
        yield plain
        for value in plain.values() if isinstance(plain, dict) else plain:
            yield from containers(value)


def payload(random: Random, data: bytes) -> bytes:
    """Change what was signed, and leave the signature."""
    plain = json.loads(data)
    inner = b64decode(plain["dsseEnvelope"]["payload"])
    changed = random.choice([flip, replace, cut, double, swap, field])(random, inner)
    plain["dsseEnvelope"]["payload"] = b64encode(changed).decode()
    return json.dumps(plain, separators=(",", ":")).encode()


def other_key(random: Random, data: bytes) -> bytes:
    """Sign the same again with a key that nobody trusts, and perhaps claim that it was the trusted one."""
    plain, stranger = json.loads(data), PrivateKey(STRANGER._key)
    content = bundle.sign(b64decode(plain["dsseEnvelope"]["payload"]), stranger)
    if random.random() < 0.7:
        forged = json.loads(content)
        forged["verificationMaterial"] = plain["verificationMaterial"]
        content = json.dumps(forged, separators=(",", ":")).encode()
    return content


def order(random: Random, data: bytes) -> bytes:
    plain = json.loads(data)
    items = list(plain.items())
    random.shuffle(items)
    return json.dumps(dict(items), separators=random.choice([(",", ":"), (", ", ": ")])).encode()


STRANGER = generate("ecdsa-p256")
SIGNATURES = (flip, replace, cut, double, swap, blank, field, payload, other_key, order)


def mutate_signatures(signed: Signed, rounds: int, seed: int) -> None:
    random, honest = Random(seed), signed.signature.read_bytes()
    verifier = signed.trust.verify
    changed = 0
    for _ in range(rounds):
        mutation = random.choice(SIGNATURES)
        data = mutation(random, honest)
        if data == honest:
            continue
        changed += 1
        with pytest.raises(VerificationError) as caught:
            verifier(data)
        assert caught.value.reason, mutation
    assert changed > rounds * 0.9


def test_no_mutated_signature_is_accepted(signed: Signed) -> None:
    mutate_signatures(signed, 900, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
def test_no_mutated_signature_is_accepted_in_many_more(signed: Signed, seed: int) -> None:
    mutate_signatures(signed, 2500, seed)


# Models.


def some(random: Random, model: Path) -> Path:
    return random.choice([p for p in sorted(model.rglob("*")) if p.is_file() and p.stat().st_size])


def content(change: Callable[[Random, bytes], bytes]) -> Callable[[Random, Path], None]:
    def apply(random: Random, model: Path) -> None:
        place = some(random, model)
        place.write_bytes(change(random, place.read_bytes()))

    return apply


def append(random: Random, model: Path) -> None:
    with some(random, model).open("ab") as file:
        file.write(random.randbytes(random.randrange(1, 200)))


def add(random: Random, model: Path) -> None:
    place = model / random.choice(["", "a/", "new/", "a/b/"])
    place.mkdir(exist_ok=True)
    (place / random.choice(["x", ".hidden", "evil.py", "weights.bin.bak", "model.sig"])).write_bytes(b"x" * 9)


def remove(random: Random, model: Path) -> None:
    some(random, model).unlink()


def rename(random: Random, model: Path) -> None:
    place = some(random, model)
    place.rename(place.with_name(place.name + random.choice([".", " ", "x", "\u200b"])))


def exchange(random: Random, model: Path) -> None:
    one, two = model / "weights.bin", model / "config.json"
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)


def become_folder(random: Random, model: Path) -> None:
    place = some(random, model)
    old = place.read_bytes()
    place.unlink()
    place.mkdir()
    (place / "x").write_bytes(old)


def become_link(random: Random, model: Path) -> None:
    place = some(random, model)
    kept = model.parent / "outside"
    kept.write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(random.choice([kept, model, Path("nowhere"), model / "a"]))


def vanish(random: Random, model: Path) -> None:
    shutil.rmtree(model)
    if random.random() < 0.5:
        model.write_bytes(FILES["weights.bin"])
    elif random.random() < 0.5:
        model.mkdir()


MODELS = (
    content(flip), content(replace), content(cut), content(double), content(swap), append, add, remove, rename,
    exchange, become_folder, become_link, vanish,
)  # fmt: skip


def state(model: Path) -> dict[str, bytes | None]:
    if not model.is_dir():
        return {}
    found = {p.relative_to(model).as_posix(): p for p in model.rglob("*") if not p.is_dir() or p.is_symlink()}
    return {name: None if p.is_symlink() else p.read_bytes() for name, p in found.items()}


def mutate_models(signed: Signed, rounds: int, seed: int) -> None:
    random, changed = Random(seed), 0
    for _ in range(rounds):
        mutation = random.choice(MODELS)
        mutation(random, signed.model)
        if state(signed.model) != FILES:
            changed += 1
            assert is_refused(signed), mutation
        shutil.rmtree(signed.model, ignore_errors=True)
        signed.model.unlink(missing_ok=True)
        build(signed.model)
    assert changed > rounds * 0.9
    assert not is_refused(signed)


def test_no_mutated_model_is_accepted(signed: Signed) -> None:
    mutate_models(signed, 150, 5)


@pytest.mark.slow
def test_no_mutated_model_is_accepted_in_many_more(signed: Signed) -> None:
    mutate_models(signed, 600, 6)


def test_a_certificate_of_the_bundle_is_no_root(tmp_path: Path) -> None:
    """The root that a hostile bundle brings along is not a root."""
    from certificates import authority

    key, model = generate("ecdsa-p256"), build(tmp_path / "m")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    trusted, _ = authority(tmp_path / "ours", generate("ecdsa-p256"))
    hostile, listed = authority(tmp_path / "theirs", key)
    from cryptography.hazmat.primitives.serialization import Encoding

    root = chain.load(hostile)[0].public_bytes(Encoding.DER)
    content = bundle.sign(write_statement(claim_of(model, recipe())), key, (*listed, root))
    with pytest.raises(VerificationError) as caught:
        Trust(certificates=(trusted,)).verify(content)
    assert caught.value.reason == "untrusted"
    assert Trust(certificates=(hostile,)).verify(content).signer == "signer@example.org"
