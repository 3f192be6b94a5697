"""The onnxruntime adapter: what it takes, what it refuses, and that its gradient is that of the same function."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from hauberk.core.errors import HauberkError, InputError, LimitExceeded, UnsupportedError
from hauberk.core.limits import Limits
from hauberk.model.onnx import open_onnx
from hauberk.model.onnx_torch import convert

RNG = np.random.default_rng(7)
W = RNG.normal(size=(4, 3)).astype(np.float32)
B = RNG.normal(size=3).astype(np.float32)
X = RNG.uniform(-1, 1, (10, 4)).astype(np.float32)
LOGITS = X @ W + B


def soft(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def value(name: str, sides: Sequence[Any] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, sides)


def build(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: dict[str, Any],
    domains: tuple[tuple[str, int], ...] = (("", 17),),
) -> onnx.ModelProto:
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    opsets = [helper.make_opsetid(domain, version) for domain, version in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def linear(
    tail: list[onnx.NodeProto] | None = None, *, batch: Any = "n", out: str = "z", w: Any = W, b: Any = B,
    width: Any = 3,
) -> onnx.ModelProto:  # fmt: skip
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"]), *(tail or [])]
    return build(nodes, [value("x", [batch, 4])], [value(out, [batch, width])], {"w": w, "b": b})


def opened(model: onnx.ModelProto, **options: Any) -> Any:
    return open_onnx(model.SerializeToString(), bounds=(-1.0, 1.0), **options)


def node(op: str, *names: str, out: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(names), [out], **attributes)


# what the answers are


@pytest.mark.parametrize(
    ("tail", "out"),
    [
        ([], "z"),
        ([node("Softmax", "z", axis=-1)], "y"),
        ([node("LogSoftmax", "z", axis=1)], "y"),
        ([node("Softmax", "z", out="s"), node("Identity", "s")], "y"),
    ],
    ids=["logits", "softmax", "log-softmax", "softmax-then-identity"],
)
def test_logits_and_softmaxes_are_read_alike_and_the_gradient_starts_at_the_logits(tail: Any, out: str) -> None:
    model = opened(linear(tail, out=out))
    np.testing.assert_allclose(model.predict(X), soft(LOGITS), atol=1e-6)
    assert (model.shape, model.n_classes, model.queries, model.label_only) == ((4,), 3, 10, False)
    x = torch.from_numpy(X).requires_grad_()
    logits = model.module()(x)
    np.testing.assert_allclose(logits.detach().numpy(), LOGITS, atol=1e-5)
    (slope,) = torch.autograd.grad(logits[:, 1].sum(), x)
    np.testing.assert_allclose(slope.numpy(), np.tile(W[:, 1], (10, 1)), atol=1e-6)
    assert model.queries == 10, "comparing with onnxruntime is not a query"


@pytest.mark.parametrize("activation", ["", "Sigmoid"])
def test_one_column_is_a_binary_classifier(activation: str) -> None:
    tail = [node(activation, "z")] if activation else []
    model = opened(linear(tail, out="y" if tail else "z", w=W[:, :1], b=B[:1], width=1))
    margin = LOGITS[:, :1]
    wanted = soft(np.concatenate([np.zeros_like(margin), margin], axis=1))
    np.testing.assert_allclose(model.predict(X), wanted, atol=1e-6)
    logits = model.module()(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], margin[:, 0], atol=1e-5)


def test_one_logit_between_0_and_1_is_not_taken_for_a_probability() -> None:
    model = opened(linear(w=0.01 * W[:, :1], b=np.array([0.5], np.float32), width=1))
    assert model.predict(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-(0.01 * X @ W[:, 0] + 0.5))), abs=1e-6)


def test_a_sigmoid_for_each_class_is_normalised_and_said() -> None:
    model = opened(linear([node("Sigmoid", "z")], out="y"))
    each = 1 / (1 + np.exp(-LOGITS))
    np.testing.assert_allclose(model.predict(X), each / each.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(soft(model.module()(torch.from_numpy(X)).numpy()), model.predict(X), atol=1e-6)
    assert any("own sigmoid" in note for note in model.notes)


def test_an_answer_that_is_averaged_after_the_softmax_has_log_probabilities_for_logits() -> None:
    tail = [node("Softmax", "z", out="s"), node("Mul", "s", "half", out="h"), node("Add", "h", "h", out="y")]
    proto = linear(tail, out="y")
    proto.graph.initializer.append(numpy_helper.from_array(np.float32(0.5), "half"))
    model = opened(proto, answers="probabilities")
    model.predict(X)
    np.testing.assert_allclose(soft(model.module()(torch.from_numpy(X)).numpy()), soft(LOGITS), atol=1e-6)


def test_an_answer_that_depends_on_the_rest_of_the_batch_is_said() -> None:
    """A softmax over the batch; a batch normalisation left in training mode is the common case."""
    model = opened(linear([node("Softmax", "z", axis=0)], out="y"))
    np.testing.assert_allclose(model.predict(X), soft(soft(LOGITS.T).T), atol=1e-6)
    assert any("rest of the batch" in note for note in model.notes)
    over_batch = soft(LOGITS.T).T
    np.testing.assert_allclose(model.module()(torch.from_numpy(X)).numpy(), over_batch, atol=1e-5)
    assert not any("rest of the batch" in note for note in opened(linear()).notes)


def test_scores_of_shape_n_k_1_1_are_flattened() -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["z"])]
    weights = {"w": RNG.normal(size=(5, 2, 3, 3)).astype(np.float32)}
    model = opened(build(nodes, [value("x", ["n", 2, 3, 3])], [value("z", ["n", 5, 1, 1])], weights))
    x = RNG.normal(size=(6, 2, 3, 3)).astype(np.float32)
    wanted = soft(np.einsum("nchw,kchw->nk", x, weights["w"]))
    np.testing.assert_allclose(model.predict(x), wanted, atol=1e-5)
    np.testing.assert_allclose(soft(model.module()(torch.from_numpy(x)).numpy()), wanted, atol=1e-5)


def test_a_map_of_scores_for_each_pixel_is_not_a_classifier() -> None:
    with pytest.raises(UnsupportedError, match="not a classifier"):
        opened(build([node("Relu", "x")], [value("x", ["n", 3, 4])], [value("y", ["n", 3, 4])], {}))


# batches and shapes


@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch_is_fed_and_differentiated_that_many_at_a_time(batch: int) -> None:
    """The graph reshapes to its own batch: rewriting the dimension alone would break it."""
    tail = [node("Reshape", "z", "shape", out="r"), node("Reshape", "r", "back", out="y")]
    proto = linear(tail, batch=batch, out="y")
    for name, shape in (("shape", [3 * batch]), ("back", [batch, 3])):
        proto.graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
    model = opened(proto)
    np.testing.assert_allclose(model.predict(X), soft(LOGITS), atol=1e-6)
    np.testing.assert_allclose(model.module()(torch.from_numpy(X)).numpy(), LOGITS, atol=1e-5)
    assert any(f"fixed batch of {batch}" in note for note in model.notes)


def test_a_graph_that_says_any_batch_but_takes_one_is_fed_one() -> None:
    tail = [node("Reshape", "z", "shape", out="r"), node("Add", "r", "r")]
    proto = linear(tail, out="y")
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 3], np.int64), "shape"))
    model = opened(proto, answers="logits")
    np.testing.assert_allclose(model.predict(X), soft(2 * LOGITS), atol=1e-6)
    np.testing.assert_allclose(model.module()(torch.from_numpy(X)).numpy(), 2 * LOGITS, atol=1e-5)
    assert any("one at a time" in note for note in model.notes)


def test_an_open_shape_must_be_given_and_must_fit() -> None:
    proto = build([node("ReduceMean", "x", axes=[2, 3], keepdims=0)],
                  [value("x", ["n", 3, "h", "w"])], [value("y", ["n", 3])], {}, (("", 13),))  # fmt: skip
    with pytest.raises(InputError, match="leaves the input shape open") as caught:
        opened(proto)
    assert "shape=" in caught.value.hint
    with pytest.raises(InputError, match="expected examples of shape"):
        opened(proto, shape=(4, 8, 8))
    assert opened(proto, shape=(3, 8, 8)).shape == (3, 8, 8)


def test_other_shapes_and_budgets_are_refused() -> None:
    model = opened(linear(), max_queries=15)
    with pytest.raises(InputError, match="expected examples of shape"):
        model.predict(X[:, :3])
    model.predict(X)
    with pytest.raises(LimitExceeded):
        model.predict(X)
    assert model.queries == 10
    assert model.predict(X[:0]).shape == (0, 3)


def test_double_inputs_are_fed_as_double() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"])]
    kind = TensorProto.DOUBLE
    model = opened(build(nodes, [value("x", ["n", 4], kind)], [value("z", ["n", 3], kind)], {"w": W.astype(float)}))
    np.testing.assert_allclose(model.predict(X), soft(X @ W), atol=1e-7)
    assert model.module()(torch.from_numpy(X)).dtype is torch.float32


def test_integer_inputs_are_rounded_and_clipped_and_their_slope_goes_straight_through() -> None:
    nodes = [node("Cast", "x", out="f", to=TensorProto.FLOAT), node("MatMul", "f", "w", out="z")]
    small = W / 100  # far from where a softmax saturates
    model = opened(build(nodes, [value("x", ["n", 4], TensorProto.UINT8)], [value("z", ["n", 3])], {"w": small}))
    given = 40 + 40 * X
    wanted = np.rint(given) @ small
    np.testing.assert_allclose(model.predict(given), soft(wanted), atol=1e-5)
    beyond, clipped = np.array([[300.0, -7.0, 0.0, 0.0]]), np.array([[255.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(model.predict(beyond), soft(clipped @ small), atol=1e-5)
    x = torch.from_numpy(given).requires_grad_()
    logits = model.module()(x)
    np.testing.assert_allclose(logits.detach().numpy(), wanted, rtol=1e-5, atol=1e-4)
    (slope,) = torch.autograd.grad(logits[:, 2].sum(), x)
    np.testing.assert_allclose(slope.numpy(), np.tile(small[:, 2], (10, 1)), atol=1e-7)


def test_text_is_refused() -> None:
    nodes = [node("Cast", "x", out="z", to=TensorProto.FLOAT)]
    with pytest.raises(UnsupportedError, match=r"input x is tensor\(string\)"):
        opened(build(nodes, [value("x", ["n", 3], TensorProto.STRING)], [value("z", ["n", 3])], {}))


def test_a_slope_that_is_not_finite_everywhere_is_said_and_nowhere_is_refused() -> None:
    root = [node("Sqrt", "x", out="q"), node("MatMul", "q", "w")]
    zeros, inside = np.zeros((3, 4), np.float32), np.abs(X) + 0.1
    for examples, said in ((inside, False), (np.concatenate([zeros[:1], inside]), True)):
        model = opened(linear(root, out="y"), answers="logits")
        model.remember(examples)
        model.module()
        assert any("not finite at 1 of 8" in note for note in model.notes) is said
    dead = opened(linear(root, out="y"), answers="logits")
    dead.remember(zeros)
    with pytest.raises(UnsupportedError, match="not finite at any of 3"):
        dead.module()


def test_integers_that_are_looked_up_have_no_gradient() -> None:
    table = RNG.normal(size=(20, 3)).astype(np.float32)
    nodes = [node("Gather", "table", "x", out="e"), node("ReduceMean", "e", axes=[1], keepdims=0)]
    proto = build(nodes, [value("x", ["n", 6], TensorProto.INT64)], [value("y", ["n", 3])], {"table": table})
    model = open_onnx(proto.SerializeToString(), bounds=(0.0, 19.0), answers="logits")
    x = RNG.integers(0, 20, (5, 6))
    np.testing.assert_allclose(model.predict(x.astype(np.float32)), soft(table[x].mean(axis=1)), atol=1e-5)
    with pytest.raises(UnsupportedError, match="no gradient reaches"):
        model.module()


def test_a_softmax_that_is_spelled_out_is_seen() -> None:
    tail = [node("ReduceMax", "z", out="m", axes=[1]), node("Sub", "z", "m", out="d"), node("Exp", "d", out="e"),
            node("ReduceSum", "e", "axis", out="s"), node("Div", "e", "s")]  # fmt: skip
    proto = linear(tail, out="y", w=60 * W)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    model = opened(proto)
    wanted = X @ (60 * W) + B
    np.testing.assert_allclose(model.predict(X), soft(wanted), atol=1e-5)
    logits = model.module()(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(logits, wanted - wanted.max(axis=1, keepdims=True), atol=1e-3)
    assert soft(wanted).min() < 1e-30, "log of the probabilities would have lost these"


# several inputs and outputs


def test_a_second_input_is_refused_by_name_unless_it_has_a_default() -> None:
    proto = linear()
    proto.graph.input.append(value("w", [4, 3]))
    assert opened(proto).n_classes == 3
    proto.graph.input.append(value("mask", ["n", 4]))
    with pytest.raises(UnsupportedError, match=r"got 2: .*mask"):
        opened(proto)


def test_another_input_may_be_given_a_value() -> None:
    proto = linear([node("Mul", "z", "heat")], out="y")
    proto.graph.input.append(value("heat", []))
    model = opened(proto, others={"heat": 2.0}, answers="logits")
    np.testing.assert_allclose(model.predict(X), soft(2 * LOGITS), atol=1e-6)
    np.testing.assert_allclose(model.module()(torch.from_numpy(X)).numpy(), 2 * LOGITS, atol=1e-5)
    with pytest.raises(InputError, match="no input 'cold': it has x, heat"):
        opened(proto, others={"cold": 1.0})


def forest(zipmap: bool, post: str = "NONE") -> onnx.ModelProto:
    """Two stumps on columns 0 and 1; three classes; label, and probabilities as a tensor or a ZipMap."""
    tree = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", post_transform=post,
        classlabels_int64s=[0, 1, 2], nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2] * 2,
        nodes_featureids=[0, 0, 0, 1, 0, 0], nodes_values=[0.0] * 6, nodes_hitrates=[1.0] * 6,
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * 2, nodes_truenodeids=[1, 0, 0] * 2,
        nodes_falsenodeids=[2, 0, 0] * 2, nodes_missing_value_tracks_true=[0] * 6,
        class_treeids=[0, 0, 1, 1], class_nodeids=[1, 2, 1, 2], class_ids=[0, 1, 1, 2], class_weights=[0.5] * 4,
    )  # fmt: skip
    nodes, label, x = [tree], value("label", ["n"], TensorProto.INT64), value("x", ["n", 4])
    domains = (("", 17), ("ai.onnx.ml", 1))
    if not zipmap:
        return build(nodes, [x], [label, value("scores", ["n", 3])], {}, domains)
    names = {"classlabels_strings": ["a", "b", "c"]}
    nodes.append(helper.make_node("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", **names))
    maps = helper.make_value_info(
        "maps", helper.make_sequence_type_proto(helper.make_map_type_proto(
            TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))))  # fmt: skip
    return build(nodes, [x], [label, maps], {}, domains)


@pytest.mark.parametrize("zipmap", [False, True])
def test_a_forest_answers_its_probabilities_and_has_no_gradient(zipmap: bool) -> None:
    model = opened(forest(zipmap))
    first, second = (X[:, 0] > 0).astype(int), (X[:, 1] > 0).astype(int)
    wanted = 0.5 * np.eye(3)[first] + 0.5 * np.eye(3)[1 + second]
    np.testing.assert_allclose(model.predict(X), wanted, atol=1e-6)
    assert not model.label_only
    assert model.classes == (("a", "b", "c") if zipmap else ())
    with pytest.raises(UnsupportedError, match="TreeEnsembleClassifier") as caught:
        model.module()
    assert "black box" in caught.value.hint


def test_labels_alone_make_a_label_only_model() -> None:
    proto = linear([node("ArgMax", "z", axis=1, keepdims=0)])
    del proto.graph.output[:]
    proto.graph.output.append(value("y", ["n"], TensorProto.INT64))
    with pytest.raises(InputError, match="unknown number of classes") as caught:
        opened(proto)
    assert "n_classes" in caught.value.hint
    model = opened(proto, n_classes=3)
    assert model.label_only
    np.testing.assert_array_equal(model.predict(X).argmax(1), LOGITS.argmax(1))
    with pytest.raises(UnsupportedError, match="labels only"):
        model.module()


def test_probabilities_are_preferred_to_other_outputs() -> None:
    proto = linear([node("Softmax", "z", out="probabilities"), node("Relu", "z", out="features")])
    proto.graph.output.insert(0, value("features", ["n", 3]))
    proto.graph.output.append(value("probabilities", ["n", 3]))
    model = opened(proto)
    assert "'probabilities'" in model.notes[0]
    np.testing.assert_allclose(model.predict(X), soft(LOGITS), atol=1e-6)


# agreement


def test_a_module_that_disagrees_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    from hauberk.model.onnx_torch import graph

    model = opened(linear([node("Tanh", "z", out="t"), node("Softmax", "t")], out="y"))
    model.predict(X)
    monkeypatch.setitem(graph.TABLE, "Tanh", lambda node, x: torch.tanh(x) + 0.01 * (x > 0.5))
    with pytest.raises(UnsupportedError, match=r"differ by 0\.0\d+ .* on 10 examples"):
        model.module()


def test_the_reference_is_what_was_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference outside of the remembered examples goes unseen; inside it is found."""
    from hauberk.model.onnx_torch import graph

    monkeypatch.setitem(graph.TABLE, "Tanh", lambda node, x: torch.where(x > 50, x, torch.tanh(x)))
    proto = linear([node("Tanh", "z", out="t"), node("Softmax", "t")], out="y")
    calm, wild = opened(proto), opened(proto)
    calm.remember(X)
    assert calm.module() is calm.module()
    wild.remember(1000 * X)
    with pytest.raises(UnsupportedError, match="differ"):
        wild.module()


def test_without_examples_the_check_is_on_random_inputs_and_says_so() -> None:
    model = opened(linear())
    model.module()
    assert any("no real example" in note for note in model.notes)


def test_a_lacking_operator_is_named_with_all_others() -> None:
    tail = [node("NonZero", "z", out="a"), node("Bernoulli", "z", out="q"), node("RandomUniformLike", "q", out="r"),
            node("Multinomial", "r", out="m"), node("Cast", "m", out="c", to=1), node("Add", "z", "c")]  # fmt: skip
    with pytest.raises(UnsupportedError) as caught:
        convert(linear(tail, out="y"))
    assert "Multinomial" in str(caught.value)
    assert "RandomUniformLike" in str(caught.value)


def test_an_operator_off_the_path_may_be_lacking() -> None:
    model = opened(linear([node("Multinomial", "z", out="m")]))
    np.testing.assert_allclose(model.module()(torch.from_numpy(X)).numpy(), LOGITS, atol=1e-5)


def test_a_graph_that_rounds_has_no_gradient() -> None:
    tail = [node("Cast", "z", out="i", to=TensorProto.INT64), node("Cast", "i", to=TensorProto.FLOAT)]
    model = opened(linear(tail, out="y"), answers="logits")
    with pytest.raises(UnsupportedError, match="no gradient reaches"):
        model.module()


def test_quantised_layers_have_a_straight_through_gradient() -> None:
    tail = [helper.make_node("QuantizeLinear", ["z", "s", "zero"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s", "zero"], ["y"])]  # fmt: skip
    proto = linear(tail, out="y")
    proto.graph.initializer.append(numpy_helper.from_array(np.float32(0.05), "s"))
    proto.graph.initializer.append(numpy_helper.from_array(np.int8(3), "zero"))
    model = opened(proto)
    x = torch.from_numpy(X).requires_grad_()
    (slope,) = torch.autograd.grad(model.module()(x)[:, 0].sum(), x)
    np.testing.assert_allclose(slope.numpy(), np.tile(W[:, 0], (10, 1)), atol=1e-6)


# hostile and broken files


def test_a_cut_file_is_an_input_error_with_a_hint() -> None:
    data = linear([node("Softmax", "z")], out="y").SerializeToString()
    for end in range(len(data)):
        with pytest.raises(InputError) as caught:
            open_onnx(data[:end], bounds=(-1.0, 1.0))
        assert str(caught.value)
    with pytest.raises(InputError) as caught:
        open_onnx(data[: len(data) // 2])
    assert "download" in caught.value.hint


def test_flipped_bits_are_refused_or_harmless() -> None:
    rng = random.Random(4)
    data = linear([node("Softmax", "z")], out="y").SerializeToString()
    refused = 0
    for _ in range(400):
        bad = bytearray(data)
        for _ in range(rng.choice([1, 1, 3])):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        try:
            model = open_onnx(bytes(bad), bounds=(-1.0, 1.0))
            model.predict(np.zeros((2, *model.shape), np.float32))
            model.module()
        except HauberkError:
            refused += 1
    assert 100 < refused < 400


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"PK\x03\x04 not onnx", b"\x80\x04]\x94."])
def test_what_is_not_onnx_is_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError):
        open_onnx(data)


def test_operators_of_other_domains_are_refused_by_name() -> None:
    tail = [helper.make_node("Gelu", ["z"], ["y"], domain="com.microsoft")]
    proto = linear(tail, out="y")
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(UnsupportedError, match=r"operators outside .*com\.microsoft:Gelu"):
        opened(proto)


def test_functions_of_the_model_itself_are_inlined() -> None:
    body = [node("Mul", "a", "a", out="b")]
    opsets = [helper.make_opsetid("", 17)]
    square = helper.make_function("mine", "Square", ["a"], ["b"], body, opsets)
    proto = linear([helper.make_node("Square", ["z"], ["y"], domain="mine")], out="y")
    proto.functions.append(square)
    proto.opset_import.append(helper.make_opsetid("mine", 1))
    model = opened(proto, answers="logits")
    np.testing.assert_allclose(model.predict(X), soft(LOGITS**2), atol=1e-5)
    np.testing.assert_allclose(model.module()(torch.from_numpy(X)).numpy(), LOGITS**2, atol=1e-4)


def test_a_promised_shape_that_the_file_does_not_hold_allocates_nothing() -> None:
    proto = linear()
    proto.graph.initializer[0].dims[:] = [1 << 40, 3]
    with pytest.raises(InputError, match="needs"):
        opened(proto)


BOMBS = {
    "constant": [node("ConstantOfShape", "huge", out="c")],
    "expand": [node("Expand", "one", "huge", out="c")],
    "tile": [node("Tile", "ones", "huge", out="c")],
    "computed": [node("Mul", "huge", "huge", out="more"), node("ConstantOfShape", "more", out="c")],
    "product": [node("MatMul", "column", "row", out="c")],
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_huge_tensor_is_refused_before_it_is_made(bomb: str) -> None:
    tail = [*BOMBS[bomb], node("ReduceMax", "c", out="m", keepdims=0), node("Add", "z", "m")]
    proto = linear(tail, out="y")
    constants = {
        "huge": np.array([1 << 15, 1 << 15], np.int64), "one": np.ones(1, np.float32),
        "ones": np.ones((1, 1), np.float32), "column": np.ones((1 << 15, 1), np.float32),
        "row": np.ones((1, 1 << 15), np.float32),
    }  # fmt: skip
    for name, array in constants.items():
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    with pytest.raises(LimitExceeded, match="elements"):
        opened(proto)


def test_a_huge_example_is_refused() -> None:
    proto = build([node("ReduceMax", "x", axes=[1], keepdims=1)],
                  [value("x", ["n", 1 << 40])], [value("y", ["n", 1])], {}, (("", 13),))  # fmt: skip
    with pytest.raises(LimitExceeded, match="one example"):
        opened(proto)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(linear().SerializeToString())
    with pytest.raises(LimitExceeded, match="bytes"):
        open_onnx(path, limits=Limits(max_file_bytes=100))
    assert open_onnx(path, bounds=(-1.0, 1.0)).name == "m.onnx"
    with pytest.raises(InputError, match="No such file"):
        open_onnx(tmp_path / "absent.onnx")


# weights in another file


def scattered(folder: Path, location: str, **entries: int) -> Path:
    """A model whose matrix lies in another file."""
    proto = linear()
    tensor = proto.graph.initializer[0]
    (folder / "weights.bin").write_bytes(b"head" + tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, number in {"location": location, "offset": 4, "length": W.nbytes, **entries}.items():
        tensor.external_data.add(key=key, value=str(number))
    path = folder / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_weights_beside_the_model_need_the_folder(tmp_path: Path) -> None:
    path = scattered(tmp_path, "weights.bin")
    with pytest.raises(UnsupportedError, match="another file") as caught:
        open_onnx(path)
    assert "folder" in caught.value.hint
    model = open_onnx(tmp_path, bounds=(-1.0, 1.0))
    np.testing.assert_allclose(model.predict(X), soft(LOGITS), atol=1e-6)


OUTSIDE = ["../weights.bin", "/etc/passwd", "a/../../weights.bin", "..\\weights.bin", "", "link"]


@pytest.mark.parametrize("location", OUTSIDE)
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    scattered(folder, location)
    (tmp_path / "weights.bin").write_bytes(b"head" + W.tobytes())
    (folder / "link").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(UnsupportedError, match="outside"):
        open_onnx(folder)


@pytest.mark.parametrize("entries", [{"offset": 10**6}, {"length": 10**9}, {"offset": -4}, {"length": 12}])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, entries: dict[str, int]) -> None:
    scattered(tmp_path, "weights.bin", **entries)
    with pytest.raises(InputError, match="needs"):
        open_onnx(tmp_path)
