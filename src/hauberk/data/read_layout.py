"""Examples in the layout that a model takes, where there is only one way to get there.

>>> import numpy as np
>>> from hauberk.model.dataset import Dataset
>>> digits = Dataset("digits", np.zeros((2, 8, 8), np.float32), np.array([0, 1]), ("0", "1"))
>>> laid_out(digits, (1, 8, 8)).x.shape
(2, 1, 8, 8)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hauberk.core.errors import InputError
from hauberk.model.dataset import Dataset

CHANNELS = (1, 3, 4)


def laid_out(dataset: Dataset, shape: tuple[int, ...]) -> Dataset:
    """The data set with examples of `shape`: as it is, with sides of 1 added or removed, or channels moved.

    Channels move between (c, height, width) and (height, width, c) when c is 1, 3 or 4 and only one of the two
    fits. Nothing is flattened, unflattened, resized or turned. Raises InputError when there is no such way.
    """
    own = dataset.shape
    if own == shape:
        return dataset
    if not dataset.features and _without_ones(own) == _without_ones(shape):
        return replace(dataset, x=dataset.x.reshape(len(dataset), *shape))
    for axes in ((1, 2, 0), (2, 0, 1)):
        if len(own) == 3 and tuple(own[a] for a in axes) == shape and own[0 if axes[0] else 2] in CHANNELS:
            return replace(dataset, x=np.ascontiguousarray(dataset.x.transpose(0, *(a + 1 for a in axes))))
    raise InputError(
        f"{dataset.name}: examples of shape {own}, the model takes {shape}",
        hint="give data prepared as for the model's own training",
    )


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)
