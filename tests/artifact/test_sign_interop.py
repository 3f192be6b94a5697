"""Both ways with the OpenSSF `model_signing`: what it signs verifies here, and what is signed here verifies there.

Runs where its command is on the PATH (`pip install model-signing==1.1.1 pyopenssl`); it may have an environment of its
own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certificates import Holder, issue
from hauberk.cli.main import main
from hauberk.crypto.keys import generate

PLACES = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
COMMAND = shutil.which("model_signing", path=PLACES)
pytestmark = pytest.mark.skipif(COMMAND is None, reason="the command model_signing is not installed")

PEER = """
import json, pathlib, sys
import model_signing as ms

def hashing(how):
    config = ms.hashing.Config()
    if how.get("shard_size"):
        config.use_shard_serialization(shard_size=how["shard_size"], hashing_algorithm=how.get("hash", "sha256"))
    elif how.get("hash"):
        config.use_file_serialization(hashing_algorithm=how["hash"])
    config.set_ignored_paths(paths=how.get("ignore", []), ignore_git_paths=not how.get("git"))
    return config.set_allow_symlinks(how.get("links", False))

def run(action, model, signature, how):
    model, signature = pathlib.Path(model), pathlib.Path(signature)
    if action == "sign":
        config = ms.signing.Config()
        if how.get("certificate"):
            config.use_certificate_signer(private_key=how["key"], signing_certificate=how["certificate"],
                                          certificate_chain=how["chain"])
        else:
            config.use_elliptic_key_signer(private_key=how["key"])
        config.set_hashing_config(hashing(how)).sign(model, signature)
    else:
        config = ms.verifying.Config()
        if how.get("root"):
            config.use_certificate_verifier(certificate_chain=how["root"])
        else:
            config.use_elliptic_key_verifier(public_key=how["public"])
        if not how.get("guess"):
            config.set_hashing_config(hashing(how))
        config.verify(model, signature)

for line in sys.stdin:
    try:
        run(*json.loads(line))
        said = ""
    except Exception as error:
        said = f"{type(error).__name__}: {error}" or "error"
    print(json.dumps(said), flush=True)
"""
Peer = Callable[..., str]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """`peer("sign" or "verify", model, signature, **how)`: '' or what went wrong. One process: it starts slowly."""
    script = tmp_path_factory.mktemp("peer") / "peer.py"
    script.write_text(PEER)
    python = Path(str(COMMAND)).with_name("python")
    with subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(action: str, model: Path, signature: Path, **how: Any) -> str:
            process.stdin.write(json.dumps([action, str(model), str(signature), how], default=str) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return str(json.loads(process.stdout.readline()))  # type: ignore[union-attr]

        yield ask
        process.stdin.close()


@pytest.fixture(scope="module", params=["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def keys(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, key = tmp_path_factory.mktemp("keys"), generate(request.param)
    key.save(folder / "k.pem")
    key.public.save(folder / "k.pub")
    return folder / "k.pem", folder / "k.pub"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Names that sort in two ways, an empty file, other scripts."""
    files = {"a.b": b"1", "a/c": b"2", "a/empty": b"", "z": b"0123456789" * 10, "größe/名": b"3", ".hidden": b"4",
             ".git/HEAD": b"5", "logs/1.log": b"6"}  # fmt: skip
    for name, content in files.items():
        (tmp_path / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / name).write_bytes(content)
    return tmp_path / "m"


def hauberk(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def both_ways(peer: Peer, model: Path, keys: tuple[Path, Path], ours: list[Any], **theirs: Any) -> None:
    key, public = keys
    one, two = model.parent / "ours.sig", model.parent / "theirs.sig"
    assert hauberk("sign", model, "--key", key, "-o", one, *ours) == 0
    assert peer("verify", model, one, public=public, **theirs) == ""
    assert peer("sign", model, two, key=key, **theirs) == ""
    assert hauberk("verify", model, "--key", public, "--signature", two) == 0
    assert hauberk("verify", model, "--key", public, "--signature", one) == 0


def test_a_folder(peer: Peer, model: Path, keys: tuple[Path, Path]) -> None:
    both_ways(peer, model, keys, [])
    both_ways(peer, model, keys, ["--git"], git=True)


def test_a_single_file(peer: Peer, model: Path, keys: tuple[Path, Path]) -> None:
    both_ways(peer, model / "z", keys, [])


@pytest.mark.parametrize("size", [7, 10, 100, 1000])
def test_shards(peer: Peer, model: Path, keys: tuple[Path, Path], size: int) -> None:
    both_ways(peer, model, keys, ["--shards", size], shard_size=size)
    assert peer("verify", model, model.parent / "ours.sig", public=keys[1], guess=True) == ""


def test_blake2b(peer: Peer, model: Path, keys: tuple[Path, Path]) -> None:
    both_ways(peer, model, keys, ["--hash", "blake2b"], hash="blake2")


def test_ignored_paths(peer: Peer, model: Path, keys: tuple[Path, Path]) -> None:
    both_ways(peer, model, keys, ["--ignore", "logs", "--ignore", "a.b"], ignore=["logs", "a.b"])
    (model / "logs" / "2.log").write_bytes(b"new")
    assert peer("verify", model, model.parent / "ours.sig", public=keys[1], guess=True) == ""
    assert hauberk("verify", model, "--key", keys[1], "--signature", model.parent / "theirs.sig") == 0


def test_links_to_files(peer: Peer, model: Path, keys: tuple[Path, Path]) -> None:
    (model.parent / "blob").write_bytes(b"weights")
    (model / "out").symlink_to("../blob")
    (model / "in").symlink_to("z")
    both_ways(peer, model, keys, ["--allow-symlinks"], links=True)
    refused = peer("sign", model, model.parent / "x.sig", key=keys[0])
    assert "symlink" in refused
    assert hauberk("sign", model, "--key", keys[0], "-o", model.parent / "x.sig") == 2


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_both_refuse_the_same(peer: Peer, model: Path, keys: tuple[Path, Path], change: str) -> None:
    both_ways(peer, model, keys, [])
    if change == "removed":
        (model / "z").unlink()
    else:
        (model / ("z" if change == "changed" else "new")).write_bytes(b"x")
    for name in ("ours.sig", "theirs.sig"):
        assert peer("verify", model, model.parent / name, public=keys[1])
        assert hauberk("verify", model, "--key", keys[1], "--signature", model.parent / name) == 1


def test_two_thousand_files(peer: Peer, keys: tuple[Path, Path], tmp_path: Path) -> None:
    for i in range(2000):
        (tmp_path / "m" / f"d{i % 40}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / f"d{i % 40}" / f"{i}.bin").write_bytes(b"%d" % i * 50)
    both_ways(peer, tmp_path / "m", keys, [])


def test_certificates(peer: Peer, model: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    from hauberk.crypto.keys import PrivateKey

    root, below = Holder("Root", ca=True), Holder("Below", ca=True, path_length=0)
    signer = Holder("Signer", PrivateKey.load(keys[0])._key, email="ml@example.org")
    made = {"root": issue(root, root), "below": issue(below, root), "leaf": issue(signer, below)}
    for name, certificate in made.items():
        (tmp_path / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    ours, theirs, trusted = tmp_path / "ours.sig", tmp_path / "theirs.sig", tmp_path / "root.pem"
    listed = ("--certificate", tmp_path / "leaf.pem", "--certificate", tmp_path / "below.pem")
    assert hauberk("sign", model, "--key", keys[0], *listed, "-o", ours) == 0
    assert peer("verify", model, ours, root=[trusted]) == ""
    chained = {"certificate": tmp_path / "leaf.pem", "chain": [tmp_path / "below.pem"]}
    assert peer("sign", model, theirs, key=keys[0], **chained) == ""
    for signature in (ours, theirs):
        at = ("verify", model, "--signature", signature, "--certificate", trusted)
        assert hauberk(*at) == hauberk(*at, "--identity", "ml@example.org") == 0
        assert hauberk(*at, "--identity", "other@example.org") == 1
    other = Holder("Root", ec.generate_private_key(ec.SECP256R1()), ca=True)
    trusted.write_bytes(issue(other, other).public_bytes(Encoding.PEM))
    assert peer("verify", model, ours, root=[trusted])
    assert hauberk("verify", model, "--signature", theirs, "--certificate", trusted) == 1


def test_the_commands(model: Path, keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    key, public = keys
    assert hauberk("sign", model, "--key", key) == 0
    ours, theirs = model.parent / "m.sig", model.parent / "theirs.sig"
    run = [COMMAND, "verify", "key", model, "--public_key", public, "--signature", ours]
    assert b"succeeded" in subprocess.run([str(a) for a in run], check=True, capture_output=True).stdout
    run = [COMMAND, "sign", "key", model, "--private_key", key, "--signature", theirs]
    subprocess.run([str(a) for a in run], check=True, capture_output=True)
    assert hauberk("verify", model, "--key", public, "--signature", theirs) == 0
    assert "verified: m is what" in capsys.readouterr().out


def test_bytes_are_the_same_but_for_the_payload(peer: Peer, model: Path, keys: tuple[Path, Path]) -> None:
    """One form of bundle: ours, read and written again, and theirs."""
    from hauberk.crypto import bundle

    both_ways(peer, model, keys, [])
    for name in ("ours.sig", "theirs.sig"):
        content = (model.parent / name).read_bytes()
        assert bundle.write(bundle.read(content)) == content


def test_an_ed25519_key_is_ours_alone(peer: Peer, model: Path, tmp_path: Path) -> None:
    key = generate("ed25519")
    key.save(tmp_path / "e.pem")
    key.public.save(tmp_path / "e.pub")
    assert hauberk("sign", model, "--key", tmp_path / "e.pem") == 0
    assert hauberk("verify", model, "--key", tmp_path / "e.pub") == 0
    assert "AttributeError" in peer("verify", model, tmp_path / "m.sig", public=tmp_path / "e.pub")
