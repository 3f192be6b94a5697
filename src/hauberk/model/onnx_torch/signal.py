"""Fourier transforms. A complex number is a last axis of two, as in ONNX; a real one has a last axis of one."""

from __future__ import annotations

import torch
from torch import Tensor

from .node import Node, Table, ints


def _complex(x: Tensor) -> Tensor:
    if x.shape[-1] == 1:
        return x.squeeze(-1)
    pairs: Tensor = torch.view_as_complex(x.contiguous())
    return pairs


def _dft(node: Node, x: Tensor, length: Tensor | None = None, axis: Tensor | None = None) -> Tensor:
    default = 1 if node.opset < 20 else -2
    along = (int(axis.item()) if axis is not None else node.integer("axis", default)) % x.dim()
    signal: Tensor = _complex(x)
    n = ints(length)[0] if length is not None else None
    one_sided, inverse = node.flag("onesided"), node.flag("inverse")
    if one_sided and inverse:
        real: Tensor = torch.fft.irfft(signal, n, along)
        return real.unsqueeze(-1)
    if one_sided:
        return torch.view_as_real(torch.fft.rfft(signal, n, along))
    return torch.view_as_real((torch.fft.ifft if inverse else torch.fft.fft)(signal, n, along))


def _stft(
    node: Node, x: Tensor, step: Tensor, window: Tensor | None = None, length: Tensor | None = None
) -> Tensor:
    size = ints(length)[0] if length is not None else int(window.numel() if window is not None else x.shape[1])
    signal = _complex(x) if x.dim() == 3 else x
    frames = signal.unfold(1, size, int(step.item()))
    frames = frames if window is None else frames * window
    one_sided = node.flag("onesided", True) and not frames.is_complex()
    return torch.view_as_real(torch.fft.rfft(frames) if one_sided else torch.fft.fft(frames))


TABLE: Table = {"DFT": _dft, "STFT": _stft}
