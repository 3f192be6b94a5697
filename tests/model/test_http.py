"""An Open Inference Protocol endpoint on this machine: a real server, a real model, and everything that goes wrong."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hauberk.core.errors import InputError, LimitExceeded, UnsupportedError
from hauberk.core.features import Feature
from hauberk.model.endpoint import Wait
from hauberk.model.http import open_http

QUICK = Wait(tries=3, sleep=lambda seconds: None)


class Server:
    """Answers with `metadata` and `infer`; each may be a JSON value or a function of (handler, body)."""

    def __init__(self) -> None:
        self.metadata: Any = {}
        self.infer: Any = {}
        self.seen: list[dict[str, Any]] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.reply(self, outer.metadata, {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.seen.append(body)
                outer.reply(self, outer.infer, body)

            def log_message(self, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v2/models/fraud"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def reply(self, handler: BaseHTTPRequestHandler, answer: Any, body: dict[str, Any]) -> None:
        self.paths.append(handler.path)
        answer = answer(handler, body) if callable(answer) else answer
        if answer is not None:
            send(handler, 200, json.dumps(answer).encode())


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture(scope="module")
def logistic(blobs: Any) -> LogisticRegression:
    return LogisticRegression().fit(*blobs)


def described(
    outputs: list[dict[str, Any]], shape: tuple[int, ...] = (-1, 4), datatype: str = "FP32"
) -> dict[str, Any]:
    return {"name": "fraud", "platform": "sklearn", "outputs": outputs,
            "inputs": [{"name": "input-0", "datatype": datatype, "shape": list(shape)}]}  # fmt: skip


def tensor(name: str, array: Any, datatype: str = "FP64", nested: bool = False) -> dict[str, Any]:
    values = np.asarray(array)
    data = values.tolist() if nested else values.reshape(-1).tolist()
    return {"name": name, "datatype": datatype, "shape": list(values.shape), "data": data}


def matrix(body: dict[str, Any]) -> np.ndarray:
    given = body["inputs"][0]
    return np.array(given["data"]).reshape(given["shape"])


PROBA = {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]}
LABELS = {"name": "predict", "datatype": "INT64", "shape": [-1]}


@pytest.mark.parametrize("nested", [False, True])
def test_probabilities_are_those_of_the_model_behind_it(
    server: Server, logistic: Any, blobs: Any, nested: bool
) -> None:
    server.metadata = described([LABELS, PROBA])
    server.infer = lambda h, b: {"outputs": [tensor("predict_proba", logistic.predict_proba(matrix(b)), nested=nested)]}
    model = open_http(server.url + "/", max_queries=300)
    rows = model.predict(blobs[0])
    assert rows == pytest.approx(logistic.predict_proba(blobs[0].astype(np.float32)), abs=1e-9)
    assert (model.shape, model.n_classes, model.name, model.label_only) == ((4,), 3, "fraud", False)
    assert [len(matrix(b)) for b in server.seen] == [256, 44]
    assert server.seen[0]["outputs"] == [{"name": "predict_proba"}]
    assert server.paths[:2] == ["/v2/models/fraud", "/v2/models/fraud/infer"]
    with pytest.raises(LimitExceeded):
        model.predict(blobs[0][:1])
    assert len(server.seen) == 2


def test_labels_only(server: Server, logistic: Any, blobs: Any) -> None:
    server.metadata = described([LABELS])
    server.infer = lambda h, b: {"outputs": [tensor("predict", logistic.predict(matrix(b)), "INT64")]}
    model = open_http(server.url, classes=["a", "b", "c"])
    assert model.predict(blobs[0]).argmax(1).tolist() == logistic.predict(blobs[0].astype(np.float32)).tolist()
    assert model.label_only
    assert model.classes == ("a", "b", "c")
    with pytest.raises(InputError, match="does not say how many classes") as caught:
        open_http(server.url)
    assert "give the classes" in caught.value.hint


def test_text_labels(server: Server) -> None:
    server.metadata = described([{"name": "label", "datatype": "BYTES", "shape": [-1]}])
    server.infer = lambda h, b: {"outputs": [tensor("label", ["spam", "ham"], "BYTES")]}
    rows = open_http(server.url, classes=["ham", "spam"]).predict(np.zeros((2, 4)))
    assert rows.tolist() == [[0, 1], [1, 0]]
    with pytest.raises(InputError, match="answered the label 'spam', which is none of its classes"):
        open_http(server.url, classes=["ham", "eggs"]).predict(np.zeros((2, 4)))


def test_the_number_of_classes_is_asked_for_once_when_it_is_not_said(server: Server, logistic: Any) -> None:
    server.metadata = described([])
    server.infer = lambda h, b: {"outputs": [tensor("out", logistic.decision_function(matrix(b)))]}
    model = open_http(server.url)
    assert (model.n_classes, model.queries) == (3, 1)
    assert model.predict(np.zeros((2, 4))) == pytest.approx(logistic.predict_proba(np.zeros((2, 4))))
    server.infer = lambda h, b: {"outputs": [tensor("out", matrix(b)[:, 0])]}
    assert open_http(server.url).n_classes == 2


def test_one_tensor_a_column_is_fed_by_name(server: Server) -> None:
    job = {"name": "job", "datatype": "BYTES", "shape": [-1, 1]}
    age = {"name": "age", "datatype": "INT64", "shape": [-1]}
    server.metadata = {"name": "fraud", "outputs": [PROBA], "inputs": [job, age]}
    server.infer = lambda h, b: {"outputs": [tensor("predict_proba", np.full((2, 3), 1 / 3))]}
    schema = (Feature("age", "integer", 0, 99), Feature("job", "categorical", 0, 1, categories=("cook", "vet")))
    open_http(server.url, features=schema).predict(np.array([[33.0, 1], [44.0, 0]]))
    assert server.seen[0]["inputs"] == [
        {"name": "job", "datatype": "BYTES", "shape": [2, 1], "data": ["vet", "cook"]},
        {"name": "age", "datatype": "INT64", "shape": [2], "data": [33, 44]},
    ]
    with pytest.raises(UnsupportedError, match=r"takes 2 input tensors \(job, age\)"):
        open_http(server.url)
    with pytest.raises(InputError, match="trained on column 'age', which the data lacks"):
        open_http(server.url, features=schema[1:])


def test_shapes(server: Server) -> None:
    server.metadata = described([PROBA], (-1, 3, -1, -1))
    assert open_http(server.url, shape=(3, 8, 8)).shape == (3, 8, 8)
    with pytest.raises(InputError, match="leaves its input shape open"):
        open_http(server.url)
    with pytest.raises(InputError, match=r"takes examples of shape \(3, -1, -1\), the data has \(1, 8, 8\)"):
        open_http(server.url, shape=(1, 8, 8))


def status(code: int, content: bytes = b"a \x1b[31mtraceback", **headers: str) -> Callable[..., None]:
    return lambda handler, body: send(handler, code, content, **headers)


def times(n: int, code: int, then: Any) -> Callable[..., Any]:
    left = [n]

    def answer(handler: Any, body: Any) -> Any:
        left[0] -= 1
        return send(handler, code, b"busy") if left[0] >= 0 else then

    return answer


@pytest.mark.parametrize("code", [502, 503, 504])
def test_busy_servers_are_asked_again_within_bounds(server: Server, code: int) -> None:
    waits: list[float] = []
    wait = Wait(tries=4, first_s=0.5, sleep=waits.append)
    server.metadata = times(2, code, described([PROBA]))
    open_http(server.url, wait=wait)
    assert waits == [0.5, 1.0]
    server.metadata = times(9, code, described([PROBA]))
    with pytest.raises(InputError, match=rf"answered {code}: busy \(4 tries\)"):
        open_http(server.url, wait=wait)
    assert len(server.paths) == 3 + 4


def test_nothing_answering_is_told_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        InputError, match=rf"http://127.0.0.1:{port}/v2/models/m: nothing answers: .* \(3 tries\)"
    ) as caught:
        open_http(f"http://127.0.0.1:{port}/v2/models/m", wait=QUICK)
    assert "is the server running" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (status(500), "answered 500: a  .31mtraceback", "server's own log"),
        (status(404, b""), r"answered 404: \(empty\)", "check the name"),
        (status(401), "answered 401", "token"),
        (status(302, Location="http://127.0.0.1:1/"), "answered 302", "final URL"),
        (status(400), "answered 400", "fit the model"),
        (status(200, b"<html>"), "not valid JSON", ""),
        (status(200, b'{"a": NaN}'), "not valid JSON", ""),
        (status(200, b"[1]"), "expected a JSON object", ""),
        ({}, "without a list of inputs", "ends in /v2/models/NAME"),
        ({"inputs": []}, "names no input", ""),
        ({"inputs": [{"name": "x"}]}, "a tensor without a shape", ""),
        ({"inputs": [{"name": "x", "shape": [-1, 2], "datatype": "BF16"}]}, "has datatype 'BF16'", ""),
        ({"inputs": [{"name": "x", "shape": [True], "datatype": "FP32"}]}, "a tensor without a shape", ""),
    ],
)
def test_bad_metadata(server: Server, answer: Any, message: str, hint: str) -> None:
    server.metadata = answer
    with pytest.raises(InputError, match=message) as caught:
        open_http(server.url, wait=QUICK)
    assert hint in caught.value.hint
    assert str(caught.value).isprintable()
    assert len(server.paths) == 1


def one(**changes: Any) -> dict[str, Any]:
    return {"outputs": [tensor("predict_proba", [[0.2, 0.3, 0.5]] * 2) | changes]}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(500), "answered 500"),
        ({}, "without a list of outputs"),
        ({"outputs": [1]}, "without a list of outputs"),
        (one(data=[0.1] * 5), r"answered 5 values for a tensor of shape \(2, 3\)"),
        (one(data=[[0.1, 0.2], [0.3]]), "whose data are not FP64"),
        (one(data=["a"] * 6), "whose data are not FP64"),
        (one(data=None), "answered 1 values"),
        (one(shape=[2, -3]), "for a tensor of shape"),
        (one(shape=[3, 2]), r"answered an array of shape \(3, 2\) to 2 examples"),
        (one(shape=[1 << 40, 1 << 40]), "for a tensor of shape"),
        (one(datatype="INT64"), "fractions in a tensor of integers"),
        (one(datatype="BYTES"), "none of its classes"),
        (one(data=[0.1, 1e999, 0, 0, 0, 0]), "not valid JSON"),
        ({"outputs": [tensor("a", [1.0]), tensor("b", [1.0])]}, "answered 2 tensors, none of them named"),
        (status(200, b"[" * 100000), "not valid JSON"),
        (status(200, b'{"outputs": [], "outputs": []}'), "the same key twice"),
    ],
)
def test_bad_answers(server: Server, answer: Any, message: str) -> None:
    server.metadata, server.infer = described([PROBA]), answer
    model = open_http(server.url, wait=QUICK)
    with pytest.raises(InputError, match=message):
        model.predict(np.zeros((2, 4)))
    assert len(server.seen) == 1


def test_a_broken_connection_and_a_silent_server(server: Server) -> None:
    server.metadata = described([PROBA])
    server.infer = lambda handler, body: handler.connection.close()
    model = open_http(server.url, wait=QUICK)
    with pytest.raises(InputError, match=r"the connection broke|no answer"):
        model.predict(np.zeros((2, 4)))
    release = threading.Event()
    server.infer = lambda handler, body: release.wait(20) and None
    slow = open_http(server.url, wait=QUICK, timeout_s=0.3)
    with pytest.raises(InputError, match=r"no answer within 0.3 s"):
        slow.predict(np.zeros((2, 4)))
    release.set()
    assert len(server.seen) == 2


def test_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.metadata = described([PROBA])
    assert open_http(server.url, wait=QUICK).n_classes == 3


def test_headers_are_sent_and_bad_urls_are_refused(server: Server) -> None:
    tokens: list[str | None] = []
    server.metadata = lambda h, b: tokens.append(h.headers["Authorization"]) or described([PROBA])
    open_http(server.url, headers={"Authorization": "Bearer x"})
    assert tokens == ["Bearer x"]
    for url in ("ftp://h/m", "http://user:secret@h/m", "http://h/m?x=1", "http://h/m#a", "http:///m"):
        with pytest.raises(InputError, match="not the URL of a model"):
            open_http(url)


def test_an_endless_answer_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hauberk.model.endpoint.MAX_ANSWER_BYTES", 1000)
    server.metadata = status(200, b" " * 1001)
    with pytest.raises(InputError, match="answered more than 1000 bytes"):
        open_http(server.url, wait=QUICK)
