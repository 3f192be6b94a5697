"""Keras: configurations that run code, import modules, read files or hide a second one; and those that do not."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from corpus import Sample, add, bad, honest
from corpus.hdf5 import external_link, plain_weights

Object = dict[str, Any]
BYTECODE = "4wEAAAAAAAAAAAAAAAEAAAACAAAAUwAAAHMIAAAAfABkARQAUwACTukCAAAAqQCpAdoBeHICAAAA"


def layer(kind: str, module: str | None = "keras.layers", registered: str | None = None, /, **config: Any) -> Object:
    """An object as Keras 3 writes it."""
    return {"module": module, "class_name": kind, "config": config, "registered_name": registered}


def function(name: str, module: str = "builtins", registered: str = "function") -> Object:
    """A function as Keras 3 writes it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def sequential(*layers: Object, **more: Any) -> str:
    """The text of a configuration."""
    first = layer("InputLayer", batch_shape=[None, 4], dtype="float32", name="input")
    model = layer("Sequential", "keras", name="m", layers=[first, *layers])
    return json.dumps({**model, "build_config": {"input_shape": [None, 4]}, **more})


DENSE = layer("Dense", units=2, activation="relu", dtype=layer("DTypePolicy", "keras", name="float32"))


def archive(config: str, **members: bytes) -> bytes:
    """A `.keras` file."""
    out = io.BytesIO()
    parts = {"metadata.json": b'{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}'}
    parts |= {"config.json": config.encode(), "model.weights.h5": plain_weights(), **members}
    with zipfile.ZipFile(out, "w") as file:
        for name, content in parts.items():
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def model(*layers: Object, **more: Any) -> bytes:
    """A `.keras` file of these layers."""
    return archive(sequential(*layers, **more))


@honest("keras", "dense layers with everything that they may have", file="model.keras")
def dense() -> bytes:
    rich = layer(
        "Dense",
        units=3,
        activation=function("softmax"),
        kernel_initializer=layer("HeNormal", "keras.initializers", seed=None),
        kernel_regularizer=layer("L2", "keras.regularizers", l2=0.01),
        kernel_constraint=layer("MaxNorm", "keras.constraints", max_value=3, axis=0),
    )
    schedule = layer("ExponentialDecay", "keras.optimizers.schedules", initial_learning_rate=0.001)
    optimizer = layer("Adam", "keras.optimizers", learning_rate=schedule)
    return model(DENSE, rich, compile_config={"optimizer": optimizer, "loss": "mse", "metrics": ["accuracy"]})


@honest("keras", "a functional model with an operation and a wrapped layer", file="model.keras")
def functional() -> bytes:
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": ["input", 0, 0]}}
    node = {"args": [tensor, 2.0], "kwargs": {}}
    timed = layer("Bidirectional", layer=layer("LSTM", units=4))
    layers = [{**layer("Multiply", "keras.src.ops.numpy"), "inbound_nodes": [node]}, timed]
    return archive(json.dumps(layer("Functional", "keras.src.models.functional", "Functional", layers=layers)))


@honest("keras", "a vocabulary in the file itself", file="model.keras")
def vocabulary_inside() -> bytes:
    words = ["a", "of", "/etc/passwd", "http://example.org/"]
    return model(layer("StringLookup", vocabulary=words, mask_token=None))


@honest("keras", "a vocabulary as an asset", file="model.keras")
def vocabulary_asset() -> bytes:
    return archive(
        sequential(layer("TextVectorization", vocabulary=None)), assets__text__vocabulary=b"[UNK]\nthe\nof\n"
    )


@honest("keras", "a model of Keras 2, with layers of TensorFlow's operations", file="model.json")
def keras_2() -> bytes:
    add_ = {"class_name": "TFOpLambda", "config": {"name": "tf.math.add", "function": "math.add"}}
    old = {"class_name": "Functional", "config": {"layers": [{"class_name": "Dense", "config": {"units": 1}}, add_]}}
    return json.dumps({**old, "keras_version": "2.9.0", "backend": "tensorflow"}).encode()


@honest("keras", "a layer whose name is Lambda's near miss", file="model.keras")
def near_lambda() -> bytes:
    return model(layer("Dense", units=1, name="Lambda"), layer("Activation", activation=function("gelu")))


@honest("keras", "a loss by function, of the compile settings", file="model.keras")
def loss_by_function() -> bytes:
    loss = layer("LossFunctionWrapper", "keras.losses", fn=function("mean_squared_error"))
    return model(DENSE, compile_config={"optimizer": "sgd", "loss": loss})


@honest("keras", "a backbone of KerasHub, as a preset keeps it", file="config.json")
def hub() -> bytes:
    home = "keras_hub.src.models.bert.bert_backbone"
    return json.dumps(layer("BertBackbone", home, "keras_hub>BertBackbone", num_layers=2, name="b")).encode()


@honest("keras", "constants of every kind that Keras writes as objects", file="model.keras")
def special_values() -> bytes:
    values = [
        {"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": "int32"}},
        {"class_name": "__tensor__", "config": {"value": 1.0, "dtype": "float32"}},
        {"class_name": "__ellipsis__", "config": {}},
        {"class_name": "__slice__", "config": {"start": 0, "stop": 1, "step": None}},
    ]
    return model({**DENSE, "inbound_nodes": [{"args": values, "kwargs": {}}]})


BARE_LAMBDA = {"class_name": "__lambda__", "config": {"value": [BYTECODE, None, None]}}
HIDDEN_LAMBDA = layer("Lambda", function=BARE_LAMBDA)
SPEC = {"class_name": "__typespec__", "spec_name": "Popen", "module": "subprocess", "registered_name": None}
SPELLED = {"class_name": "TensorFlowOpLayer", "config": {"node_def": ""}}

REFUSED: dict[str, tuple[str, Object]] = {
    "lambda_bytecode": ("CVE-2024-3660: a Lambda with bytecode", HIDDEN_LAMBDA),
    "lambda_in_wrapper": ("a Lambda inside TimeDistributed", layer("TimeDistributed", layer=HIDDEN_LAMBDA)),
    "lambda_in_model": ("a Lambda in a model in a model", layer("Sequential", "keras", layers=[HIDDEN_LAMBDA])),
    "lambda_as_activation": ("bytecode as an activation", layer("Dense", activation=BARE_LAMBDA)),
    "lambda_by_function": (
        "CVE-2025-9906: a Lambda that calls load_model",
        layer("Lambda", function=function("load_model", "keras.models"), arguments={"safe_mode": False}),
    ),
    "enable_unsafe": (
        "CVE-2025-9906: a function that turns safe mode off",
        layer("Activation", activation=function("enable_unsafe_deserialization", "keras.config")),
    ),
    "get_file": (
        "CVE-2025-8747: keras.utils.get_file fetches and unpacks what the file names",
        layer("Activation", activation=function("get_file", "keras.utils")),
    ),
    "os_system": (
        "CVE-2025-1550: any function of any module",
        layer("Dense", activation=function("system", "os", "system")),
    ),
    "class_of_os": ("CVE-2025-1550: any class of any module", layer("Popen", "subprocess", args="id")),
    "eval_of_builtins": ("eval, of a module that Keras itself names", layer("Dense", activation=function("eval"))),
    "torch_module": ("CVE-2025-49655: a module of torch is unpickled", layer("TorchModuleWrapper")),
    "tfsm_layer": ("CVE-2026-1462: a SavedModel is loaded", layer("TFSMLayer", filepath="/tmp/m", call_endpoint="s")),
    "jax_layer": ("functions by name", layer("JaxLayer", call_fn=function("relu"))),
    "vocabulary_path": ("CVE-2025-12058: a local file as words", layer("StringLookup", vocabulary="/etc/passwd")),
    "vocabulary_relative": ("a vocabulary by a relative name", layer("IntegerLookup", vocabulary="words.txt")),
    "vocabulary_url": ("CVE-2025-12058: an address as words", layer("StringLookup", vocabulary="http://10.0.0.1/")),
    "vocabulary_in_vectorization": ("the same in TextVectorization", layer("TextVectorization", vocabulary="gs://b/v")),
    "path_in_settings": ("a path in any other setting", layer("Dense", units=2, weights_from="../../secret.h5")),
    "custom_class": ("a class that the user must have registered", layer("Mine", None, "pkg>Mine")),
    "registered_over_known": ("a known class, registered as another's", layer("Dense", "keras.layers", "evil>Dense")),
    "unknown_in_keras": ("a class of Keras that nobody knows", layer("Whatever")),
    "custom_function": ("a function that the user must have registered", layer("Dense", activation=function("mine"))),
    "hub_elsewhere": ("a class of KerasHub's name, in another package", layer("BertBackbone", "keras_evil.models")),
    "hub_registered": ("a class of KerasHub's, registered by another", layer("BertBackbone", "keras_hub.x", "evil>B")),
    "hub_unknown": ("a class of KerasHub that nobody knows", layer("Whatever", "keras_hub.src.models")),
    "other_package": ("a class of a package beside Keras", layer("Dense", "keras_evil.layers")),
    "module_is_no_text": ("a module that is a list", {**DENSE, "module": ["os"]}),
    "class_is_no_text": ("a class that is a list", {**DENSE, "class_name": ["Dense"]}),
    "map_operation": ("an operation that calls a function", layer("Map", "keras.src.ops.core")),
    "typespec": (
        "a type description of another module",
        {**SPEC, "config": []},
    ),
    "json_in_text": ("a configuration in a text", layer("Dense", inner=json.dumps(HIDDEN_LAMBDA))),
    "op_lambda": (
        "TFOpLambda of an operation that writes files",
        {"class_name": "TFOpLambda", "config": {"name": "w", "function": "io.write_file"}},
    ),
    "op_layer": ("TensorFlowOpLayer spells out an operation", SPELLED),
    "in_build_config": ("a Lambda in build_config", {**DENSE, "build_config": {"input_shape": [HIDDEN_LAMBDA]}}),
    "in_inbound_nodes": ("a function in inbound_nodes", {**DENSE, "inbound_nodes": [function("system", "os")]}),
}  # fmt: skip

for _name, (_why, _layer) in REFUSED.items():
    add(Sample(f"keras/{_name}", "keras", _why, "model.keras", "", lambda item=_layer: model(DENSE, item), True))


@bad("keras", "a Lambda in the compile settings", file="model.keras")
def in_compile_config() -> bytes:
    return model(DENSE, compile_config={"optimizer": "sgd", "loss": HIDDEN_LAMBDA})


@bad("keras", "layers twice in one object: an honest list, and another", file="model.keras")
def key_twice() -> bytes:
    text = sequential(DENSE)
    return archive(text.replace('"layers": [', '"layers": [' + json.dumps(HIDDEN_LAMBDA) + '], "layers": [', 1))


@bad("keras", "config.json twice in the zip", file="model.keras")
def config_twice() -> bytes:
    out = io.BytesIO(archive(sequential(DENSE)))
    with zipfile.ZipFile(out, "a") as file:
        file._didModify = True
        file.NameToInfo.clear()
        file.writestr("config.json", sequential(HIDDEN_LAMBDA))
    return out.getvalue()


@bad("keras", "no metadata.json, which Keras does not ask for", file="model.keras")
def without_metadata() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("config.json", sequential(HIDDEN_LAMBDA))
        file.writestr("model.weights.h5", plain_weights())
    return out.getvalue()


@bad("keras", "CVE-2026-1669: weights that link to another file", file="model.keras")
def linked_weights() -> bytes:
    return archive(sequential(DENSE), **{"model.weights.h5": external_link()})


@bad("keras", "weights in NumPy's format, with objects", file="model.keras")
def pickled_weights() -> bytes:
    import pickle

    from corpus.hdf5_texts import Evil

    text = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text + pickle.dumps(Evil())
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("layers.npy", array)
    return archive(sequential(DENSE), **{"model.weights.npz": inner.getvalue()})


@bad("keras", "a configuration that is no JSON", file="model.keras")
def no_json() -> bytes:
    return archive(sequential(DENSE)[:-3])


@bad("keras", "a configuration that is nested beyond any reader", file="model.keras")
def too_deep() -> bytes:
    return archive("[" * 100_000)


@bad("keras", "a configuration alone, with a Lambda", file="model.json")
def json_alone() -> bytes:
    return sequential(HIDDEN_LAMBDA).encode()
