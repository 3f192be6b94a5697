"""The table of named things: lazy, explicit, and one name for one thing."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from hauberk.core import registry as module
from hauberk.core.errors import InputError
from hauberk.core.registry import Registry

TABLE = {"zip": "zipfile:ZipFile", "gone": "no_such_module:x", "bare": "json:no_such_name"}


def joined(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> Registry:
    found = [EntryPoint(name, value, "hauberk.examples") for name, value in points]
    monkeypatch.setattr(module, "entry_points", lambda group: found if group == "hauberk.examples" else [])
    return Registry("hauberk.examples", TABLE)


def test_nothing_is_imported_until_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    table = joined(monkeypatch, ("plug", "this:c"))
    assert table.ids() == ("zip", "gone", "bare", "plug")
    assert "this" not in sys.modules


def test_ours_and_theirs_are_got_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import json
    import zipfile

    table = joined(monkeypatch, ("plug", "json:loads"))
    assert table.get("zip") is zipfile.ZipFile
    assert table.get("plug") is json.loads


def test_ours_come_in_table_order_and_theirs_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert joined(monkeypatch, ("y", "json:loads"), ("a", "json:dumps")).ids() == ("zip", "gone", "bare", "a", "y")


def test_an_unknown_name_tells_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"'zap' is not in hauberk\.examples") as caught:
        joined(monkeypatch, ("plug", "json:loads")).get("zap")
    assert caught.value.hint == "known: zip, gone, bare, plug"


@pytest.mark.parametrize("points", [[("zip", "json:loads")], [("a", "json:loads"), ("a", "json:dumps")]])
def test_a_name_taken_twice_is_an_error(monkeypatch: pytest.MonkeyPatch, points: list[tuple[str, str]]) -> None:
    table = joined(monkeypatch, *points)
    with pytest.raises(InputError, match=f"{points[0][0]}' is there twice .*json") as caught:
        table.ids()
    assert "uninstall" in caught.value.hint


def test_a_broken_entry_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    table = joined(monkeypatch)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        table.get("gone")
    with pytest.raises(AttributeError):
        table.get("bare")


def test_the_table_given_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"a": "json:loads"}
    table = Registry("hauberk.nobody", given)
    given["b"] = "json:dumps"
    assert table.ids() == ("a",)
