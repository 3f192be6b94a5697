"""An image folder: one subfolder a class, one size for all. Sizes are checked before a pixel is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hauberk.core.errors import InputError, LimitExceeded, need
from hauberk.core.limits import Limits
from hauberk.model.dataset import Dataset

from . import read_labels

FORMATS = ("PNG", "JPEG", "BMP", "PPM", "WEBP", "GIF")  # decoders without a script or an outside program
GREY = ("1", "L")
COLOUR = ("RGB", "P", "RGBA", "CMYK", "YCbCr")
MAX_PIXELS = 64 << 20  # one image; a classifier's input is far smaller, a decompression bomb far larger
IGNORED = {"thumbs.db", "desktop.ini"}


def read_folder(path: Path, limits: Limits) -> Dataset:
    """(n, channels, height, width) float32 in [0, 1]; 1 channel when all are grey, else 3. Alpha is dropped.

    Classes are the subfolders, sorted by name. Raises InputError when a file is no image, or sizes differ.
    """
    found = _files(path, limits)
    image = need("PIL.Image", extra="audit")
    size, grey = _common_form(image, [file for file, _ in found], limits)
    x = np.empty((len(found), 1 if grey else 3, size[1], size[0]), dtype=np.float32)
    for row, (file, _) in enumerate(found):
        x[row] = _pixels(image, file, grey)
    y, classes = read_labels.encode(np.array([label for _, label in found]), str(path))
    x.flags.writeable = False
    return Dataset(path.name, x, y, classes)


def _files(path: Path, limits: Limits) -> list[tuple[Path, str]]:
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        raise InputError(f"{path}: no subfolders", hint="one subfolder of images for each class: photos/cat/1.png")
    found = [(file, folder.name) for folder in folders for file in sorted(folder.iterdir()) if _counts(file)]
    if len(found) > limits.max_members:
        raise LimitExceeded(f"{path}: {len(found)} files, the limit is {limits.max_members}")
    if odd := [file for file, _ in found if not file.is_file() or file.is_symlink()]:
        raise InputError(f"{odd[0]}: not a plain file", hint="images lie directly in the folder of their class")
    if not found:
        raise InputError(f"{path}: its subfolders are empty")
    return found


def _counts(file: Path) -> bool:
    return not file.name.startswith(".") and file.name.lower() not in IGNORED


def _common_form(image: Any, files: Sequence[Path], limits: Limits) -> tuple[tuple[int, int], bool]:
    """The size that all images have, and whether all are grey; from their headers alone."""
    first, grey = (0, 0), True
    for file in files:
        size, mode = _header(image, file)
        first = first if any(first) else size
        if size != first:
            raise InputError(
                f"{file}: {size[0]}x{size[1]} pixels, {files[0].name} has {first[0]}x{first[1]}",
                hint="resize all images as the model's own preprocessing does",
            )
        grey = grey and mode in GREY
    n_bytes = len(files) * first[0] * first[1] * (1 if grey else 3) * 4
    if first[0] * first[1] > MAX_PIXELS or n_bytes > limits.max_file_bytes:
        raise LimitExceeded(f"{files[0].parent.parent}: {len(files)} images of {first[0]}x{first[1]} are too large")
    return first, grey


def _header(image: Any, file: Path) -> tuple[tuple[int, int], str]:
    with _opened(image, file) as picture:
        if getattr(picture, "n_frames", 1) != 1:
            raise InputError(f"{file}: an animation", hint="save one frame")
        if picture.mode not in GREY + COLOUR:
            raise InputError(f"{file}: pixels of mode {picture.mode}", hint="save it as 8-bit grey or RGB")
        return picture.size, picture.mode


def _pixels(image: Any, file: Path, grey: bool) -> Any:
    try:
        with _opened(image, file) as picture:
            pixels = np.asarray(picture.convert("L" if grey else "RGB"), dtype=np.float32) / 255
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file}: damaged image: {error}", hint="copy or save it again") from error
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def _opened(image: Any, file: Path) -> Any:
    try:
        return image.open(file, formats=FORMATS)
    except image.DecompressionBombError as error:
        raise LimitExceeded(f"{file}: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file}: not an image that can be read", hint=", ".join(FORMATS)) from error
