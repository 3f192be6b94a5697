"""The style sheet: contrast of every text colour on every ground (WCAG 2.2, 1.4.3), in light, dark and print."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("hauberk.report.html").joinpath("style.css").read_text("utf-8")
TEXT = (
    "ink",
    "soft",
    "link",
    "blue",
    "vermilion",
    "green",
    "purple",
    "ochre",
    "grey",
    "broken",
    "inconclusive",
    "held",
)


def palettes() -> list[dict[str, str]]:
    """The custom colours of every rule that sets a ground."""
    blocks = re.findall(r"\{([^{}]*--paper:[^{}]*)\}", CSS)
    return [dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})", block)) for block in blocks]


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)


def test_there_are_light_twice_dark_and_print() -> None:
    found = palettes()
    assert len(found) == 4
    assert found[1] == found[2], "the dark palette by system and by button must be one"


@pytest.mark.parametrize("palette", palettes())
def test_every_text_colour_can_be_read_on_every_ground(palette: dict[str, str]) -> None:
    for name in TEXT:
        for ground in ("paper", "raised"):
            assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
    assert contrast(palette["mark-ink"], palette["mark"]) >= 4.5
    for name in ("broken", "held", "inconclusive"):  # signs: paper on colour
        assert contrast(palette["paper"], palette[name]) >= 4.5


def test_nothing_outside_the_palettes_names_a_colour() -> None:
    rules = re.sub(r"\{[^{}]*--paper:[^{}]*\}", "", CSS)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)", rules)
