"""Reading data: round trips for every format, and a clear refusal for everything that is wrong."""

from __future__ import annotations

import datetime as dt
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from hauberk.core.errors import HauberkError, InputError, LimitExceeded, UnsupportedError
from hauberk.core.limits import Limits
from hauberk.data.read import read
from hauberk.data.read_labels import encode

X = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
Y = np.array([0, 1, 2, 0, 1, 2])
FRAME = pl.DataFrame(
    {
        "age": [30, 41, 18, 77], "rate": [0.5, 1.5, 2.0, 0.0], "member": [True, False, True, True],
        "job": ["smith", "clerk", "cook", "clerk"], "default": ["no", "yes", "no", "yes"],
    }
)  # fmt: skip


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def npy_bytes(header: str, body: bytes) -> bytes:
    padded = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded.encode() + body


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def folder(root: Path, n: int = 3, size: tuple[int, int] = (5, 4), mode: str = "RGB") -> Path:
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True)
        for i in range(n):
            depth = () if mode == "L" else (3,)
            pixels = rng.integers(0, 256, (size[1], size[0], *depth), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    return root


# arrays


@pytest.mark.parametrize(("x_key", "y_key"), [("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_round_trip(tmp_path: Path, x_key: str, y_key: str, save: Callable[..., None]) -> None:
    save(tmp_path / "d.npz", **{x_key: X, y_key: Y})
    data = read(tmp_path / "d.npz")
    assert np.array_equal(data.x, X)
    assert data.y.tolist() == Y.tolist()
    assert data.classes == ("0", "1", "2")
    assert data.features == ()
    assert data.name == "d.npz"


@pytest.mark.parametrize("x", [X.astype(np.float64), X.astype(np.uint8), X.astype(">f4"), np.asfortranarray(X), X > 3])
def test_number_types_of_arrays(tmp_path: Path, x: np.ndarray) -> None:
    data = read(npz(tmp_path / "d.npz", x=x, y=Y))
    assert data.x.dtype == (np.float64 if x.dtype == np.float64 else np.float32)
    assert np.array_equal(data.x, x.astype(np.float64))


def test_npz_may_name_its_classes_and_columns(tmp_path: Path) -> None:
    flat = X.reshape(6, 4)
    path = npz(tmp_path / "d.npz", x=flat, y=Y, classes=["a", "b", "c"], feature_names=["p", "q", "r", "s"])
    data = read(path, features_config={"q": {"immutable": True}})
    assert data.classes == ("a", "b", "c")
    assert [f.name for f in data.features if f.immutable] == ["q"]
    unnamed = read(npz(tmp_path / "e.npz", x=flat, y=Y), features_config={"x1": {"immutable": True}})
    assert [f.name for f in unnamed.features] == ["x0", "x1", "x2", "x3"]
    assert read(npz(tmp_path / "f.npz", x=flat, y=["b", "a"] * 3)).classes == ("a", "b")


def test_npy_with_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y[:, None])
    assert read(tmp_path / "x.npy", labels=tmp_path / "y.npy").y.tolist() == Y.tolist()
    with pytest.raises(InputError, match="has no labels"):
        read(tmp_path / "x.npy")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "x.npy", labels=tmp_path / "z.npy")


class Bomb:
    def __reduce__(self) -> object:
        return (Path("pickle-was-loaded").touch, ())


BAD_ARRAYS: dict[str, tuple[dict[str, object], str]] = {
    "labels of another length": ({"x": X, "y": Y[:5]}, "6 examples and 5 labels"),
    "NaN": ({"x": np.where(X == 3, np.nan, X), "y": Y}, "NaN or infinite"),
    "infinity": ({"x": np.where(X == 3, np.inf, X), "y": Y}, "NaN or infinite"),
    "negative label": ({"x": X, "y": Y - 1}, "label -1 is negative"),
    "fractional label": ({"x": X, "y": Y + 0.5}, "label 0.5 is not a whole number"),
    "NaN label": ({"x": X, "y": np.where(Y == 0, np.nan, Y)}, "labels have NaN"),
    "one class only": ({"x": X, "y": np.zeros(6, int)}, "every example has the label '0'"),
    "one-hot labels": ({"x": X, "y": np.eye(3)[Y]}, r"labels have shape \(6, 3\)"),
    "ids for labels": ({"x": X, "y": Y * 10**6}, "label 2000000, expected at most 99999"),
    "too few class names": ({"x": X, "y": Y, "classes": ["a", "b"]}, "label 2, expected at most 1"),
    "no labels": ({"x": X}, "no array of labels; it holds x"),
    "no examples": ({"foo": X, "y": Y}, "no array of examples; it holds foo, y"),
    "two sets": ({"x_train": X, "x_test": X, "y_test": Y}, "x_test and x_train could all be the examples"),
    "empty": ({"x": X[:0], "y": Y[:0]}, r"examples have shape \(0, 2, 2\)"),
    "flat": ({"x": X.ravel()[:6], "y": Y}, r"examples have shape \(6,\)"),
    "objects": ({"x": np.array([Bomb()] * 6), "y": Y}, "only unpickling could read"),
    "text": ({"x": X.astype(str), "y": Y}, "expected numbers"),
    "complex": ({"x": X.astype(complex), "y": Y}, "an array of complex128"),
    "dates": ({"x": np.zeros((6, 2), "datetime64[s]"), "y": Y}, "an array of datetime64"),
    "columns for images": ({"x": X, "y": Y, "columns": ["a"]}, "have no columns to configure"),
    "names of another length": ({"x": X.reshape(6, 4), "y": Y, "columns": ["a"]}, "1 different column names for 4"),
}


@pytest.mark.parametrize("flaw", BAD_ARRAYS)
def test_bad_arrays_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    monkeypatch.chdir(tmp_path)
    arrays, message = BAD_ARRAYS[flaw]
    path = npz(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(path)
    assert not (tmp_path / "pickle-was-loaded").exists()


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    huge = npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 9)}", b"12345678")
    for content in (huge, huge.replace(b"1000000000000", b"-100000000000")):
        (tmp_path / "x.npy").write_bytes(content)
        np.save(tmp_path / "y.npy", Y)
        with pytest.raises(InputError, match="the header says"):
            read(tmp_path / "x.npy", labels=tmp_path / "y.npy")
        with pytest.raises(InputError, match="the header says"):
            read(zipped(tmp_path / "d.npz", {"x.npy": content, "y.npy": content}))


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    x = np.zeros((9 << 20, 1))
    np.savez_compressed(tmp_path / "d.npz", x=x, y=Y)
    with pytest.raises(LimitExceeded, match="unpacks from"):
        read(tmp_path / "d.npz")
    with pytest.raises(LimitExceeded, match="too many or too large"):
        read(npz(tmp_path / "e.npz", x=X, y=Y), limits=Limits(max_members=1))


def test_archives_that_are_damaged_or_hold_other_things(tmp_path: Path) -> None:
    good = npz(tmp_path / "d.npz", x=X, y=Y).read_bytes()
    for cut in range(5, len(good) - 1, 37):
        (tmp_path / "cut.npz").write_bytes(good[:cut])
        with pytest.raises(InputError):
            read(tmp_path / "cut.npz")
    flipped = bytearray(good)
    flipped[good.index(X.tobytes()) + 7] ^= 1
    (tmp_path / "flip.npz").write_bytes(flipped)
    with pytest.raises(InputError, match="damaged archive"):
        read(tmp_path / "flip.npz")
    with pytest.raises(InputError, match="which is no array"):
        read(zipped(tmp_path / "d.npz", {"model.pkl": b"\x80\x04."}))


# what is it


def test_the_content_and_the_name_must_agree(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "d.csv")
    with pytest.raises(InputError, match="the name says csv, the content is parquet"):
        read(tmp_path / "d.csv", target="default")
    (tmp_path / "d.npz").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="the name says npz, the content is text"):
        read(tmp_path / "d.npz")
    (tmp_path / "d.parquet").write_bytes(b"")
    with pytest.raises(InputError, match="the file is empty"):
        read(tmp_path / "d.parquet")
    with pytest.raises(InputError, match="no such file or folder"):
        read(tmp_path / "nothing.npz")
    (tmp_path / "d.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(UnsupportedError, match="pickle is not a data format") as caught:
        read(tmp_path / "d.pkl")
    assert "never loaded" in caught.value.hint
    (tmp_path / "d.bin").write_bytes(b"\x01\x00\x02")
    with pytest.raises(UnsupportedError, match="unknown binary"):
        read(tmp_path / "d.bin")


def test_a_file_above_the_limit_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the limit is 10"):
        read(npz(tmp_path / "d.npz", x=X, y=Y), limits=Limits(max_file_bytes=10))


# tables


def table(tmp_path: Path, frame: pl.DataFrame, kind: str) -> Path:
    path = tmp_path / f"t.{kind}"
    frame.write_csv(path) if kind == "csv" else frame.write_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_round_trip(tmp_path: Path, kind: str) -> None:
    data = read(table(tmp_path, FRAME, kind), target="default")
    assert data.x.tolist() == [[30, 0.5, 1, 2], [41, 1.5, 0, 0], [18, 2, 1, 1], [77, 0, 1, 0]]
    assert data.x.dtype == np.float64
    assert (data.y.tolist(), data.classes) == ([0, 1, 0, 1], ("no", "yes"))
    assert [(f.name, f.kind) for f in data.features] == [
        ("age", "integer"), ("rate", "numeric"), ("member", "integer"), ("job", "categorical"),
    ]  # fmt: skip
    assert data.features[3].categories == ("clerk", "cook", "smith")


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_separators_and_byte_order_marks(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "t.csv"
    FRAME.write_csv(path, separator=separator)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [f.name for f in read(path, target="default").features] == ["age", "rate", "member", "job"]


def test_config_overrides_drops_and_recodes(tmp_path: Path) -> None:
    path = table(tmp_path, FRAME, "csv")
    config = {"job": {"categories": ["vet", "smith", "cook", "clerk"]}, "rate": {"drop": True}, "age": {"high": 99}}
    data = read(path, target="default", features_config=config)
    assert data.x.tolist() == [[30, 1, 1], [41, 0, 3], [18, 1, 2], [77, 1, 3]]
    assert data.features[0].high == 99
    with pytest.raises(InputError, match=r"features\.agee"):
        read(path, target="default", features_config={"agee": {"immutable": True}})
    with pytest.raises(InputError, match=r"features\.ratee"):
        read(path, target="default", features_config={"ratee": {"drop": True}})


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([0, 2, 1, 0], ("0", "1", "2")),
        ([True, False, True, True], ("false", "true")),
        ([1.0, 0.0, 1.0, 0.0], ("0", "1")),
    ],
)
def test_kinds_of_labels(tmp_path: Path, labels: list[object], classes: tuple[str, ...]) -> None:
    frame = FRAME.with_columns(default=pl.Series(labels))
    for kind in ("csv", "parquet"):
        data = read(table(tmp_path, frame, kind), target="default")
        assert data.classes == classes
        assert data.y.tolist() == [int(v) for v in labels]  # type: ignore[call-overload]


BAD_TABLES: dict[str, tuple[pl.DataFrame, str]] = {
    "missing number": (
        FRAME.with_columns(age=pl.Series([1, None, 2, 3])),
        "'age' has 1 missing values, the first in row 2",
    ),
    "missing text": (FRAME.with_columns(job=pl.Series(["a", "b", None, "a"])), "'job' has 1 missing values"),
    "missing label": (FRAME.with_columns(default=pl.Series(["a", "b", None, "a"])), "'default' has 1 missing"),
    "NaN": (
        FRAME.with_columns(rate=pl.Series([1.0, 2.0, 3.0, float("nan")])),
        "'rate' has NaN or infinite values, the first in row 4",
    ),
    "date": (FRAME.with_columns(age=pl.Series([dt.date(2020, 1, d) for d in (1, 2, 3, 4)])), "'age' holds Date"),
    "moment": (
        FRAME.with_columns(age=pl.Series([dt.datetime(2020, 1, d) for d in (1, 2, 3, 4)])),
        "'age' holds Datetime",
    ),
    "list": (FRAME.with_columns(age=pl.Series([[1], [2], [3], [4]])), "'age' holds List"),
    "negative label": (FRAME.with_columns(default=pl.Series([-1, 1, 1, -1])), "label -1 is negative"),
    "fractional label": (FRAME.with_columns(default=pl.Series([0.5, 1, 1, 2])), "label 0.5 is not a whole number"),
    "one class": (FRAME.with_columns(default=pl.lit("no")), "every example has the label 'no'"),
    "no rows": (FRAME.clear(), "there are no rows"),
    "target alone": (FRAME.select("default"), "no column beside the target"),
    "free text": (
        pl.DataFrame({"name": [f"person {i}" for i in range(30)], "default": [0, 1] * 15}),
        "'name' holds 30 different texts in 30 rows",
    ),
}  # fmt: skip


@pytest.mark.parametrize("flaw", BAD_TABLES)
def test_bad_tables_are_refused(tmp_path: Path, flaw: str) -> None:
    frame, message = BAD_TABLES[flaw]
    with pytest.raises(InputError, match=message):
        read(table(tmp_path, frame, "parquet"), target="default")


def test_a_csv_with_gaps_twins_or_ragged_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text, message in [
        ("a,y\n1,0\n,1\n", "'a' has 1 missing values, the first in row 2"),
        ("a,a,y\n1,2,0\n3,4,1\n", "column 'a' is there twice"),
        ("a,y\n1,0\n2,1,9\n", "cannot be read as csv"),
        ("\n\n", "no rows|cannot be read"),
        ("a,y\n", "there are no rows"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read(path, target="y")
    path.write_bytes(b"a,y\n1,0\n\xff\xfe,1\n")
    with pytest.raises(InputError):
        read(path, target="y")


def test_the_target_must_be_named_and_be_there(tmp_path: Path) -> None:
    path = table(tmp_path, FRAME, "parquet")
    with pytest.raises(InputError, match="which column holds the labels") as caught:
        read(path)
    assert "default" in caught.value.hint
    with pytest.raises(InputError, match="no column 'defualt'") as caught:
        read(path, target="defualt")
    assert caught.value.hint == "did you mean 'default'?"


def test_truncated_parquet_is_refused(tmp_path: Path) -> None:
    good = table(tmp_path, FRAME, "parquet").read_bytes()
    path = tmp_path / "cut.parquet"
    for cut in range(4, len(good), max(1, len(good) // 40)):
        path.write_bytes(good[:cut])
        with pytest.raises(InputError, match="cannot be read as parquet"):
            read(path, target="default")


def test_a_flipped_parquet_is_read_or_refused(tmp_path: Path) -> None:
    good = table(tmp_path, FRAME, "parquet").read_bytes()
    path = tmp_path / "flip.parquet"
    for at in range(4, len(good), max(1, len(good) // 60)):
        content = bytearray(good)
        content[at] ^= 0xFF
        path.write_bytes(content)
        try:
            assert len(read(path, target="default")) > 0
        except HauberkError:
            continue


def test_a_parquet_of_too_many_cells_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": [0] * 1_000_000, "y": [0, 1] * 500_000}).write_parquet(path)
    with pytest.raises(LimitExceeded, match="1000000 rows of 2 columns"):
        read(path, target="y", limits=Limits(max_file_bytes=1 << 20))


# images


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_an_image_folder_round_trip(tmp_path: Path, mode: str, channels: int) -> None:
    root = folder(tmp_path / "photos", mode=mode)
    (root / "cat" / "Thumbs.db").write_bytes(b"x")
    (root / ".hidden").mkdir()
    data = read(root)
    assert data.x.shape == (6, channels, 4, 5)
    assert (data.classes, data.y.tolist()) == (("cat", "dog"), [0, 0, 0, 1, 1, 1])
    pixels = np.asarray(Image.open(root / "dog" / "1.png"), dtype=np.float32) / 255
    assert np.array_equal(data.x[4], pixels[None] if mode == "L" else pixels.transpose(2, 0, 1))


def test_mixed_grey_and_colour_become_colour(tmp_path: Path) -> None:
    root = folder(tmp_path / "photos")
    Image.new("L", (5, 4), 128).save(root / "cat" / "9.png")
    data = read(root)
    assert data.x[3] == pytest.approx(128 / 255)
    assert data.x.shape == (7, 3, 4, 5)


def spoil(root: Path, flaw: str) -> None:
    bad = root / "dog" / "bad.png"
    if flaw == "size":
        Image.new("RGB", (6, 4)).save(bad)
    elif flaw == "text":
        bad.write_text("no picture")
    elif flaw == "truncated":
        bad.write_bytes((root / "dog" / "0.png").read_bytes()[:60])
    elif flaw == "animation":
        frames = [Image.new("RGB", (5, 4), c) for c in ("red", "blue")]
        frames[0].save(root / "dog" / "bad.gif", save_all=True, append_images=frames[1:])
    elif flaw == "deep":
        Image.fromarray(np.zeros((4, 5), np.uint16)).save(bad)
    elif flaw == "nested":
        bad.mkdir()
    elif flaw == "link":
        bad.symlink_to(root / "dog" / "0.png")


@pytest.mark.parametrize(
    ("flaw", "message"),
    [("size", "6x4 pixels, 0.png has 5x4"), ("text", "not an image"), ("truncated", "damaged image|not an image"),
     ("animation", "an animation"), ("deep", "mode I;16"), ("nested", "not a plain file"),
     ("link", "not a plain file")],
)  # fmt: skip
def test_bad_image_folders_are_refused(tmp_path: Path, flaw: str, message: str) -> None:
    root = folder(tmp_path / "photos")
    spoil(root, flaw)
    with pytest.raises(InputError, match=message):
        read(root)


def test_folders_without_classes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="no subfolders"):
        read(tmp_path / "a")
    with pytest.raises(InputError, match="its subfolders are empty"):
        read(tmp_path)
    Image.new("L", (5, 4)).save(tmp_path / "a" / "1.png")
    with pytest.raises(InputError, match="every example has the label 'a'"):
        read(tmp_path)


def test_an_image_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    root = folder(tmp_path / "photos", n=1, size=(5, 4))
    for file in root.rglob("*.png"):
        buffer = io.BytesIO()
        Image.new("1", (9000, 9000)).save(buffer, "PNG")
        file.write_bytes(buffer.getvalue())
    with pytest.raises(LimitExceeded, match="9000x9000 are too large"):
        read(root)
    with pytest.raises(LimitExceeded, match="2 files, the limit is 1"):
        read(root, limits=Limits(max_members=1))


# labels


def test_labels_of_bytes_and_no_labels() -> None:
    assert encode(np.array([b"b", b"a"]), "t")[1] == ("a", "b")
    with pytest.raises(InputError, match="there are no examples"):
        encode(np.array([]), "t")
    with pytest.raises(InputError, match="labels are object"):
        encode(np.array([1, None, "a"], dtype=object), "t")
