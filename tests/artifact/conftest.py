"""Shared builders: files on disk and the scan of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hauberk.artifact.scan import Scanned, scan
from hauberk.core.limits import Limits

Scanner = Callable[..., Scanned]


@pytest.fixture
def scanned(tmp_path: Path) -> Scanner:
    """Scan bytes as a file of any name."""

    def run(
        data: bytes, name: str = "model.bin", *, limits: Limits | None = None, allow: tuple[str, ...] = ()
    ) -> Scanned:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return scan(path, limits, allow)

    return run
