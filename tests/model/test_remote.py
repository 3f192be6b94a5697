"""A model in its own process: it answers as in memory, and a hostile one gains nothing."""

from __future__ import annotations

import io
import os
import pickle
import textwrap
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from hauberk.core.canon import digest
from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError, VerificationError
from hauberk.model.remote import KINDS as KINDS_OF_FILES
from hauberk.model.remote import open_remote

KINDS = {"joblib": lambda m: packed(m, 3), "pickle": pickle.dumps, "skops": lambda m: skops_bytes(m)}
SLOW = [pytest.param("skops", marks=pytest.mark.slow)]  # skops alone takes 4 s to import


def packed(model: object, compress: int = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=compress)
    return buffer.getvalue()


def skops_bytes(model: object) -> bytes:
    import skops.io

    content: bytes = skops.io.dumps(model)
    return content


@pytest.fixture(scope="module")
def logistic(blobs: Any) -> LogisticRegression:
    return LogisticRegression().fit(*blobs)


@pytest.mark.parametrize("kind", ["joblib", "pickle", *SLOW])
def test_it_answers_as_in_memory(kind: str, logistic: LogisticRegression, blobs: Any, sandbox: Any) -> None:
    content = KINDS[kind](logistic)
    model = open_remote(
        content, "skops" if kind == "skops" else "joblib", sandbox, name="m", expected_digest=digest(content)
    )
    assert model.predict(blobs[0]) == pytest.approx(logistic.predict_proba(blobs[0]), abs=1e-12)
    assert (model.shape, model.n_classes, model.classes, model.label_only) == ((4,), 3, ("0", "1", "2"), False)
    assert model.description.estimator == "LogisticRegression"
    assert model.description.versions["scikit-learn"]
    assert model.queries == 300
    model.close()
    assert sandbox.started[0].poll() is not None
    with pytest.raises(InputError, match="its process has ended"):
        model.predict(blobs[0])


def test_a_refit_is_a_fresh_model_in_the_same_process(blobs: Any, sandbox: Any) -> None:
    x, y = blobs
    forest = RandomForestClassifier(5, max_depth=4, random_state=1, n_jobs=-1).fit(x, y)
    model = open_remote(packed(forest), "joblib", sandbox, name="m", max_queries=10)
    again = model.refit(x[:150], y[:150], seed=7)
    expected = RandomForestClassifier(5, max_depth=4, random_state=7).fit(x[:150], y[:150]).predict_proba(x)
    assert again.predict(x) == pytest.approx(expected)
    assert (len(sandbox.started), model.queries, again.queries) == (1, 0, 300)
    fewer = model.refit(x[y < 2], y[y < 2], seed=7)
    assert fewer.predict(x)[:, 2].max() == 0
    with pytest.raises(LimitExceeded):
        model.predict(x)
    with pytest.raises(InputError, match="do not fit"):
        model.refit(x, y + 1, seed=7)


def test_models_that_are_forgotten_leave_the_process(blobs: Any, sandbox: Any, logistic: Any) -> None:
    model = open_remote(packed(logistic), "joblib", sandbox, name="m")
    kept = model.refit(*blobs, seed=0)
    handles = [model.refit(*blobs, seed=0)._handle for _ in range(2)]
    assert (kept._handle, handles) == (1, [2, 3])
    for handle in handles:
        with pytest.raises(InputError, match="no such model"):
            model._process.ask({"command": "predict", "handle": handle}, {})
    assert kept.predict(blobs[0]).shape == (300, 3)
    model.close()
    with pytest.raises(InputError, match="ended"):
        kept.predict(blobs[0])


def test_what_is_no_classifier_is_unsupported(blobs: Any, sandbox: Any) -> None:
    with pytest.raises(UnsupportedError, match="m: LinearRegression is no classifier"):
        open_remote(packed(LinearRegression().fit(*blobs)), "joblib", sandbox, name="m")
    with pytest.raises(UnsupportedError, match="not opened in a process"):
        open_remote(b"", "keras", sandbox, name="m")
    assert sandbox.started[0].poll() is not None


def test_a_model_that_needs_another_module_says_which(sandbox: Any) -> None:
    content = b"cno_such_module_here\nThing\n."
    with pytest.raises(InputError, match="ModuleNotFoundError") as caught:
        open_remote(content, "joblib", sandbox, name="m")
    assert "no_such_module_here" in caught.value.hint


BROKEN = [b"", b"\x80\x04garbage", b"PK\x03\x04nothing", b'{"learner":{}}', b"tree\nversion=v4\n", b"{L\0\0"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [("joblib", b""), ("joblib", b"\x80\x04garbage"), ("xgboost", b""), ("xgboost", b'{"learner":{}}'),
     ("lightgbm", b"tree\nversion=v4\n")]
    + [pytest.param(kind, content, marks=pytest.mark.slow) for kind in KINDS_OF_FILES for content in BROKEN],
)  # fmt: skip
def test_damaged_files_are_refused(kind: str, content: bytes, sandbox: Any) -> None:
    """XGBoost's own loader aborts its process on an empty file: that must not be ours."""
    with pytest.raises(InputError, match=r"^m: "):
        open_remote(content, kind, sandbox, name="m", timeout_s=60)


def test_the_bytes_that_were_scanned_are_the_bytes_that_run(logistic: Any, sandbox: Any) -> None:
    with pytest.raises(VerificationError, match="expected sha256:"):
        open_remote(packed(logistic), "joblib", sandbox, name="m", expected_digest=digest(b"scanned"))
    assert sandbox.started == []


class Evil:
    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> object:
        return (exec, (self.code,))


def test_a_file_that_runs_code_runs_it_there_and_not_here(tmp_path: Path, sandbox: Any) -> None:
    trace = tmp_path / "ran"
    code = f"import os; open({str(trace)!r}, 'w').write(str(os.getpid()))"
    with pytest.raises(UnsupportedError, match="NoneType is no classifier"):
        open_remote(pickle.dumps(Evil(code)), "joblib", sandbox, name="m")
    assert trace.read_text() == str(sandbox.started[0].pid) != str(os.getpid())


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os._exit(7)", r"ended in the middle of work \(exit code 7\)"),
        ("import os; os.kill(os.getpid(), 9)", r"exit code -9"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("raise ValueError('\\x1b[31m' + 'a' * 10000)", "ValueError:  .31maaa"),
        ("import time; time.sleep(60)", "no answer within 2 s"),
        ("print('HBK1' * 100, flush=True); raise ValueError('printed')", "ValueError: printed"),
        ("import os; os.write(1, b'HBK1' * 9); raise ValueError('wrote')", "ValueError: wrote"),
        ("import os; os.read(0, 9); raise ValueError('took')", "ValueError: took"),
        ("import sys; sys.stdout.write('x'); sys.stdin.read(); raise ValueError('read')", "ValueError: read"),
    ],
)
def test_hostile_loading_ends_in_an_input_error(code: str, message: str, sandbox: Any) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_remote(pickle.dumps(Evil(code)), "joblib", sandbox, name="m", timeout_s=2 if "sleep" in code else 60)
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()
    assert sandbox.started[0].poll() is not None


# a server that is not ours: it may send whatever it likes

PRELUDE = """
import sys, json, struct
source, sink = sys.stdin.buffer, sys.stdout.buffer
def question():
    magic, header, body = struct.unpack('>4sIQ', source.read(16))
    source.read(header); source.read(body)
def raw(content):
    sink.write(content); sink.flush()
def reply(head, arrays=(), body=b''):
    header = json.dumps({'head': head, 'arrays': list(arrays)}).encode()
    raw(struct.pack('>4sIQ', b'HBK1', len(header), len(body)) + header + body)
GOOD = {'estimator': 'E', 'classes': ['a', 'b'], 'n_features': 2, 'reading': 'probabilities',
        'feature_names': [], 'refittable': True, 'versions': {}, 'notes': []}
def floats(*values):
    return struct.pack('<%dd' % len(values), *values)
question()
"""

OPENING = {
    "garbage": ("raw(b'hello world, this is no frame')", "no frame"),
    "silence": ("import time; time.sleep(60)", "no answer within"),
    "end": ("pass", "ended in the middle of work|exit code"),
    "half a frame": ("raw(b'HBK1\\0\\0\\0\\x10' + bytes(8) + b'{')", "ended in the middle of a frame"),
    "huge header": ("raw(struct.pack('>4sIQ', b'HBK1', 2**32 - 1, 0))", "too large"),
    "huge body": ("raw(struct.pack('>4sIQ', b'HBK1', 10, 2**63))", "too large"),
    "no json": ("raw(struct.pack('>4sIQ', b'HBK1', 3, 0) + b'{x}')", "not valid JSON"),
    "deep json": ("raw(struct.pack('>4sIQ', b'HBK1', 200000, 0) + b'[' * 200000)", "not valid JSON"),
    "no head": ("raw(struct.pack('>4sIQ', b'HBK1', 2, 0) + b'{}')", "without head"),
    "no description": ("reply({'ok': True})", "describes it badly"),
    "one class": ("reply({'ok': True, 'description': GOOD | {'classes': ['a']}})", "1 classes"),
    "twin classes": ("reply({'ok': True, 'description': GOOD | {'classes': ['a', 'a']}})", "2 classes"),
    "no features": ("reply({'ok': True, 'description': GOOD | {'n_features': 0}})", "0 features"),
    "endless features": ("reply({'ok': True, 'description': GOOD | {'n_features': 10**9}})", "features"),
    "boolean features": ("reply({'ok': True, 'description': GOOD | {'n_features': True}})", "expected int"),
    "unknown reading": ("reply({'ok': True, 'description': GOOD | {'reading': 'exec'}})", "is not known"),
    "long names": ("reply({'ok': True, 'description': GOOD | {'notes': ['a' * 9999]}})", "overlong"),
    "extra field": ("reply({'ok': True, 'description': GOOD | {'x': 1}})", "unknown field"),
    "bare failure": ("reply({'ok': False, 'message': ['x'], 'hint': {}})", r"m: \['x'\]"),
    "truthy ok": ("reply({'ok': 1, 'description': GOOD})", "failed without a word"),
}  # fmt: skip


@pytest.mark.parametrize("flaw", OPENING)
def test_a_hostile_server_cannot_pass_for_a_model(flaw: str, impostor: Any) -> None:
    code, message = OPENING[flaw]
    fake = impostor(PRELUDE + code)
    with pytest.raises(InputError, match=message):
        open_remote(b"content", "joblib", fake, name="m", timeout_s=1 if flaw == "silence" else 60)
    assert fake.started[0].poll() is not None


ANSWERS = {
    "another array": ("reply({'ok': True}, [['x', '<f8', [2, 2]]], floats(1, 0, 0, 1))", "sent no answer"),
    "no array": ("reply({'ok': True})", "sent no answer"),
    "another shape": ("reply({'ok': True}, [['answer', '<f8', [1, 2]]], floats(1, 0))", "answered an array of shape"),
    "NaN": ("reply({'ok': True}, [['answer', '<f8', [2, 2]]], floats(1, float('nan'), 0, 1))", "NaN or infinity"),
    "no distribution": ("reply({'ok': True}, [['answer', '<f8', [2, 2]]], floats(1, 1, 0, 1))", "do not sum to 1"),
    "negative": ("reply({'ok': True}, [['answer', '<f8', [2, 2]]], floats(2, -1, 0, 1))", "do not sum to 1"),
    "labels instead": ("reply({'ok': True}, [['answer', '<i8', [2]]], bytes(16))", "now it answered an array"),
    "objects": ("reply({'ok': True}, [['answer', '|O', [2]]], bytes(16))", "an array of type"),
    "short body": ("reply({'ok': True}, [['answer', '<f8', [2, 2]]], bytes(8))", "does not fit its frame"),
    "long body": ("reply({'ok': True}, [['answer', '<f8', [2, 2]]], bytes(40))", "belong to no array"),
    "negative side": ("reply({'ok': True}, [['answer', '<f8', [-2, 2]]], b'')", "an array of type"),
    "twins": ("reply({'ok': True}, [['answer', '<f8', [1, 2]]] * 2, floats(1, 0, 0, 1))", "does not fit its frame"),
    "absurd sides": ("reply({'ok': True}, [['answer', '<f8', [0] + [2**40] * 5]], b'')", "an array of shape"),
    "float side": ("reply({'ok': True}, [['answer', '<f8', [2.0, 2]]], bytes(32))", "an array of type"),
    "beyond the limit": ("reply({'ok': True}, [['answer', '|u1', [1000000]]], bytes(1000000))", "too large"),
    "death": ("sys.exit(3)", r"exit code 3"),
}  # fmt: skip


@pytest.mark.parametrize("flaw", ANSWERS)
def test_a_hostile_answer_is_refused(flaw: str, impostor: Any) -> None:
    code, message = ANSWERS[flaw]
    fake = impostor(PRELUDE + "reply({'ok': True, 'description': GOOD})\nquestion()\n" + code)
    model = open_remote(b"content", "joblib", fake, name="m")
    with pytest.raises(InputError, match=message):
        model.predict(np.zeros((2, 2)))
    model.close()


def test_a_refit_that_is_another_model_is_refused(impostor: Any) -> None:
    for lie in ("GOOD | {'classes': ['b', 'a']}", "GOOD, 'handle': '1'", "GOOD, 'handle': True"):
        opening = "reply({'ok': True, 'description': GOOD})\nquestion()\n"
        code = opening + f"reply({{'ok': True, 'handle': 1, 'description': {lie}}})"
        model = open_remote(b"content", "joblib", impostor(PRELUDE + code), name="m")
        with pytest.raises(InputError, match="answered with another model"):
            model.refit(np.zeros((2, 2)), np.array([0, 1]), seed=0)


def test_a_server_that_does_not_read_does_not_block_the_parent(impostor: Any) -> None:
    fake = impostor("import time; time.sleep(60)")
    with pytest.raises(InputError, match="no answer within 1 s"):
        open_remote(bytes(1 << 22), "joblib", fake, name="m", timeout_s=1)


def test_an_honest_impostor_can_only_answer_wrong_numbers(impostor: Any) -> None:
    code = textwrap.dedent("""
        reply({'ok': True, 'description': GOOD})
        question()
        reply({'ok': True}, [['answer', '<f8', [2, 2]]], floats(0.25, 0.75, 1, 0))
    """)
    model = open_remote(b"content", "joblib", impostor(PRELUDE + code), name="m")
    assert model.predict(np.zeros((2, 2))).tolist() == [[0.25, 0.75], [1, 0]]
    assert model.classes == ("a", "b")
