"""A strip of adversarial examples: the original, what the model was shown, and what was changed, magnified."""

from __future__ import annotations

from ...core.errors import InputError
from ...core.exhibits import Picture, Strip
from ..figures import symbols
from . import png
from .markup import Markup, join, tag

SHOWN, MAX_SIDE = 9, 4096


def strip(exhibit: Strip) -> Markup:
    """The strip as a figure body; what cannot be decoded is said, not drawn."""
    pairs, broken = _decoded(exhibit)
    factor = png.factor_for([pair for _, pair in pairs])
    columns = [_column(exhibit, picture, pair, factor) for picture, pair in pairs]
    rest = len(exhibit.pictures) - SHOWN
    return join([
        tag("div", _keys(factor), *columns, class_="strip", role="list", tabindex=0, aria_label=exhibit.title),
        tag("p", _explained(exhibit, factor), class_="quiet") if pairs else None,
        *(tag("p", f"One picture is not shown: {why}.", class_="quiet") for why in broken),
        tag("p", f"{rest} more pictures are in report.json.", class_="quiet") if rest > 0 else None,
    ])  # fmt: skip


def _decoded(exhibit: Strip) -> tuple[list[tuple[Picture, tuple[bytes, bytes]]], list[str]]:
    pairs, broken = [], []
    for picture in exhibit.pictures[:SHOWN]:
        try:
            size = _size(exhibit)
            pair = (png.pixels_of(picture.original, size), png.pixels_of(picture.changed, size))
            pairs.append((picture, pair))
        except InputError as error:
            broken.append(str(error))
    return pairs, broken


def _size(exhibit: Strip) -> int:
    sides = (exhibit.height, exhibit.width)
    if exhibit.channels not in (1, 3) or not all(0 < side <= MAX_SIDE for side in sides):
        raise InputError(f"its size is {exhibit.height} x {exhibit.width} x {exhibit.channels}")
    return exhibit.height * exhibit.width * exhibit.channels


def _keys(factor: int) -> Markup:
    names = ("original", "adversarial", f"difference ×\N{NO-BREAK SPACE}{factor}", "answer")
    return tag("div", *(tag("span", name) for name in names), class_="keys", aria_hidden="true")


def _column(exhibit: Strip, picture: Picture, pair: tuple[bytes, bytes], factor: int) -> Markup:
    changed = png.difference(*pair, factor, exhibit.channels)
    shapes = [(pair[0], exhibit.channels), (pair[1], exhibit.channels), (changed, 3)]
    names = (f"original, {picture.before}", f"adversarial, {picture.after}", f"difference, magnified {factor} times")
    images = [_image(exhibit, *shape, name) for shape, name in zip(shapes, names, strict=True)]
    verdict = tag(
        "figcaption", tag("span", picture.before, class_="was"), tag("span", "→", class_="to", aria_label="became"),
        tag("span", picture.after, class_="now"), tag("small", symbols(picture.caption)) if picture.caption else None,
    )  # fmt: skip
    return tag("figure", *images, verdict, role="listitem")


def _image(exhibit: Strip, pixels: bytes, channels: int, name: str) -> Markup:
    source = Markup(png.data_uri(png.encode(pixels, exhibit.width, exhibit.height, channels)))
    style = "px" if max(exhibit.width, exhibit.height) < 96 else None
    return tag("img", src=source, width=exhibit.width, height=exhibit.height, alt=name, class_=style)


def _explained(exhibit: Strip, factor: int) -> str:
    scale = f"Difference: adversarial minus original, magnified {factor} times; "
    if exhibit.channels == 3:
        return scale + "mid-grey is no change."
    return scale + "vermilion is lighter, blue is darker, pale is no change."
