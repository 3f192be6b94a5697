"""The scripts and resources under deploy/: run on good and bad models; the YAML is read and held to its promises."""

from __future__ import annotations

import os
import pickle
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hauberk.cli.main import main
from hauberk.crypto.keys import generate

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
VERIFY, KSERVE = DEPLOY / "verify" / "verify-model.sh", DEPLOY / "kserve" / "storage-initializer.sh"


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A folder with `model` (a safetensors file, and its signature inside), team.pub and other.pub."""
    header = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    team = generate("ecdsa-p256")
    team.save(tmp_path / "team.key")
    team.public.save(tmp_path / "team.pub")
    generate("ecdsa-p256").public.save(tmp_path / "other.pub")
    resign(tmp_path)
    return tmp_path


def resign(folder: Path) -> None:
    signature = folder / "model" / "model.sig"
    assert main(["sign", str(folder / "model"), "--key", str(folder / "team.key"), "-o", str(signature)]) == 0


def run(script: Path, folder: Path, *arguments: object, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run a script with `hauberk` and `verify-model` on its PATH."""
    tools = folder / "tools"
    if not tools.exists():
        tools.mkdir()
        (tools / "hauberk").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hauberk.cli.main "$@"\n')
        shutil.copy(VERIFY, tools / "verify-model")
        (tools / "hauberk").chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder), "MODEL": str(folder / "model")}
    environment |= {name: str(value) for name, value in variables.items()}
    command = ["sh", str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_signed_and_harmless_model_may_be_loaded(signed: Path) -> None:
    result = run(VERIFY, signed, KEY="team.pub", REPORT=signed)
    assert (result.returncode, "verified and scanned" in result.stderr) == (0, True)
    assert (signed / "verify.sarif").exists()
    assert (signed / "scan.sarif").exists()


def test_nobody_to_trust_loads_nothing(signed: Path) -> None:
    result = run(VERIFY, signed)
    assert (result.returncode, "set KEY, ROOT or ISSUER" in result.stderr) == (1, True)


@pytest.mark.parametrize("change", ["bytes", "added", "removed", "left out", "no signature", "another key", "no model"])
def test_a_model_that_is_not_what_was_signed(signed: Path, change: str) -> None:
    model, key = signed / "model", "other.pub" if change == "another key" else "team.pub"
    if change == "bytes":
        (model / "w.safetensors").write_bytes(b"x")
    elif change == "added":
        (model / "new.py").write_text("")
    elif change == "left out":
        (model / ".git").mkdir()
        (model / ".git" / "config").write_text("")
    elif change == "no model":
        shutil.rmtree(model)
    elif change != "another key":
        (model / ("w.safetensors" if change == "removed" else "model.sig")).unlink()
    result = run(VERIFY, signed, KEY=key)
    assert (result.returncode, "is not loaded" in result.stderr) == (1, True)


def test_a_signed_model_that_would_run_code(signed: Path) -> None:
    (signed / "model" / "m.pkl").write_bytes(pickle.dumps(Evil()))
    resign(signed)
    result = run(VERIFY, signed, KEY="team.pub")
    assert (result.returncode, "not known to be harmless (scan ended with 1)" in result.stderr) == (1, True)
    assert run(VERIFY, signed, KEY="team.pub", SCAN=0).returncode == 0


def fetcher(folder: Path) -> str:
    """What stands for KServe's own download."""
    (folder / "fetch").write_text('#!/bin/sh\nset -e\ncp -R "$1"/. "$2"/\n')
    return f"sh {folder / 'fetch'}"


def test_the_storage_initializer_moves_only_what_was_verified(signed: Path) -> None:
    target = signed / "target"
    result = run(KSERVE, signed, signed / "model", target, KEY=signed / "team.pub", FETCH=fetcher(signed))
    assert result.returncode == 0, result.stderr
    assert sorted(p.name for p in target.iterdir()) == ["model.sig", "w.safetensors"]
    (signed / "model" / "w.safetensors").write_bytes(b"x")
    shutil.rmtree(target)
    result = run(KSERVE, signed, signed / "model", target, KEY=signed / "team.pub", FETCH=fetcher(signed))
    assert (result.returncode, list(target.iterdir())) == (1, [])


def test_the_storage_initializer_when_the_fetch_fails(signed: Path) -> None:
    assert run(KSERVE, signed, "x", signed / "target", KEY=signed / "team.pub", FETCH="false").returncode == 1
    assert run(KSERVE, signed, "x").returncode == 2


def resources(name: str) -> list[Any]:
    yaml = pytest.importorskip("yaml")
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def test_the_deployment_verifies_before_it_serves() -> None:
    (deployment,) = resources("kubernetes/verify-before-load.yaml")
    pod = deployment["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["initContainers"]] == ["fetch", "verify"]
    verify, server = pod["initContainers"][1], pod["containers"][0]
    assert {e["name"] for e in verify["env"]} >= {"MODEL", "KEY"}
    for container in (verify, server):
        assert all(mount["readOnly"] for mount in container["volumeMounts"])
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_the_storage_container_names_a_signer() -> None:
    (container,) = resources("kserve/cluster-storage-container.yaml")
    assert container["kind"] == "ClusterStorageContainer"
    assert "KEY" in {e["name"] for e in container["spec"]["container"]["env"]}
    assert container["spec"]["supportedUriFormats"]


@pytest.mark.parametrize("recipe", ["verify/Containerfile", "kserve/Containerfile"])
def test_recipes_copy_files_that_exist_and_end_as_no_root(recipe: str) -> None:
    lines = [line.split() for line in (DEPLOY / recipe).read_text().splitlines() if line[:1].isupper()]
    copied = [line[1] for line in lines if line[0] == "COPY" and not line[1].startswith("--")]
    theirs = {"deploy/kserve/team.pub"}  # the key of whoever builds the image
    assert all((DEPLOY.parent / source).exists() for source in set(copied) - theirs)
    assert [line[1] for line in lines if line[0] == "USER"][-1] not in ("root", "0")
    assert lines[-1][0] == "ENTRYPOINT"
