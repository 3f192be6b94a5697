"""Where a sliding window (convolution, pool) stands: strides, dilations and the pads of every flavour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from .node import Node


@dataclass(frozen=True)
class Window:
    """One entry a spatial axis. extra: what ceil_mode adds behind the last pad."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    extra: tuple[int, ...]

    @property
    def padded(self) -> bool:
        """Whether anything is padded at all."""
        return any(self.before) or any(self.after) or any(self.extra)

    @property
    def even(self) -> bool:
        """Whether both sides are padded alike, so that torch can pad by itself."""
        return self.before == self.after and not any(self.extra)

    def pad(self, x: Tensor, value: float = 0.0, *, with_extra: bool = True) -> Tensor:
        """x with its spatial axes padded by `value`."""
        extra = self.extra if with_extra else (0,) * len(self.extra)
        after = [a + e for a, e in zip(self.after, extra, strict=True)]
        return F.pad(x, spread(self.before, after), value=value)


def spread(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """Pads as torch.nn.functional.pad wants them: last axis first."""
    return [p for pair in reversed(list(zip(before, after, strict=True))) for p in pair]


def window_of(node: Node, size: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window over spatial axes of `size`. Raises UnsupportedError for an auto_pad that is not known."""
    rank = len(size)
    strides = node.integers("strides") or [1] * rank
    dilations = node.integers("dilations") or [1] * rank
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    before, after = _pads(node, size, reach, strides)
    extra = [0] * rank
    if node.flag("ceil_mode"):
        extra = [_overhang(*axis) for axis in zip(size, reach, strides, before, after, strict=True)]
    return Window(tuple(kernel), tuple(strides), tuple(dilations), tuple(before), tuple(after), tuple(extra))


def _pads(
    node: Node, size: Sequence[int], reach: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    rank, mode = len(size), node.text("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = node.integers("pads") or [0] * (2 * rank)
        return pads[:rank], pads[rank:]
    if mode == "VALID":
        return [0] * rank, [0] * rank
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.refuse(f"auto_pad {mode}")
    total = [max((-(-n // s) - 1) * s + r - n, 0) for n, r, s in zip(size, reach, strides, strict=True)]
    small, large = [t // 2 for t in total], [t - t // 2 for t in total]
    return (small, large) if mode == "SAME_UPPER" else (large, small)


def _overhang(size: int, reach: int, stride: int, before: int, after: int) -> int:
    """What the last window reaches past the padded end, if it starts inside the input or the pad before it."""
    steps = -(-(size + before + after - reach) // stride)
    if steps * stride >= size + before:
        steps -= 1
    return max(steps * stride + reach - (size + before + after), 0)
