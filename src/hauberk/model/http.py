"""A classifier behind an Open Inference Protocol v2 endpoint (KServe, Triton, MLServer, Hauberk's own gateway).

    model = open_http("http://127.0.0.1:8080/v2/models/fraud", max_queries=20_000)

JSON tensors over HTTP. No proxies from the environment, no redirects; every example counts on the meter.
Source: https://github.com/kserve/open-inference-protocol (specification/protocol/inference_rest.md).
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError, UnsupportedError
from hauberk.core.features import Features

from .adapter import Adapter, Bounds, Signature
from .columns import decoded, order
from .endpoint import Endpoint, Wait
from .meter import QueryMeter
from .served import plain

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

BATCH = 256
FLOATS = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
INTEGERS = {"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "BOOL"}
SCORES = ("probabilities", "predict_proba", "probability", "scores", "logits")


class HttpModel(Adapter):
    """An endpoint as a model. classes: their names, or empty when neither it nor the user says."""

    def __init__(
        self, endpoint: Endpoint, tensors: Tensors, signature: Signature, meter: QueryMeter, classes: tuple[str, ...]
    ) -> None:
        super().__init__(signature, meter, batch=BATCH)
        self._endpoint, self._tensors, self.classes = endpoint, tensors, classes
        self.close = weakref.finalize(self, endpoint.close)

    def _answer(self, x: Floats) -> Any:
        return self._tensors.answer(self._endpoint.post("/infer", self._tensors.question(x)), self.classes)


class Tensors:
    """How examples become the endpoint's input tensors, and its output tensors become an answer."""

    def __init__(self, metadata: Mapping[str, Any], features: Features, where: str) -> None:
        self._where, self._features = where, features
        self._inputs = [_tensor(item, where) for item in _list(metadata, "inputs", where)]
        self._output = _best(metadata.get("outputs"), where)
        if not self._inputs:
            raise InputError(f"{where}: its metadata names no input", hint="check the model's configuration")
        self._columns = self._column_order()

    @property
    def n_classes(self) -> int | None:
        """The number of classes that the metadata promises, if it does."""
        shape = self._output[2] if self._output else ()
        return shape[-1] if len(shape) == 2 and shape[-1] > 1 else None

    def shape(self, wanted: tuple[int, ...] | None) -> tuple[int, ...]:
        """The shape of one example. Raises InputError when it is not `wanted`, or open and not given."""
        if self._columns:
            return (len(self._features),)
        own = self._inputs[0][2][1:]
        if wanted is not None and _fits(own, wanted):
            return wanted
        if wanted is not None:
            raise InputError(
                f"{self._where}: takes examples of shape {own}, the data has {wanted}",
                hint="give the data that the model was made for",
            )
        if not own or any(side < 1 for side in own):
            raise InputError(f"{self._where}: leaves its input shape open: {own}", hint="give data, or the shape")
        return own

    def question(self, x: Floats) -> dict[str, Any]:
        """The body of an inference request."""
        if not self._columns:
            inputs = [_packed(self._inputs[0], x, list(x.shape))]
        else:
            inputs = [
                _packed(tensor, decoded(x[:, j], self._features[j]), [len(x), 1][: max(1, len(tensor[2]))])
                for tensor, j in zip(self._inputs, self._columns, strict=True)
            ]
        wanted = {"outputs": [{"name": self._output[0]}]} if self._output else {}
        return {"inputs": inputs, **wanted}

    def answer(self, reply: Mapping[str, Any], classes: tuple[str, ...]) -> Any:
        """The output tensor as an array: scores, or labels (texts become codes into `classes`)."""
        outputs = _list(reply, "outputs", self._where)
        output = next((o for o in outputs if self._output and o.get("name") == self._output[0]), None)
        chosen = output or (outputs[0] if len(outputs) == 1 else None)
        if chosen is None:
            chosen = _among(outputs, self._where)
        return _values(chosen, classes, self._where)

    def _column_order(self) -> list[int]:
        if len(self._inputs) == 1:
            return []
        if not self._features:
            names = ", ".join(plain(name, 40) for name, _, _ in self._inputs[:10])
            raise UnsupportedError(
                f"{self._where}: takes {len(self._inputs)} input tensors ({names})",
                hint="give a table with one column for each, or an endpoint with one input",
            )
        return order(self._features, [name for name, _, _ in self._inputs], self._where)


def open_http(
    url: str, *, shape: tuple[int, ...] | None = None, features: Features = (), bounds: Bounds = None,
    classes: Sequence[str] | None = None, max_queries: int | None = None, timeout_s: float = 60.0,
    headers: Mapping[str, str] | None = None, wait: Wait | None = None,
) -> HttpModel:  # fmt: skip
    """A model at `http(s)://host/v2/models/NAME`. Asks for its metadata, and shows it one example where that
    does not tell the number of classes (counted).

    shape, features: of the data that will come; an endpoint with one input tensor a column is fed by name.
    classes: names of its classes, needed when it answers labels. headers: such as Authorization.
    wait: how long to wait and how often to try again; timeout_s bounds each request.
    Raises InputError: nobody there, an error status, an answer that does not fit, each with what was got.
    """
    endpoint = Endpoint(url, timeout_s, dict(headers or {}), wait or Wait())
    tensors = Tensors(endpoint.get(""), features, endpoint.where)
    name = endpoint.where.rpartition("/")[2]
    meter = QueryMeter(max_queries)
    sides = tensors.shape(shape)
    k = len(classes) if classes else tensors.n_classes
    named = tuple(classes or ())
    if k is None:
        k = _asked(endpoint, tensors, Signature(name, sides, 2, bounds), features, meter)
    return HttpModel(endpoint, tensors, Signature(name, sides, k, bounds), meter, named)


def _asked(endpoint: Endpoint, tensors: Tensors, signature: Signature, features: Features, meter: QueryMeter) -> int:
    """The number of classes, from the answer to one example."""
    low, high = signature.bounds or (0.0, 0.0)
    x = np.full((1, *signature.shape), (low + high) / 2)
    if features:
        x = np.array([[f.low for f in features]])
    meter.spend(1)
    answer = tensors.answer(endpoint.post("/infer", tensors.question(x)), ())
    if answer.dtype.kind == "f" and answer.ndim == 2 and answer.shape[1] > 1:
        return int(answer.shape[1])
    if answer.dtype.kind == "f" and answer.size == 1:
        return 2
    raise InputError(
        f"{endpoint.where}: answers labels and does not say how many classes there are", hint="give the classes"
    )


Tensor = tuple[str, str, tuple[int, ...]]
"""Name, datatype and shape."""


def _tensor(item: Any, where: str) -> Tensor:
    shape = item.get("shape") if isinstance(item, Mapping) else None
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise InputError(f"{where}: describes a tensor without a shape: {plain(item, 100)}")
    name, datatype = item.get("name"), item.get("datatype")
    if not isinstance(name, str) or datatype not in {*FLOATS, *INTEGERS, "BYTES"}:
        raise UnsupportedError(f"{where}: tensor {plain(name, 60)!r} has datatype {plain(datatype, 20)!r}")
    return name, str(datatype), tuple(shape)


def _list(reply: Mapping[str, Any], key: str, where: str) -> list[Any]:
    found = reply.get(key)
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise InputError(
            f"{where}: answered without a list of {key}: {plain(dict(reply), 120)}",
            hint="is this an Open Inference Protocol v2 model? its URL ends in /v2/models/NAME",
        )
    return found


def _best(outputs: Any, where: str) -> Tensor | None:
    """The output with scores, when the metadata names it."""
    if not isinstance(outputs, list) or not outputs:
        return None
    tensors = [_tensor(item, where) for item in outputs]
    named = [t for t in tensors if t[0] in SCORES]
    scores = [t for t in tensors if t[1] in FLOATS and len(t[2]) == 2]
    return (named or scores or tensors)[0]


def _among(outputs: list[Any], where: str) -> Any:
    named = [o for o in outputs if o.get("name") in SCORES]
    if not named:
        raise InputError(f"{where}: answered {len(outputs)} tensors, none of them named {', '.join(SCORES)}")
    return named[0]


def _fits(own: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(own) == len(wanted) and all(a in (b, -1) for a, b in zip(own, wanted, strict=True))


def _packed(tensor: Tensor, values: Any, shape: list[int]) -> dict[str, Any]:
    name, datatype, _ = tensor
    flat = np.asarray(values).reshape(-1)
    if datatype in FLOATS:
        data = flat.astype(FLOATS[datatype]).tolist()
    elif datatype == "BYTES":
        data = [str(value) for value in flat.tolist()]
    else:
        data = np.rint(flat.astype(np.float64)).astype(np.int64).tolist()
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _values(output: Mapping[str, Any], classes: tuple[str, ...], where: str) -> Any:
    _, datatype, shape = _tensor(output, where)
    try:
        array = np.array(output.get("data"), dtype=object if datatype == "BYTES" else np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: answered a tensor whose data are not {datatype}: {plain(error, 100)}") from error
    if math.prod(shape) != array.size or any(side < 0 for side in shape):
        raise InputError(f"{where}: answered {array.size} values for a tensor of shape {shape}")
    if datatype == "BYTES":
        return _codes(array, classes, where).reshape(shape)
    return array.reshape(shape) if datatype in FLOATS else _whole(array, where).reshape(shape)


def _codes(labels: Any, classes: tuple[str, ...], where: str) -> Any:
    code = {name: k for k, name in enumerate(classes)}
    if unknown := [label for label in labels.tolist() if not isinstance(label, str) or label not in code]:
        raise InputError(
            f"{where}: answered the label {plain(unknown[0], 60)!r}, which is none of its classes",
            hint="give the names of its classes, in order",
        )
    return np.array([code[label] for label in labels.tolist()], dtype=np.int64)


def _whole(array: Any, where: str) -> Any:
    if not (np.isfinite(array).all() and (array == np.rint(array)).all()):
        raise InputError(f"{where}: answered fractions in a tensor of integers")
    return array.astype(np.int64)
