"""What the model's process loads and says, asked directly, without a process."""

from __future__ import annotations

import io
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from hauberk.core.codec import decode, encode
from hauberk.core.errors import InputError, UnsupportedError
from hauberk.model.served import Description
from hauberk.model.server import load, serve
from hauberk.model.wire import pack, unpack


def packed(model: object) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()


def converse(*frames: bytes) -> list[Any]:
    sink = io.BytesIO()
    serve(io.BytesIO(b"".join(frames)), sink)
    sink.seek(0)
    replies = []
    while True:
        try:
            replies.append(unpack(sink.read, max_body=1 << 20))
        except EOFError:
            return replies


def test_a_whole_conversation(blobs: Any) -> None:
    x, y = blobs
    model = LogisticRegression().fit(x, y)
    content = np.frombuffer(packed(model), np.uint8)
    opened, answered, refitted, unknown, lost, after = converse(
        pack({"command": "open", "kind": "joblib", "features": []}, {"content": content}),
        pack({"command": "predict", "handle": 0}, {"x": x[:5]}),
        pack({"command": "refit", "handle": 0, "seed": 1}, {"x": x, "y": y}),
        pack({"command": "dance", "handle": 0}),
        pack({"command": "predict", "handle": 1, "release": [1]}, {"x": x[:5]}),
        pack({"command": "predict", "handle": 0}, {"x": x[:5].astype(np.float32)}),
        pack({"command": "close"}),
        pack({"command": "predict", "handle": 0}, {"x": x[:5]}),
    )
    described = decode(Description, opened.head["description"])
    assert (described.estimator, described.classes, described.n_features) == ("LogisticRegression", ("0", "1", "2"), 4)
    assert described.reading == "probabilities"
    assert described.refittable
    assert answered.arrays["answer"] == pytest.approx(model.predict_proba(x[:5]))
    assert refitted.head["handle"] == 1
    assert unknown.head["message"] == "no such command"
    assert lost.head["message"] == "no such model in this process"
    assert after.arrays["answer"] == pytest.approx(answered.arrays["answer"], abs=1e-5)


def test_a_question_that_is_malformed_is_answered_with_its_error() -> None:
    no_model, no_content, no_features, no_kind = converse(
        pack({"command": "predict", "handle": 0}),
        pack({"command": "open", "kind": "joblib", "features": []}),
        pack({"command": "open", "kind": "joblib", "features": [{"name": "a"}]}, {"content": np.zeros(1, np.uint8)}),
        pack({"command": "open", "kind": "h5", "features": []}, {"content": np.zeros(1, np.uint8)}),
    )
    assert no_model.head["ok"] is False
    assert "content" in no_content.head["message"]
    assert "field 'kind' is missing" in no_features.head["message"]
    assert no_kind.head["error"] == "unsupported"


def test_pools_of_processes_are_never_asked_for(blobs: Any) -> None:
    served = load("joblib", packed(RandomForestClassifier(3, n_jobs=-1).fit(*blobs)), ())
    assert served._estimator.n_jobs == 1  # type: ignore[attr-defined]


class Custom(LogisticRegression):
    """A type that skops does not know."""


@pytest.mark.slow
def test_skops_files(blobs: Any) -> None:
    import skops.io

    model = LogisticRegression().fit(*blobs)
    assert load("skops", skops.io.dumps(model), ()).answer(blobs[0]) == pytest.approx(model.predict_proba(blobs[0]))
    with pytest.raises(UnsupportedError, match="does not trust"):
        load("skops", skops.io.dumps(Custom().fit(*blobs)), ())


def test_a_description_is_checked_when_it_is_made() -> None:
    good = Description("E", ("a", "b"), 2, "logits", ("p", "q"), True, {"numpy": "2"})
    assert decode(Description, encode(good)) == good
    assert good.facts == {
        "estimator": "E",
        "answers": "logits",
        "classes": "a, b",
        "features": "2",
        "loaded with": "numpy 2",
    }
    with pytest.raises(InputError, match="2 features and 1 names"):
        Description("E", ("a", "b"), 2, "logits", ("p",))
