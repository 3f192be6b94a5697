"""Models exported by torch, and strangers' models from PyPI: the converter against the original and onnxruntime."""

from __future__ import annotations

import functools
import importlib.util
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from hauberk.core.errors import UnsupportedError
from hauberk.model.onnx import open_onnx
from hauberk.model.onnx_torch import convert


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 3))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=2, bias=False), nn.BatchNorm2d(16), nn.Hardswish(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 4), nn.Softmax(dim=1),
    )  # fmt: skip


class Vit(nn.Module):
    """Patches, a class token, positions, two transformer blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, 16, 4, stride=4)
        self.token, self.position = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 17, 16))
        block = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True, activation="gelu")
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        z = self.patch(x).flatten(2).transpose(1, 2)
        z = torch.cat([self.token.expand(x.shape[0], -1, -1), z], 1) + self.position
        head: Tensor = self.head(self.blocks(z)[:, 0])
        return head


class Speech(nn.Module):
    """A small GRU over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRU(6, 10, batch_first=True, bidirectional=True), nn.Linear(20, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.cell(x)[0].mean(1))
        return scores


KINDS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], dict[str, Any]]] = {
    "mlp": (mlp, (8,), {"dynamo": True}),
    "mlp-script": (mlp, (8,), {"dynamo": False, "opset_version": 17}),
    "cnn": (cnn, (3, 16, 16), {"dynamo": True}),
    "vit": (Vit, (1, 16, 16), {"dynamo": True}),
    "vit-attention": (Vit, (1, 16, 16), {"dynamo": True, "opset_version": 23}),
    "gru-script": (Speech, (7, 6), {"dynamo": False, "opset_version": 17}),
    "cnn-script": (cnn, (3, 16, 16), {"dynamo": False, "opset_version": 11}),
}


SLOW = {"mlp", "cnn", "vit-attention"}  # torch.export takes seconds for each
EACH = [pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in KINDS]


@functools.cache
def exported(kind: str) -> tuple[nn.Module, bytes, tuple[int, ...]]:
    """A model with random weights (and lived-in batch statistics), and its ONNX bytes."""
    build, shape, options = KINDS[kind]
    torch.manual_seed(3)
    model = build()
    model(torch.randn(32, *shape))
    model.eval()
    file = io.BytesIO()
    x = torch.randn(2, *shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if options["dynamo"]:
            dims = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False}
        else:
            dims = {"dynamic_axes": {"x": {0: "batch"}}, "input_names": ["x"]}
        program = torch.onnx.export(model, (x,), None if options["dynamo"] else file, **dims, **options)
    data = program.model_proto.SerializeToString() if options["dynamo"] else file.getvalue()
    return model, data, shape


def examples(shape: tuple[int, ...], n: int = 16) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(5).uniform(-2, 2, (n, *shape)).astype(np.float32)


@pytest.mark.parametrize("kind", EACH)
def test_an_exported_model_answers_and_slopes_as_the_original(kind: str) -> None:
    original, data, shape = exported(kind)
    converted = convert(onnx.load_model_from_string(data))
    x = torch.from_numpy(examples(shape))
    with torch.no_grad():
        torch.testing.assert_close(converted(x), original(x), rtol=1e-4, atol=1e-5)
    slopes = []
    for function in (original, converted):
        leaf = x.clone().requires_grad_()
        weights = torch.linspace(-1, 1, function(x).shape[1])
        slopes.append(torch.autograd.grad((function(leaf) * weights).sum(), leaf)[0])
    assert slopes[0].abs().max() > 1e-5
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-4 * float(slopes[0].abs().max()))


@pytest.mark.parametrize("kind", EACH)
def test_the_adapter_answers_as_the_original_and_its_module_too(kind: str) -> None:
    original, data, shape = exported(kind)
    model = open_onnx(data, bounds=(-2.0, 2.0))
    x = examples(shape)
    with torch.no_grad():
        wanted = original(torch.from_numpy(x))
    if kind.startswith("cnn"):
        wanted = wanted.log()
    probabilities = wanted.softmax(1).numpy()
    np.testing.assert_allclose(model.predict(x), probabilities, atol=1e-5)
    logits = model.module()(torch.from_numpy(x))
    assert logits.dtype is torch.float32
    np.testing.assert_allclose(logits.softmax(1).numpy(), probabilities, atol=1e-5)
    assert model.queries == len(x)


def test_gradients_start_before_the_softmax() -> None:
    original, data, shape = exported("cnn-script")
    model = open_onnx(data)
    x = torch.from_numpy(examples(shape))
    torch.testing.assert_close(model.module()(x), original[:-1](x), rtol=1e-4, atol=1e-5)  # type: ignore[index]
    assert any("before the last Softmax" in note for note in model.notes)


def test_the_slope_is_that_of_finite_differences() -> None:
    for kind in ("mlp-script", "vit", "cnn-script"):
        _, data, shape = exported(kind)
        function = convert(onnx.load_model_from_string(data)).double()
        x = torch.from_numpy(examples(shape, 1)).double().requires_grad_()
        assert torch.autograd.gradcheck(function, (x,), eps=1e-6, atol=1e-5, fast_mode=True), kind


def test_the_converted_module_can_be_deep_copied_and_moved() -> None:
    import copy

    _, data, shape = exported("vit")
    converted = convert(onnx.load_model_from_string(data))
    twin = copy.deepcopy(converted).double()
    x = torch.from_numpy(examples(shape, 2))
    torch.testing.assert_close(twin(x.double()).float(), converted(x), rtol=1e-4, atol=1e-4)


# strangers' models, as shipped in wheels: found through the package, never imported


def shipped(package: str, pattern: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations if spec else None) or []
    found = sorted(path for place in places for path in Path(place).glob(pattern))
    if not found:
        pytest.skip(f"the wheel {package} is not installed")
    return found


def compare(path: Path, feeds: dict[str, Any]) -> float:
    """The largest relative difference of any output."""
    proto = onnx.load(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})
    with torch.no_grad():
        made = convert(proto)(*[torch.from_numpy(np.asarray(feeds[i.name])) for i in session.get_inputs()])
    pairs = zip(made if isinstance(made, tuple) else (made,), wanted, strict=True)
    return max(float(np.abs(a.numpy() - b).max() / max(np.abs(b).max(), 1e-3)) for a, b in pairs)


def sound(n: int, samples: int) -> Any:
    """A vowel-like buzz with some noise, n frames."""
    t = np.arange(n * samples) / 16000
    wave = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12)) * (1 + 0.3 * np.sin(2 * np.pi * 3 * t))
    noise = np.random.default_rng(1).normal(0, 0.02, wave.shape)
    return (0.1 * wave + noise).reshape(n, samples).astype(np.float32)


def test_silero_vad_answers_as_onnxruntime() -> None:
    rng = np.random.default_rng(2)
    for path in shipped("silero_vad", "data/*.onnx"):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        fixed = next(i.shape[1] for i in session.get_inputs() if i.name == "input")
        samples, n = (576, 1) if isinstance(fixed, int) else (512, 3)
        width = 128
        state = rng.normal(0, 0.3, (2, n, width)).astype(np.float32)
        feeds = {"input": sound(n, samples), "state": state, "sr": np.array(16000, dtype=np.int64)}
        feeds |= {"h": state[:1, :1], "c": state[1:, :1]}
        assert compare(path, feeds) <= 1e-4, path.name


def test_silero_vad_has_a_slope_through_its_branches_and_its_lstm() -> None:
    (path,) = [p for p in shipped("silero_vad", "data/*.onnx") if p.name == "silero_vad.onnx"]
    function = convert(onnx.load(path), ["output"])
    x = torch.from_numpy(sound(2, 512)).requires_grad_()
    state, rate = torch.zeros(2, 2, 128), torch.tensor(16000)
    (slope,) = torch.autograd.grad(function(x, state, rate).sum(), x)
    step = 1e-3 * slope / slope.norm()
    with torch.no_grad():
        rise = (function(x + step, state, rate) - function(x - step, state, rate)).sum()
    assert float(rise) == pytest.approx(float(2e-3 * slope.norm()), rel=0.02)


def test_silero_vad_is_a_binary_classifier_of_frames_once_its_state_is_given() -> None:
    (path,) = [p for p in shipped("silero_vad", "data/*.onnx") if p.name == "silero_vad.onnx"]
    others = {"state": np.zeros((2, 1, 128)), "sr": 16000}
    model = open_onnx(path, bounds=(-1.0, 1.0), shape=(512,), others=others)
    frames = sound(4, 512)
    answers = model.predict(frames)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {"state": np.zeros((2, 1, 128), np.float32), "sr": np.array(16000)}
    alone = [session.run(["output"], {"input": frame[None], **feeds})[0][0, 0] for frame in frames]
    np.testing.assert_allclose(answers[:, 1], alone, atol=1e-6)
    logits = model.module()(torch.from_numpy(frames)).softmax(1).numpy()
    np.testing.assert_allclose(logits, answers, atol=1e-4)


def test_magika_answers_as_onnxruntime() -> None:
    (path,) = shipped("magika", "models/*/model.onnx")[:1]
    source = Path(__file__).read_bytes()
    rows = [np.frombuffer((source[i : i + 1024] * 2)[:2048].ljust(2048, b"\n"), np.uint8) for i in range(0, 4096, 512)]
    bytes_in = np.stack(rows).astype(np.int32)
    assert compare(path, {"bytes": bytes_in}) <= 1e-4
    model = open_onnx(path, bounds=(0.0, 256.0))
    assert (model.shape, model.n_classes) == ((2048,), 214)
    assert model.predict(bytes_in.astype(np.float32)).max(axis=1).min() > 0.1
    with pytest.raises(UnsupportedError, match="no gradient reaches"):
        model.module()
