"""Shared by the tests of the model room: a sandbox that confines nothing, and small real data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest


class PlainSandbox:
    """Starts the module as an ordinary process. Keeps what it started, to be ended."""

    strength = ""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, *arguments]
        self.started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return self.started[-1]


class Impostor(PlainSandbox):
    """Starts some other Python code in place of the module: a hostile server."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code

    def start(self, module: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", self.code]
        self.started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return self.started[-1]


@pytest.fixture
def sandbox() -> Iterator[PlainSandbox]:
    plain = PlainSandbox()
    yield plain
    for process in plain.started:
        process.kill()
        process.wait()


@pytest.fixture
def impostor() -> type[Impostor]:
    return Impostor


@pytest.fixture(scope="session")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping classes in four dimensions: (300, 4) float64, (300,) labels."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    return rng.normal(size=(300, 4)) + np.eye(4)[y] * 2, y
