"""Evidence to keep, and a store to keep it in. HAUBERK_TEST_POSTGRES: a URL to run the same tests on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hauberk.core.canon import digest
from hauberk.core.nouns import Budget, Evidence, Subject
from hauberk.store.evidence import EvidenceStore

Make = Callable[..., Evidence]


@pytest.fixture(scope="session")
def make() -> Make:
    def make(model: bytes = b"model", check: str = "attack.evasion", finished: str = "01", seed: int = 0) -> Evidence:
        subjects = (Subject("model", "m", digest(model)), Subject("dataset", "d", digest(b"data")))
        end = f"2026-01-{finished}T00:00:00Z"
        return Evidence(
            check, "1", subjects, {}, seed, Budget(), (), (), (), (), end, end, "2026-04-01T00:00:00Z", {}
        )

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "hauberk.db")
        return
    server = os.environ.get("HAUBERK_TEST_POSTGRES")
    if not server:
        pytest.skip("HAUBERK_TEST_POSTGRES is not set")
    from sqlalchemy import text

    from hauberk.store.engine import connect, url_of

    engine = connect(url_of(server))
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        connection.commit()
    engine.dispose()
    yield server


@pytest.fixture
def store(url: str) -> Iterator[EvidenceStore]:
    with EvidenceStore.open(url) as opened:
        yield opened
