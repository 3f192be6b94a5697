"""The exam passes every built-in format and fails broken ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from hauberk.core.nouns import Dossier
from hauberk.report.formats import FORMATS
from hauberk.testing import check_format


@pytest.mark.parametrize("name", FORMATS.ids())
def test_built_in_formats_pass(name: str) -> None:
    check_format(FORMATS.get(name))


COUNT = itertools.count()


@pytest.mark.parametrize(
    ("render", "message"),
    [
        (lambda dossier: b"bytes", "gives text"),
        (lambda dossier: "", "not an empty one"),
        (lambda dossier: f"attack.example.bad {next(COUNT)}", "other text"),
        (lambda dossier: "all is well", "a finding is not told"),
        (lambda dossier: f"attack.example.bad in {dossier.name}", "control characters"),
    ],
)
def test_broken_formats_fail(render: Callable[[Dossier], str], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_format(render)
