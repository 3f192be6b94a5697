"""`hauberk scan`: several models, URLs, baselines."""

from __future__ import annotations

import json
import os
import pickle
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest


class Bad:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """bad.pkl, good.pkl and an unread.bin in folder `models`."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "bad.pkl").write_bytes(pickle.dumps(Bad()))
    (folder / "good.pkl").write_bytes(pickle.dumps({"w": [1.0]}))
    (folder / "unread.bin").write_bytes(bytes(range(1, 256)) * 3)
    return folder


def accept(cli: Any, path: Path, *more: str) -> Any:
    return cli("scan", path, "--write-baseline", "accepted.toml", "--owner", "ana", "--reason", "seen", *more)


def test_several_models_are_one_report_with_the_worst_exit(cli: Any, models: Path) -> None:
    assert cli("scan", models / "good.pkl").code == 0
    assert cli("scan", models / "good.pkl", models / "unread.bin").code == 2
    both = cli("scan", models / "good.pkl", models / "bad.pkl", models / "unread.bin", "--format", "json")
    assert both.code == 1
    report = json.loads(both.out)
    assert [e["verdict"] for e in report["evidence"]] == ["held", "broken", "inconclusive"]
    assert {s["name"] for s in report["dossier"]["subjects"].values()} == {"good.pkl", "bad.pkl", "unread.bin"}
    sarif = json.loads(cli("scan", models / "bad.pkl", models / "good.pkl", "--format", "sarif").out)
    assert sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "bad.pkl"


def test_a_baseline_silences_exactly_what_it_accepts(cli: Any, models: Path) -> None:
    bad = models / "bad.pkl"
    assert accept(cli, bad).code == 0
    told = cli("scan", bad, "--baseline", "accepted.toml", "--format", "json")
    assert told.code == 0
    report = json.loads(told.out)["dossier"]["evidence"][0]
    assert {f["severity"] for f in report["findings"]} == {"info"}
    assert "accepted by ana until" in report["findings"][0]["message"]
    assert report["parameters"]["accept"][0]["owner"] == "ana"
    accepted = [m["value"] for m in report["measurements"] if m["name"] == "findings_accepted"]
    assert accepted == [len(report["findings"])]
    bad.write_bytes(pickle.dumps([Bad()]))  # another model of the same name
    assert cli("scan", bad, "--baseline", "accepted.toml").code == 1


def test_what_was_not_read_can_be_accepted(cli: Any, models: Path) -> None:
    unread = models / "unread.bin"
    assert accept(cli, unread).code == 0
    assert cli("scan", unread, "--baseline", "accepted.toml").code == 0


def test_an_acceptance_ends(cli: Any, models: Path) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert accept(cli, models / "bad.pkl", "--expires", yesterday).code == 0
    told = cli("scan", models / "bad.pkl", "--baseline", "accepted.toml")
    assert (told.code, "no longer accepted by ana" in " ".join(told.out.split())) == (1, True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[accept]]\nfingerprint = 'sha256:0'\nowner = 'a'\nreason = 'b'\n", "lacks expires"),
        ("[[accept]]\nfingerprint = 'x'\nowner = 'a'\nreason = 'b'\nexpires = 'soon'\n", "is not a day"),
        ("[[accept]]\nfingerprint='x'\nowner='a'\nreason='b'\nexpires=2030-01-01\nrules='y'\n", "unknown key 'rules'"),
        ("accept = 3\n", "something else"),
        ("[[accept]\n", "baseline.toml"),
    ],
)
def test_a_baseline_that_is_none_is_refused(cli: Any, models: Path, text: str, complaint: str) -> None:
    Path("baseline.toml").write_text(text)
    told = cli("scan", models / "good.pkl", "--baseline", "baseline.toml")
    assert (told.code, complaint in told.err) == (2, True)


def test_a_baseline_needs_an_owner_and_survives_hostile_names(cli: Any, models: Path) -> None:
    refused = cli("scan", models / "bad.pkl", "--write-baseline", "b.toml")
    assert (refused.code, "--owner" in refused.err) == (2, True)
    hostile = models / 'x"\n\x7f\\.pkl'
    hostile.write_bytes((models / "bad.pkl").read_bytes())
    assert accept(cli, models).code == 0
    rows = tomllib.loads(Path("accepted.toml").read_text())["accept"]
    assert any('x"\n\x7f\\.pkl' in row["place"] for row in rows)


def test_names_are_allowed_from_a_file_until_their_day(cli: Any, models: Path) -> None:
    unknown = models / "unknown.pkl"
    unknown.write_bytes(b"cour.lib\nThing\n)\x81.")
    assert cli("scan", unknown).code == 1
    entry = "[[allow]]\nname = 'our.lib.Thing'\nowner = 'ana'\nreason = 'ours'\nexpires = {}\n"
    Path("b.toml").write_text(entry.format("2999-01-01"))
    told = cli("scan", unknown, "--baseline", "b.toml", "--format", "json")
    assert told.code == 0
    assert json.loads(told.out)["dossier"]["evidence"][0]["parameters"]["allow"] == ["our.lib.Thing"]
    Path("b.toml").write_text(entry.format("2020-01-01"))
    assert cli("scan", unknown, "--baseline", "b.toml").code == 1


def test_a_url_is_fetched_and_scanned(cli: Any, models: Path) -> None:
    pytest.importorskip("fsspec")
    told = cli("scan", f"file://{models}/bad.pkl", "--format", "json")
    assert told.code == 1
    assert json.loads(told.out)["dossier"]["name"] == "bad.pkl"
    folder = cli("scan", f"file://{models}", "--format", "json")
    assert json.loads(folder.out)["dossier"]["subjects"]["model"]["name"] == "models"
    assert cli("scan", "memory://nowhere/x.pkl").code == 2
    assert cli("scan", "nosuchscheme://x").code == 2


def test_the_program_is_told_line_by_line(cli: Any, models: Path) -> None:
    told = cli("scan", "--why", models / "bad.pkl")
    assert told.code == 0
    assert "_0 = posix.system('true')" in told.out
    assert "dangerous" in told.out
    assert "there is no pickle" in cli("scan", "--why", models / "unread.bin").out
    assert cli("scan", "--why", "nowhere.pkl").code == 2
