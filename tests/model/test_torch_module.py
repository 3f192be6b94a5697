"""PyTorch modules: the same function in memory, scripted and exported; gradients; hostile archives."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hauberk.core.errors import InputError, UnsupportedError
from hauberk.model.torch_module import from_torch, open_import_path, open_pt2, open_torchscript

X = np.random.default_rng(0).random((40, 1, 6, 6)).astype(np.float32)
SHAPE = (1, 6, 6)


def net(*last: nn.Module, k: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, k), nn.Dropout(0.5), *last
    )


def truth(module: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return module.eval()(torch.from_numpy(X)).numpy()


def exported(module: nn.Module, batch: int | None = None) -> bytes:
    buffer = io.BytesIO()
    dynamic = None if batch else ({0: torch.export.Dim("b")},)
    program = torch.export.export(module.eval(), (torch.zeros(batch or 2, *SHAPE),), dynamic_shapes=dynamic)
    torch.export.save(program, buffer)
    return buffer.getvalue()


def scripted(module: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    return buffer.getvalue()


OPENERS: dict[str, Callable[[nn.Module], Any]] = {
    "memory": lambda m: from_torch(m, SHAPE),
    "script": lambda m: open_torchscript(scripted(m), SHAPE, name="m"),
    "pt2": lambda m: open_pt2(exported(m), SHAPE, name="m"),
}


@pytest.mark.parametrize("opener", OPENERS)
def test_logits(opener: str) -> None:
    module = net()
    model = OPENERS[opener](module.train())
    expected = torch.softmax(torch.from_numpy(truth(module)), 1).numpy()
    assert model.predict(X) == pytest.approx(expected, abs=1e-5)
    assert (model.n_classes, model.ending, model.label_only) == (3, "logits", False)
    x = torch.from_numpy(X).requires_grad_()
    logits = model.module()(x)
    assert logits.dtype == torch.float32
    logits[:, 0].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in model.module().parameters())


@pytest.mark.parametrize("opener", OPENERS)
def test_a_softmax_at_the_end(opener: str) -> None:
    model = OPENERS[opener](net(nn.Softmax(1)))
    assert model.predict(X) == pytest.approx(truth(net(nn.Softmax(1))), abs=1e-5)
    assert model.ending.startswith("softmax (left out" if opener == "memory" else "probabilities")


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("last", [(), (nn.Sigmoid(),), (nn.Flatten(0),), (nn.Sigmoid(), nn.Flatten(0))])
def test_one_column(opener: str, last: tuple[nn.Module, ...]) -> None:
    model = OPENERS[opener](net(*last, k=1))
    scores = truth(net(k=1)).reshape(-1).astype(float)
    assert model.predict(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-scores)), abs=1e-5)
    assert model.module()(torch.from_numpy(X)).shape == (40, 2)


def test_a_saturated_softmax_keeps_its_gradient_when_it_is_found() -> None:
    steep = net(nn.Softmax(1))
    with torch.no_grad():
        steep[4].weight.mul_(1000)
    x = torch.from_numpy(X).requires_grad_()
    logits = from_torch(steep, SHAPE).module()(x)
    torch.nn.functional.cross_entropy(logits, 1 - logits.argmax(1).clamp(max=1)).backward()
    assert x.grad is not None
    assert x.grad.flatten(1).abs().sum(1).min() > 0


class Odd(nn.Module):
    def __init__(self, make: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: torch.Tensor) -> Any:
        return self.make(x.flatten(1)[:, :3])


@pytest.mark.parametrize(
    "make", [lambda z: (z, None), lambda z: {"logits": z}, lambda z: SimpleNamespace(logits=z), lambda z: z.double(),
             lambda z: z.half(), lambda z: torch.log_softmax(z, 1)]
)  # fmt: skip
def test_wrapped_answers_and_other_floats(make: Callable[[torch.Tensor], Any]) -> None:
    model = from_torch(Odd(make), SHAPE)
    expected = torch.softmax(torch.from_numpy(X).flatten(1)[:, :3], 1).numpy()
    assert model.predict(X) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda z: z.argmax(1), "answers .* torch.int64"), (lambda z: z[None], "answers"), (lambda z: z[:1], "answers"),
     (lambda z: "no", "answers a str"), (lambda z: z @ torch.zeros(9, 9), "cannot run on examples of shape")],
)  # fmt: skip
def test_answers_that_are_no_scores(make: Callable[[torch.Tensor], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_torch(Odd(make), SHAPE)


def test_double_weights_get_double_examples() -> None:
    assert from_torch(net().double(), SHAPE).predict(X) == pytest.approx(from_torch(net(), SHAPE).predict(X), abs=1e-5)


def test_yours_is_left_as_it_is() -> None:
    module = net().train()
    from_torch(module, SHAPE).predict(X)
    assert module.training
    assert all(p.requires_grad for p in module.parameters())


def test_a_wrong_shape_is_an_input_error() -> None:
    with pytest.raises(InputError, match="cannot run on examples of shape"):
        from_torch(net(), (1, 9, 9))
    with pytest.raises(InputError, match="cannot run on examples of shape"):
        open_torchscript(scripted(net()), (1, 9, 9), name="m")
    with pytest.raises(InputError, match=r"takes examples of shape \(1, 6, 6\), not \(1, 9, 9\)"):
        open_pt2(exported(net()), (1, 9, 9), name="m")
    with pytest.raises(InputError, match="a str is not a torch"):
        from_torch("net", SHAPE)


@pytest.mark.parametrize("batch", [1, 7])
def test_an_export_with_a_fixed_batch_takes_any_number(batch: int) -> None:
    model = open_pt2(exported(net(), batch), name="m")
    assert model.predict(X) == pytest.approx(from_torch(net(), SHAPE).predict(X), abs=1e-5)
    assert model.shape == SHAPE


def test_exports_of_other_signatures_are_unsupported() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    buffer = io.BytesIO()
    torch.export.save(torch.export.export(Two(), (torch.zeros(2, 3), torch.zeros(2, 3))), buffer)
    with pytest.raises(UnsupportedError, match="takes 2 inputs"):
        open_pt2(buffer.getvalue(), name="m")


# hostile archives


class Evil:
    def __reduce__(self) -> object:
        return (Path("ran-here").touch, ())


def altered(content: bytes, change: Callable[[str, bytes], bytes], extra: dict[str, bytes] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, member in (extra or {}).items():
            new.writestr(old.namelist()[0].split("/")[0] + name, member)
    return buffer.getvalue()


def evil_pickle() -> bytes:
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    return buffer.getvalue()


def retarget(target: str) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        return content.replace(b"torch.ops.aten.relu.default", target.encode()) if "/models/" in name else content

    return change


def use_pickle(name: str, content: bytes) -> bytes:
    if not name.endswith("weights_config.json"):
        return content
    config = json.loads(content)
    for entry in config["config"].values():
        entry["use_pickle"] = True
    return json.dumps(config).encode()


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "pickled sample inputs": (
        lambda c: altered(c, lambda n, b: evil_pickle() if "sample_inputs" in n else b), "sample inputs hold more"),
    "a system call for an operator": (lambda c: altered(c, retarget("torch.os.system")), "calls 'torch.os.system'"),
    "a python operator": (lambda c: altered(c, retarget("_operator.methodcaller")), "no ATen operator"),
    "an extension operator": (lambda c: altered(c, retarget("#x.y:z")), "no ATen operator"),
    "another library's operator": (lambda c: altered(c, retarget("torch.ops.evil.run.default")), "no ATen operator"),
    "pickled weights": (lambda c: altered(c, use_pickle), "torch would unpickle"),
    "a pickled constant": (
        lambda c: altered(c, lambda n, b: b, {"/data/constants/custom_obj_0": b"x"}), "torch would unpickle"),
    "a shared library": (
        lambda c: altered(c, lambda n, b: b, {"/data/aotinductor/model/a.so": b"\x7fELF"}), "no part of a plain"),
    "an expression that is evaluated": (
        lambda c: altered(c, lambda n, b: b.replace(b"Symbol(", b"__import__(\'os\').s(")
                          if "/models/" in n else b), "holds the expression"),
    "a foreign type in its signature": (
        lambda c: altered(c, lambda n, b: b.replace(b"builtins.tuple", b"os.system") if "/models/" in n else b),
        "of type"),
}  # fmt: skip


@pytest.mark.parametrize("flaw", HOSTILE)
def test_a_hostile_export_is_refused_before_torch_reads_it(
    flaw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, message = HOSTILE[flaw]
    monkeypatch.chdir(tmp_path)
    content = exported(net())
    assert spoil(content) != content
    with pytest.raises(UnsupportedError, match=message):
        open_pt2(spoil(content), name="m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("expression", ["exit(s)", "__builtins__", "s.real", "s['a']", "eval(Max(s, 1))", 3])
def test_only_arithmetic_passes_for_an_expression(expression: object) -> None:
    content = altered(
        exported(net()),
        lambda n, b: json.dumps({"expr_str": expression}).encode() if n.endswith("models/model.json") else b,
    )
    with pytest.raises(UnsupportedError, match="holds the expression"):
        open_pt2(content, name="m")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused() -> None:
    content = exported(net())
    name = zipfile.ZipFile(io.BytesIO(content)).namelist()[0]
    with pytest.raises(InputError, match="have one name"):
        open_pt2(altered(content, lambda n, b: b, {name[name.index("/") :]: b"x"}), name="m")


def test_an_honest_rewrite_still_opens() -> None:
    assert open_pt2(altered(exported(net()), lambda n, b: b), name="m").n_classes == 3


def test_damaged_files_are_refused() -> None:
    good = exported(net())
    for cut in (30, len(good) // 2, len(good) - 5):
        with pytest.raises(InputError, match=r"^m: "):
            open_pt2(good[:cut], name="m")
        with pytest.raises(InputError, match=r"^m: "):
            open_torchscript(scripted(net())[: cut // 3], SHAPE, name="m")


# import path

CODE = """
from torch import nn
class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(36, 3)
    def forward(self, x):
        return self.line(x.flatten(1))
ready = Small()
number = 3
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "strangers_net.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "strangers_net", raising=False)
    return "strangers_net"


def test_a_class_by_import_path_with_weights(stranger: str, tmp_path: Path) -> None:
    weights = {"line.weight": torch.ones(3, 36), "line.bias": torch.tensor([0.0, 1.0, 2.0])}
    save_file(weights, tmp_path / "w.safetensors")
    model = open_import_path(f"{stranger}:Small", tmp_path / "w.safetensors", SHAPE)
    assert model.predict(X) == pytest.approx(np.tile(np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), (40, 1)), abs=1e-5)
    assert open_import_path(f"{stranger}:ready", None, SHAPE).n_classes == 3
    assert "" not in sys.path[:1]


def test_import_paths_that_do_not_lead_to_a_module(stranger: str, tmp_path: Path) -> None:
    save_file({"line.weight": torch.ones(3, 35)}, tmp_path / "w.safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    for path, weights, message in [
        (f"{stranger}:Missing", None, "cannot be loaded as import path"),
        ("no_such_module:Net", None, "cannot be loaded as import path"),
        (f"{stranger}:number", None, "gives a int, not a torch.nn.Module"),
        ("os;system", None, "is no import path"),
        (f"{stranger}:Small", tmp_path / "w.safetensors", "cannot be loaded as safetensors"),
        (f"{stranger}:Small", tmp_path / "x.safetensors", "cannot be loaded as safetensors"),
        (f"{stranger}:Small", tmp_path / "y.safetensors", "no such file"),
    ]:
        with pytest.raises(InputError, match=message):
            open_import_path(path, weights, SHAPE)
    with pytest.raises(InputError, match="does not say its input shape"):
        open_import_path(f"{stranger}:Small", None, None)
