"""HDF5 held against h5py: the same objects, the same texts, and no complaint, in every layout that it writes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from hauberk.artifact.formats import hdf5
from hauberk.artifact.formats.hdf5_file import File
from hauberk.artifact.formats.hdf5_header import Message
from hauberk.artifact.route import walk_content
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

h5py = pytest.importorskip("h5py")
np = pytest.importorskip("numpy")

VERSIONS = ("earliest", "latest", ("v108", "v108"), ("v110", "v110"))
Fill = Callable[[Any], None]


class Recorder(hdf5.Reader):
    """Remembers what it met."""

    def __init__(self, data: bytes) -> None:
        super().__init__(Walk(Limits(), walk_content), File(memoryview(data)), "")
        self.met: set[str] = set()
        self.texts: set[bytes] = set()
        self.content.text = self._keep  # type: ignore[method-assign]
        self.run()

    def _object(self, found: list[Message], name: str) -> list[tuple[int, str]]:
        self.met.add(name)
        return super()._object(found, name)

    def _keep(self, text: memoryview, name: str) -> None:
        self.texts.add(bytes(text).rstrip(b"\0"))


def many_groups(file: Any) -> None:
    for n in range(300):
        file.create_group(f"group {n:05d}").attrs["i"] = n
    for n in range(200):
        file.attrs[f"attribute {n}"] = "v" * n + str(n)


def many_data_sets(file: Any) -> None:
    for n in range(1500):
        file[f"data {n}"] = np.arange(n % 7)


def chunks(file: Any) -> None:
    for name, grows in (("fixed", (2000,)), ("grows", (None,)), ("two", (None, None))):
        for packed in (None, "gzip"):
            size = (2000,) if len(grows) == 1 else (40, 50)
            words = np.array([f"{name} {packed} {n}" for n in range(2000)], dtype=object).reshape(size)
            options = {"maxshape": grows, "chunks": (3,) * len(grows), "compression": packed, "shuffle": bool(packed)}
            file.create_dataset(f"{name} {packed}", data=words, dtype=h5py.string_dtype(), **options)
            file.create_dataset(f"{name} {packed} n", data=np.ones(size), fletcher32=bool(packed), **options)
    file.create_dataset("one", data=np.ones((9, 9)), chunks=(9, 9), compression="gzip")
    file.create_dataset("lzf", data=np.ones((9, 9)), chunks=(3, 3), compression="lzf")
    file.create_dataset("nothing", shape=(100, 100), chunks=(10, 10), dtype="f4")


def long_array_of_chunks(file: Any) -> None:
    """Paged arrays of chunks."""
    for name, grows in (("fixed", None), ("grows", (None,))):
        file.create_dataset(name, data=np.arange(9000, dtype="i4"), chunks=(2,), maxshape=grows)
    data = file.create_dataset("holes", shape=(9000,), chunks=(2,), maxshape=(None,), dtype="i4")
    data[8000:] = 1


def types(file: Any) -> None:
    row = np.dtype([("a", "i4"), ("b", "S7"), ("c", "f8", (2, 3)), ("d", h5py.string_dtype())])
    table = file.create_dataset("compound", shape=(2,), dtype=row)
    table[0] = (1, b"inside", np.ones((2, 3)), "in a heap")
    file["enum"] = np.array([1, 2]).astype(h5py.enum_dtype({"A": 1, "B": 2}, basetype="i1"))
    file.create_dataset("sequence", shape=(3,), dtype=h5py.vlen_dtype("i4"))[0] = [1, 2, 3]
    file["complex"], file["half"], file["flag"] = np.array([1 + 2j]), np.ones(3, "f2"), np.array([True, False])
    file["opaque"] = np.void(b"some bytes")
    file["reference"], file["region"] = file["half"].ref, file["half"].regionref[0:1]
    file["committed"] = np.dtype("f8")
    file.create_dataset("of it", (3,), dtype=file["committed"])
    file.attrs.create("of it", np.ones(2), dtype=file["committed"])
    file["texts"] = np.array([b"abc", b"defg"])
    file.attrs["empty"] = h5py.Empty("S10")


def replaced(file: Any) -> None:
    for n in range(50):
        file.attrs["x"] = "y" * (n * 5)
    file["soft"] = h5py.SoftLink("/nowhere")


def large_attributes(file: Any) -> None:
    for n in range(10):
        file.attrs.create(f"large {n}", np.zeros(50_000))
    file.attrs["text"] = np.bytes_(b"q" * 100_000)


FILLS: tuple[Fill, ...] = (many_groups, many_data_sets, chunks, long_array_of_chunks, types, replaced)


def written(fill: Fill, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


def expected(data: bytes) -> tuple[set[str], set[bytes]]:
    """The objects of a file (a hard link to one that is known is not followed), and its texts."""
    names, texts = {"/"}, set()

    def note(value: Any) -> None:
        if isinstance(value, np.ndarray | list | tuple):
            for item in value:
                note(item)
        elif isinstance(value, np.void) and value.dtype.names:
            note([value[name] for name in value.dtype.names])
        elif isinstance(value, str | bytes | np.void):
            texts.add(value.encode() if isinstance(value, str) else bytes(value))

    def visit(name: str, item: Any) -> None:
        names.add(f"/{name}")
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "OSV" and h5py.check_ref_dtype(item.dtype) is None:
            note(item[()])
        for key in item.attrs:
            note(item.attrs[key])

    with h5py.File(io.BytesIO(data), "r") as file:
        for key in file.attrs:
            note(file.attrs[key])
        file.visititems(visit)
    return names, {text for text in texts if text}


@pytest.mark.parametrize("version", VERSIONS, ids=str)
@pytest.mark.parametrize("fill", FILLS, ids=lambda f: f.__name__)
def test_the_same_objects_and_texts(fill: Fill, version: Any) -> None:
    data = written(fill, libver=version)
    reader, (names, texts) = Recorder(data), expected(data)
    assert reader.met == names
    assert {text for text in reader.texts if text} == texts
    assert not reader.walk.flaws
    assert not reader.walk.skipped


@pytest.mark.parametrize(
    "options",
    [
        {"userblock_size": 512},
        {"userblock_size": 2048, "libver": "latest"},
        {"track_order": True, "libver": "latest"},
        {"track_order": True},
        *({"fs_strategy": way, "fs_persist": keep} for way in ("page", "fsm", "aggregate") for keep in (True, False)),
    ],
    ids=str,
)
def test_ways_to_lay_out_a_file(options: dict[str, Any]) -> None:
    data = written(many_groups, **options)
    reader, (names, texts) = Recorder(data), expected(data)
    assert (reader.met, {text for text in reader.texts if text}) == (names, texts)
    assert not reader.walk.flaws
    assert not reader.walk.skipped


def test_large_attributes_lie_outside_the_heap() -> None:
    reader = Recorder(written(large_attributes, libver="latest"))
    assert b"q" * 100_000 in reader.texts
    assert not reader.walk.flaws


def test_what_h5py_links_and_leaves_elsewhere(tmp_path: Any) -> None:
    def fill(file: Any) -> None:
        file["link"] = h5py.ExternalLink("other.h5", "/x")
        file.create_dataset("raw", shape=(10,), dtype="u1", external=[(str(tmp_path / "raw.bin"), 0, 10)])
        layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
        layout[:] = h5py.VirtualSource("third.h5", "y", shape=(4,))
        file.create_virtual_dataset("virtual", layout)

    for version in ("earliest", "latest"):
        flaws = Recorder(written(fill, libver=version)).walk.flaws
        assert {(f.rule, f.place.part) for f in flaws} == {
            ("artifact.hdf5.external", part) for part in ("/link", "/raw", "/virtual")
        }
        assert {name for f in flaws for name in ("other.h5", "raw.bin", "third.h5") if name in f.message} == {
            "other.h5", "raw.bin", "third.h5"
        }  # fmt: skip


def test_what_was_deleted_and_still_stands_there_is_told() -> None:
    def fill(file: Any) -> None:
        for n in range(50):
            file[f"d{n}"] = np.full(1000, np.pi)
        for n in range(0, 50, 2):
            del file[f"d{n}"]

    assert [flaw.rule for flaw in Recorder(written(fill)).walk.flaws] == ["artifact.hdf5.hidden"]
