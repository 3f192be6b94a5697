"""Ten thousand ways to damage a sealed file: none is accepted, none ends in anything but a refusal."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from hauberk.core.canon import canonical
from hauberk.core.errors import VerificationError
from hauberk.crypto import sealkeys
from hauberk.crypto.open import open_sealed
from hauberk.crypto.seal import seal
from hauberk.crypto.sealed import CHUNK, MAGIC, PRELUDE, SEALED_CHUNK
from hauberk.crypto.sealkeys import OpeningKey

QUICK, ALL = 1000, 10_000
Mutation = Callable[[random.Random, bytes, bytes], bytes]
"""mutation(random, a sealed file, another one for the same key) -> what may be a third one."""


def parts(content: bytes) -> tuple[dict[str, object], bytes, list[bytes]]:
    """Header, MAC, chunks."""
    end = PRELUDE.size + int.from_bytes(content[10:14], "big")
    body = content[end + 32 :]
    chunks = [body[i : i + SEALED_CHUNK] for i in range(0, len(body), SEALED_CHUNK)]
    return json.loads(content[PRELUDE.size : end]), content[end : end + 32], chunks


def joined(header: object, mac: bytes, chunks: list[bytes]) -> bytes:
    plain = canonical(header)  # type: ignore[arg-type]
    return PRELUDE.pack(MAGIC, 1, len(plain)) + plain + mac + b"".join(chunks)


def flip_a_bit(r: random.Random, a: bytes, b: bytes) -> bytes:
    at, out = r.randrange(len(a)), bytearray(a)
    out[at] ^= 1 << r.randrange(8)
    return bytes(out)


def flip_in_the_head(r: random.Random, a: bytes, b: bytes) -> bytes:
    at, out = r.randrange(900), bytearray(a)
    out[at] ^= 1 << r.randrange(8)
    return bytes(out)


def set_bytes(r: random.Random, a: bytes, b: bytes) -> bytes:
    at, n = r.randrange(len(a)), r.choice((1, 2, 16, 100))
    return a[:at] + r.randbytes(min(n, len(a) - at)) + a[at + n :]


def cut_the_end(r: random.Random, a: bytes, b: bytes) -> bytes:
    return a[: r.choice((r.randrange(len(a)), len(a) - r.randrange(1, 40), r.randrange(1000)))]


def cut_inside(r: random.Random, a: bytes, b: bytes) -> bytes:
    at = r.randrange(len(a))
    return a[:at] + a[at + r.choice((1, 16, 1000, SEALED_CHUNK)) :]


def slip_in(r: random.Random, a: bytes, b: bytes) -> bytes:
    at = r.choice((r.randrange(len(a) + 1), len(a)))
    return a[:at] + r.randbytes(r.choice((1, 16, 17, 500))) + a[at:]


def move_chunks(r: random.Random, a: bytes, b: bytes) -> bytes:
    header, mac, chunks = parts(a)
    return joined(header, mac, r.choices(chunks, k=r.randrange(len(chunks) + 2)))


def mix_chunks(r: random.Random, a: bytes, b: bytes) -> bytes:
    header, mac, chunks = parts(a)
    other = parts(b)[2]
    return joined(header, mac, [r.choice(pair) for pair in zip(chunks, other, strict=True)])


def mix_tags(r: random.Random, a: bytes, b: bytes) -> bytes:
    header, mac, chunks = parts(a)
    at, bodies = r.randrange(len(chunks)), [chunk[:-16] for chunk in chunks]
    tags = [chunk[-16:] for chunk in chunks]
    tags[at] = r.choice(tags)
    return joined(header, mac, [body + tag for body, tag in zip(bodies, tags, strict=True)])


def mix_heads(r: random.Random, a: bytes, b: bytes) -> bytes:
    (header, mac, chunks), (other, other_mac, _) = parts(a), parts(b)
    return joined(r.choice((header, other)), r.choice((mac, other_mac)), chunks)


def mix_fields(r: random.Random, a: bytes, b: bytes) -> bytes:
    (header, mac, chunks), other = parts(a), parts(b)[0]
    name = r.choice(sorted(header))
    return joined({**header, name: r.choice((other[name], None, 0, "", [], {}, 1 << 40))}, mac, chunks)


def mix_recipients(r: random.Random, a: bytes, b: bytes) -> bytes:
    (header, mac, chunks), other = parts(a), parts(b)[0]
    both = [*header["recipients"], *other["recipients"]]  # type: ignore[misc]
    return joined({**header, "recipients": r.choices(both, k=r.randrange(5))}, mac, chunks)


def rename_recipients(r: random.Random, a: bytes, b: bytes) -> bytes:
    header, mac, chunks = parts(a)
    one = r.choice(header["recipients"])  # type: ignore[arg-type]
    one[r.choice(sorted(one))] = r.choice((r.randbytes(8).hex(), "", None, 7, "sha256:" + r.randbytes(32).hex()))
    return joined(header, mac, chunks)


def write_loosely(r: random.Random, a: bytes, b: bytes) -> bytes:
    header, mac, chunks = parts(a)
    names = r.sample(sorted(header), len(header))
    loose = json.dumps({name: header[name] for name in names}, indent=r.choice((None, 1))).encode()
    return PRELUDE.pack(MAGIC, 1, len(loose)) + loose + mac + b"".join(chunks)


def lie_about_the_length(r: random.Random, a: bytes, b: bytes) -> bytes:
    return a[:10] + r.choice((0, 1, len(a), 1 << 16, (1 << 32) - 1, r.randrange(2000))).to_bytes(4, "big") + a[14:]


def lie_about_the_version(r: random.Random, a: bytes, b: bytes) -> bytes:
    return a[:8] + r.randrange(1 << 16).to_bytes(2, "big") + a[10:]


MUTATIONS: tuple[Mutation, ...] = (
    flip_a_bit, flip_in_the_head, set_bytes, cut_the_end, cut_inside, slip_in, move_chunks, mix_chunks, mix_tags,
    mix_heads, mix_fields, mix_recipients, rename_recipients, write_loosely, lie_about_the_length,
    lie_about_the_version,
)  # fmt: skip


@pytest.fixture(scope="module")
def key() -> OpeningKey:
    return sealkeys.generate()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, key: OpeningKey) -> tuple[bytes, bytes]:
    folder, other = tmp_path_factory.mktemp("sealed"), sealkeys.generate()
    (folder / "m").write_bytes(random.Random(0).randbytes(CHUNK + 100))
    for name in ("a", "b"):
        seal(folder / "m", folder / name, [key.public, other.public])
    assert open_sealed(folder / "a", [key]) == open_sealed(folder / "b", [key])
    return (folder / "a").read_bytes(), (folder / "b").read_bytes()


def refused(path: Path, key: OpeningKey, pair: tuple[bytes, bytes], seed: int, wanted: int) -> dict[str, int]:
    """Why so many mutations, from a seed on, were refused. What changes nothing does not count."""
    reasons: dict[str, int] = {}
    while sum(reasons.values()) < wanted:
        seed += 1
        if (content := MUTATIONS[seed % len(MUTATIONS)](random.Random(seed), *pair)) in pair:
            continue
        path.write_bytes(content)
        with pytest.raises(VerificationError) as caught:
            open_sealed(path, [key])
        reasons[caught.value.reason] = reasons.get(caught.value.reason, 0) + 1
    return reasons


def test_no_mutation_is_accepted(tmp_path: Path, key: OpeningKey, pair: tuple[bytes, bytes]) -> None:
    reasons = refused(tmp_path / "m", key, pair, 0, QUICK)
    assert set(reasons) == {
        "malformed", "not-canonical", "unknown-version", "wrong-key", "altered-header", "altered-content", "truncated"
    }  # fmt: skip


@pytest.mark.slow
def test_no_mutation_of_ten_thousand_is_accepted(tmp_path: Path, key: OpeningKey, pair: tuple[bytes, bytes]) -> None:
    assert sum(refused(tmp_path / "m", key, pair, 1 << 20, ALL).values()) == ALL
