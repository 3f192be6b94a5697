"""Torch: every layer, optimizer, scheduler, data type and quantised form; what is read is the data.pkl of each."""

from __future__ import annotations

import io
import zipfile

GIVEN = ((), (4,), (4, 2), (4, 4, 1), (4, 4, 4, 1), (1, 4, 4), ([4],), (2, 4, 1), (0.5, 1, 2))


def _saved(value):
    """The program of a checkpoint in the zip form, as bytes."""
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))


def _made(cls):
    for given in GIVEN:
        try:
            return cls(*given)
        except Exception:  # noqa: BLE001, S112 - another number of arguments
            continue
    raise TypeError(f"{cls.__name__}: no arguments fit")


def layers():
    """Every module of torch.nn and of its quantised kin, whole and as a state dict."""
    import torch

    homes = [
        torch.nn,
        torch.ao.nn.quantized,
        torch.ao.nn.quantized.dynamic,
        torch.ao.nn.intrinsic,
        torch.ao.nn.qat,
        torch.ao.quantization.observer,
        torch.ao.quantization.fake_quantize,
        torch.ao.quantization,
    ]
    for home in homes:
        for cls in list(vars(home).values()):
            if isinstance(cls, type) and issubclass(cls, torch.nn.Module):
                yield lambda cls=cls: _saved(_made(cls))
                yield lambda cls=cls: _saved(_made(cls).state_dict())
    block = torch.nn.TransformerEncoderLayer(4, 2, 8)
    yield lambda: _saved(torch.nn.TransformerEncoder(block, 2))
    yield lambda: _saved(torch.nn.Transformer(4, 2, 1, 1, 8))
    yield lambda: _saved(torch.nn.MultiheadAttention(4, 2))
    yield lambda: _saved(torch.nn.LSTM(2, 2, num_layers=2, bidirectional=True))
    yield lambda: _saved(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU()))
    yield lambda: _saved(torch.nn.ModuleList([torch.nn.Linear(2, 2)]))
    yield lambda: _saved(torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2)}))
    yield lambda: _saved(torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(1))]))
    yield lambda: _saved(torch.nn.DataParallel(torch.nn.Linear(2, 2)))
    yield lambda: _saved(torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(2, 2))))
    yield lambda: _saved(torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2)).state_dict())
    yield lambda: _saved(torch.nn.utils.weight_norm(torch.nn.Linear(2, 2)))
    yield lambda: _saved(torch.nn.utils.spectral_norm(torch.nn.Linear(2, 2)))


def built():
    """Layers whose constructors need more than numbers, and what is wrapped around layers."""
    import torch
    from torch.nn.utils import parametrizations, prune

    nn = torch.nn
    functional = nn.functional
    for activation in ("relu", "gelu", functional.gelu, functional.silu, functional.mish, functional.elu,
                       functional.leaky_relu, functional.tanh, functional.sigmoid, nn.GELU()):  # fmt: skip
        yield lambda activation=activation: _saved(nn.TransformerEncoderLayer(4, 2, 8, activation=activation))
        yield lambda activation=activation: _saved(nn.TransformerDecoderLayer(4, 2, 8, activation=activation))
    yield lambda: _saved(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, 2)), nn.Unflatten(1, torch.Size([2, 2]))))
    yield lambda: _saved(nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5]))
    for name, given in {"LazyLinear": (2,), "LazyConv1d": (2, 3), "LazyConv2d": (2, 3), "LazyConv3d": (2, 3),
                        "LazyConvTranspose1d": (2, 3), "LazyConvTranspose2d": (2, 3), "LazyConvTranspose3d": (2, 3),
                        "LazyBatchNorm1d": (), "LazyBatchNorm2d": (), "LazyBatchNorm3d": (),
                        "LazyInstanceNorm1d": (), "LazyInstanceNorm2d": (),
                        "LazyInstanceNorm3d": ()}.items():  # fmt: skip
        yield lambda name=name, given=given: _saved(getattr(nn, name)(*given).state_dict())
    yield lambda: _saved(nn.EmbeddingBag.from_pretrained(torch.zeros(3, 2)))
    yield lambda: _saved(nn.TripletMarginWithDistanceLoss())
    yield lambda: _saved(nn.MultiLabelMarginLoss())
    yield lambda: _saved(nn.ParameterDict({"a": nn.Parameter(torch.zeros(1))}))
    for method in ("l1_unstructured", "random_unstructured"):
        yield lambda method=method: _saved(getattr(prune, method)(nn.Linear(4, 4), "weight", 0.5))
        yield lambda method=method: _saved(getattr(prune, method)(nn.Linear(4, 4), "weight", 0.5).state_dict())
    yield lambda: _saved(prune.ln_structured(nn.Linear(4, 4), "weight", 0.5, 2, 0))
    yield lambda: _saved(prune.random_structured(nn.Linear(4, 4), "weight", 0.5, 0))
    yield lambda: _saved(prune.custom_from_mask(nn.Linear(4, 4), "weight", torch.ones(4, 4)))
    yield lambda: _saved(prune.identity(nn.Linear(4, 4), "weight"))
    yield lambda: _saved(prune.remove(prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5), "weight"))
    yield lambda: _saved(_pruned_twice(nn, prune))
    for name in ("weight_norm", "spectral_norm", "orthogonal"):
        yield lambda name=name: _saved(getattr(parametrizations, name)(nn.Linear(4, 4)).state_dict())
    average = torch.optim.swa_utils
    yield lambda: _saved(average.AveragedModel(nn.Linear(2, 2)))
    yield lambda: _saved(average.AveragedModel(nn.Linear(2, 2)).state_dict())
    for name, given in {"Normal": (0.0, 1.0), "Categorical": ([0.5, 0.5],), "Bernoulli": (0.5,), "Beta": (1.0, 2.0),
                        "Gamma": (1.0, 2.0), "Dirichlet": ([1.0, 2.0],), "Poisson": (1.0,), "Uniform": (0.0, 1.0),
                        "MultivariateNormal": ([0.0, 0], [[1.0, 0], [0, 1.0]]),
                        "Exponential": (1.0,)}.items():  # fmt: skip
        yield lambda name=name, given=given: _saved(
            getattr(torch.distributions, name)(*(torch.tensor(each) for each in given))
        )


def _pruned_twice(nn, prune):
    made = nn.Linear(4, 4)
    prune.l1_unstructured(made, "weight", 0.2)
    return prune.random_unstructured(made, "weight", 0.2)


def tensors():
    """Tensors of every type, layout and kind."""
    import torch

    for dtype in sorted({str(v): v for v in vars(torch).values() if isinstance(v, torch.dtype)}.items()):
        yield lambda dtype=dtype[1]: _saved({"x": torch.zeros(3, dtype=dtype), "dtype": dtype})
        yield lambda dtype=dtype[1]: _saved({"dtype": dtype})
    yield lambda: _saved(torch.nn.Parameter(torch.zeros(2)))
    yield lambda: _saved(_tagged())
    yield lambda: _saved(torch.eye(3).to_sparse())
    for form in ("csr", "csc", "bsr", "bsc"):
        size = ((1, 1),) if form.startswith("bs") else ()
        yield lambda form=form, size=size: _saved(getattr(torch.eye(3), "to_sparse_" + form)(*size))
    yield lambda: _saved(torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8))
    yield lambda: _saved(torch.quantize_per_channel(torch.zeros(3, 3), torch.ones(3), torch.zeros(3), 0, torch.quint8))
    yield lambda: _saved(torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]))
    yield lambda: _saved(torch.zeros(2, device="meta"))
    yield lambda: _saved(torch.zeros(2).untyped_storage())
    yield lambda: _saved(torch.zeros(2).storage())
    yield lambda: _saved(torch.zeros(2, 2).t())
    yield lambda: _saved(torch.conj(torch.zeros(2, dtype=torch.complex64)))
    for name in (
        "strided",
        "sparse_coo",
        "contiguous_format",
        "channels_last",
        "per_tensor_affine",
        "per_channel_affine",
    ):
        yield lambda name=name: _saved(getattr(torch, name))
    yield lambda: _saved({"device": torch.device("cpu"), "size": torch.Size([1]), "state": torch.get_rng_state()})


def _tagged():
    import torch

    made = torch.nn.Parameter(torch.zeros(2))
    made.tag = "x"
    return made


def training():
    """Checkpoints of training: optimizers and schedulers, whole and as state dicts."""
    import random

    import numpy as np
    import torch

    for cls in list(vars(torch.optim).values()):
        if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer:
            yield lambda cls=cls: _saved(_stepped(cls))
            yield lambda cls=cls: _saved(_stepped(cls).state_dict())
    schedule = torch.optim.lr_scheduler
    for name, given in (
        ("StepLR", (2,)),
        ("ExponentialLR", (0.9,)),
        ("CosineAnnealingLR", (5,)),
        ("LinearLR", ()),
        ("ReduceLROnPlateau", ()),
        ("OneCycleLR", (0.1, 5)),
        ("MultiStepLR", ([1],)),
        ("CosineAnnealingWarmRestarts", (5,)),
        ("ConstantLR", ()),
        ("PolynomialLR", ()),
        ("CyclicLR", (0.1, 0.2)),
    ):
        yield lambda name=name, given=given: _saved(
            getattr(schedule, name)(torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9), *given).state_dict()
        )
        if name != "CyclicLR":  # it keeps a bound method
            yield lambda name=name, given=given: _saved(
                getattr(schedule, name)(torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9), *given)
            )
    yield lambda: _saved({"mean": np.zeros(3), "best": np.float64(0.1), "epoch": 3})
    yield lambda: _saved({"rng": (np.random.get_state(), random.getstate(), torch.get_rng_state()), "args": _args()})
    yield lambda: _saved(torch.amp.GradScaler("cpu").state_dict())
    yield lambda: _saved(torch.amp.GradScaler("cpu"))
    yield lambda: _saved(torch.utils.data.TensorDataset(torch.zeros(2, 2)))
    yield lambda: _saved(torch.utils.data.Subset(torch.utils.data.TensorDataset(torch.zeros(2, 2)), [0]))


def _args():
    import argparse
    import pathlib

    return argparse.Namespace(lr=0.1, out=pathlib.Path("runs"), names=["a"], device="cpu")


def _stepped(cls):
    import torch

    layer = torch.nn.Linear(2, 2)
    made = cls(layer.parameters(), lr=0.1)
    layer(torch.ones(1, 2)).sum().backward()
    made.step(lambda: torch.zeros(())) if cls.__name__ == "LBFGS" else made.step()
    return made


SOURCES = (layers, built, tensors, training)
