"""The front door: every name opens, none is opened by looking at it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hauberk


def test_every_name_opens() -> None:
    for name in dir(hauberk):
        assert getattr(hauberk, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'audti'"):
        hauberk.audti  # noqa: B018


def test_importing_and_listing_loads_nothing() -> None:
    code = "import sys, hauberk; dir(hauberk); print([m for m in sys.modules if m.startswith('hauberk')])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "['hauberk']"
