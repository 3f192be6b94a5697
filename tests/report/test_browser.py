"""The page in a real browser, offline: no error, no request, no sideways scrolling; and the pictures for docs/.

    python tests/report/test_browser.py dossier/report.html docs/images

writes report.png (light) and report-dark.png.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hauberk.core.nouns import Dossier
from hauberk.report import html

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        running = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


def opened(chromium: Any, path: Path, width: int, **context: Any) -> tuple[Any, list[str], list[str]]:
    """The page, what it asked for, and what went wrong."""
    page = chromium.new_context(offline=True, viewport={"width": width, "height": 900}, **context).new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda r: requests.append(r.url))
    page.on("console", lambda m: errors.append(m.text))
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(path.as_uri())
    return page, [u for u in requests if not u.startswith("data:") and u != path.as_uri()], errors


def screenshots(report: Path, folder: Path, *, height: int = 1500) -> list[Path]:
    """The first screens of a report in light and dark, and what was seen, at twice the size."""
    made = []
    with browser() as chromium:
        page, _, _ = opened(chromium, report, 1280, color_scheme="light", device_scale_factor=2)
        box = page.locator("#seen").bounding_box()
        clip = {"x": 0, "y": box["y"] - 20, "width": 1280, "height": min(box["height"], height - 300)}
        page.screenshot(path=str(folder / "report-seen.png"), full_page=True, clip=clip)
        made.append(folder / "report-seen.png")
        for scheme, name in (("light", "report.png"), ("dark", "report-dark.png")):
            page, _, _ = opened(chromium, report, 1280, color_scheme=scheme, device_scale_factor=2)
            page.set_viewport_size({"width": 1280, "height": height})
            page.screenshot(path=str(folder / name))
            made.append(folder / name)
    return made


def test_it_opens_offline_at_every_width_without_a_sound(
    image: Dossier, tabular: Dossier, crowded: Dossier, poison: Callable[[Dossier, str], Dossier], tmp_path: Path
) -> None:
    hostile = poison(image, "'\"><script>document.title='owned'</script><img src=http://127.0.0.1:9/x>" + "W" * 200)
    with browser() as chromium:
        for name, dossier in (("image", image), ("tabular", tabular), ("crowded", crowded), ("hostile", hostile)):
            path = tmp_path / f"{name}.html"
            path.write_text(html.render(dossier), "utf-8")
            for width in (320, 390, 768, 1280):
                page, requests, errors = opened(chromium, path, width)
                assert (requests, errors) == ([], []), name
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
                assert page.title() != "owned"
                page.context.close()


def test_the_theme_follows_the_system_and_the_button(image: Dossier, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(image), "utf-8")
    ground = "getComputedStyle(document.body).backgroundColor"
    with browser() as chromium:
        page, _, _ = opened(chromium, path, 1280, color_scheme="dark")
        dark = page.evaluate(ground)
        page.click("#theme")
        light = page.evaluate(ground)
        assert (dark, light) == ("rgb(20, 22, 25)", "rgb(253, 253, 251)")
        page.reload()
        assert page.evaluate(ground) == light
        page.emulate_media(media="print")
        assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_a_link_opens_the_evidence_that_it_points_to(image: Dossier, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(image), "utf-8")
    with browser() as chromium:
        page, _, errors = opened(chromium, path, 1280)
        assert not page.evaluate("document.getElementById('e5').open")
        page.click(".finding a[href='#e5']")
        page.wait_for_function("document.getElementById('e5').open")
        assert errors == []


def test_the_page_is_whole_without_script(image: Dossier, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(image), "utf-8")
    with browser() as chromium:
        page, _, _ = opened(chromium, path, 1280, java_script_enabled=False)
        assert "did not hold" in page.inner_text("h1")
        assert not page.is_visible("#theme")
        assert page.is_visible("#coverage")


def test_screenshots_for_the_docs(image: Dossier, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(image), "utf-8")
    made = screenshots(path, tmp_path)
    assert [p.read_bytes()[:4] for p in made] == [b"\x89PNG"] * 3
    assert len({p.read_bytes() for p in made}) == 3


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    screenshots(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
