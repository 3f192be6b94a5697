"""A model file in the real sandbox: it answers, trains again, and cannot reach out."""

from __future__ import annotations

import io
import pickle
import socket
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from hauberk.core.errors import InputError
from hauberk.model.remote import open_remote
from hauberk.run.sandbox import Sandbox

pytestmark = pytest.mark.skipif("landlock" not in Sandbox().strength, reason="this kernel has no Landlock")


class Evil:
    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> object:
        return (exec, (self.code,))


def test_a_forest_answers_and_trains_again_when_confined(blobs: Any) -> None:
    x, y = blobs
    forest = RandomForestClassifier(10, random_state=0, n_jobs=-1).fit(x, y)
    buffer = io.BytesIO()
    joblib.dump(forest, buffer, compress=3)
    model = open_remote(buffer.getvalue(), "joblib", Sandbox(), name="forest.joblib")
    assert model.predict(x) == pytest.approx(forest.predict_proba(x))
    again = model.refit(x[:150], y[:150], seed=3)
    expected = RandomForestClassifier(10, random_state=3).fit(x[:150], y[:150])
    assert np.allclose(again.predict(x), expected.predict_proba(x))
    model.close()


@pytest.mark.parametrize("deed", ["write", "read", "connect", "run"])
def test_a_hostile_file_cannot_reach_out(deed: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = {
            "write": f"open({str(tmp_path / 'ran')!r}, 'w')",
            "read": f"raise SystemExit(open({str(secret)!r}).read())",
            "connect": f"import socket; socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 5)",
            "run": f"import subprocess; subprocess.run(['/bin/sh', '-c', 'touch {tmp_path}/ran'], check=True)",
        }[deed]
        with pytest.raises(InputError) as caught:
            open_remote(pickle.dumps(Evil(code)), "joblib", Sandbox(), name="m")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert "NoneType is no classifier" not in str(caught.value)
    assert "password" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_the_last_words_of_a_process_are_told() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with pytest.raises(InputError, match="ended in the middle of work"):
        open_remote(pickle.dumps(Evil(code)), "joblib", Sandbox(), name="m")
