"""The exam passes an honest check and fails each kind of broken one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hauberk.core.canon import digest
from hauberk.core.limits import Limits
from hauberk.core.notebook import Notebook
from hauberk.core.nouns import Evidence, Place, Severity, Subject
from hauberk.core.ports import Inputs, Need
from hauberk.core.stats import rate
from hauberk.testing import check_check

INPUTS = Inputs(subjects={"model": Subject("model", "net", digest(b"net"))})


class Honest:
    id = "example.honest"
    version = "1"
    title = "an example"
    needs: tuple[Need, ...] = (Need.MODEL,)
    roles: tuple[str, ...] = ("model",)
    defaults: Mapping[str, Any] = {"eps": 0.1}
    tools: tuple[str, ...] = ()

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        book = Notebook(self, inputs, limits, seed)
        hits = random.Random(seed).randrange(100)
        book.measure(rate("hits", hits, 100))
        known = ("CWE-502",)
        book.find("example.honest.bad", Severity.LOW, "model", Place(), "bad", remedy="mend it", references=known)
        return book.evidence()


class Unsteady(Honest):
    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        return super().run(inputs, limits, seed=random.randrange(10**9))


class Reseeded(Honest):
    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        evidence = super().run(inputs, limits, seed)
        hits = random.randrange(10**9)
        return replace(evidence, measurements=(rate("hits", hits, 10**9),))


class Nameless(Honest):
    id = "honest"


class Careless(Honest):
    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        return super().run(replace(inputs, options={}), limits, seed)


class Speechless(Honest):
    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        evidence = super().run(inputs, limits, seed)
        return replace(evidence, findings=tuple(replace(f, remedy="") for f in evidence.findings))


class Invented(Honest):
    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        evidence = super().run(inputs, limits, seed)
        return replace(evidence, findings=tuple(replace(f, references=("AML.T9999",)) for f in evidence.findings))


class Impostor(Honest):
    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        return replace(super().run(inputs, limits, seed), check="artifact.scan")


def test_an_honest_check_passes() -> None:
    assert check_check(Honest(), INPUTS, seed=3).seed == 3


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Nameless(), "an id is dotted"),
        (Unsteady(), "another seed"),
        (Reseeded(), "the same seed gave other results"),
        (Careless(), "takes an option that it does not know"),
        (Speechless(), "does not say what to do"),
        (Impostor(), "signs as another check"),
    ],
)
def test_a_broken_check_fails(broken: Honest, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_check(broken, INPUTS)


def test_an_invented_reference_fails() -> None:
    with pytest.raises(Exception, match=r"AML\.T9999"):
        check_check(Invented(), INPUTS)
