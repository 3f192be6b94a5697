"""Pictures and sounds: held against files that Pillow and the standard library write, cut and changed."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.media import gif, jpeg, wav
from corpus.repository import png
from hauberk.artifact.scan import scan

image = pytest.importorskip("PIL.Image")
KINDS = [
    ("PNG", "RGB", {}), ("PNG", "P", {}), ("PNG", "1", {}), ("PNG", "LA", {}), ("PNG", "I;16", {}),
    ("PNG", "RGBA", {"optimize": True}), ("JPEG", "RGB", {}), ("JPEG", "L", {"progressive": True}),
    ("JPEG", "CMYK", {}), ("GIF", "P", {}), ("WEBP", "RGB", {}), ("WEBP", "RGBA", {"lossless": True}),
    ("BMP", "RGB", {}), ("BMP", "P", {}), ("ICO", "RGBA", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS, ids=lambda v: v if isinstance(v, str) else "")
def test_pictures_of_pillow_are_clean(kind: str, mode: str, options: dict[str, bool], tmp_path: Path) -> None:
    picture = image.effect_noise((37, 23), 60).convert("L" if mode == "I;16" else mode)
    path = tmp_path / "preview.bin"
    picture.convert(mode).save(path, kind, **options)
    seen = scan(path)
    assert (seen.verdict.value, seen.findings) == ("held", ())
    assert seen.formats[""] in (kind.lower(), "icon")
    path.write_bytes(path.read_bytes() + b"hidden behind the end")
    assert scan(path).verdict.value == "broken"


def test_interlaced_png_is_counted(tmp_path: Path) -> None:
    """Adam7 has seven passes; Pillow reads it and does not write it, so the size is checked against its rows."""
    from hauberk.artifact.formats.png import raw_size

    header = memoryview(b"\0\0\0\x08\0\0\0\x08\x08\x02\0\0\x01")
    assert raw_size(header) == sum(h * (3 * w + 1) for w, h in [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)])


def test_animated_pictures_are_clean(tmp_path: Path) -> None:
    frames = [image.new("P", (9, 9), n) for n in range(4)]
    for kind in ("GIF", "PNG", "WEBP"):
        path = tmp_path / f"a.{kind}"
        frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=50)
        assert scan(path).verdict.value == "held", kind


def test_a_wave_of_the_standard_library_is_clean(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(range(200)))
    path = tmp_path / "a.wav"
    path.write_bytes(buffer.getvalue())
    assert scan(path).verdict.value == "held"


def test_every_chunk_fits_its_checksum(tmp_path: Path) -> None:
    """The end of a PNG holds nothing but its checksum: one bit of it is enough."""
    path, whole = tmp_path / "a.png", bytearray(png())
    whole[-1] ^= 1
    path.write_bytes(bytes(whole))
    assert {f.rule for f in scan(path).findings} == {"artifact.png.broken"}


def test_every_cut_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for whole in (png(), jpeg(), gif(), wav()):
        for end in range(13, len(whole)):
            path.write_bytes(whole[:end])
            assert scan(path).verdict.value != "held", (whole[:4], end)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([png(), jpeg(), gif(), wav()]),
    st.lists(st.tuples(st.integers(0, 150), st.binary(max_size=5), st.integers(0, 5)), min_size=1, max_size=4),
)
def test_mutations_get_a_verdict(tmp_path: Path, whole: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(whole)
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    path = tmp_path / "m.bin"
    path.write_bytes(bytes(data))
    seen = scan(path)
    assert (seen.verdict.value == "held") == (not seen.findings and not seen.skipped)
