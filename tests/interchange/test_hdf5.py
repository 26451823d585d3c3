"""HDF5 files with links to other files or false sizes."""

import io

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.interchange.hdf5 import ArrayFile

h5py = pytest.importorskip("h5py")

NOT_PLAIN = (
    "the weights at 'a/b' are packed, cut into chunks or kept in other files, which Keras never"
    " does"
)
VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)


def written(write):
    """Write an HDF5 file."""
    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        write(content)
    return file


def read(write, path="a/b", shape=(4, 3), **options):
    file = written(write)
    return ArrayFile(file, len(file.getvalue())).read(path, shape, **options)


def refusal(write, *arguments, **options):
    with pytest.raises(BundleError) as caught:
        read(write, *arguments, **options)
    return str(caught.value)


def dataset(values=VALUES, **options):
    return lambda file: file.create_dataset("a/b", data=values, **options)


def test_arrays_are_read_as_h5py_reads_them():
    np.testing.assert_array_equal(read(dataset()), VALUES)
    np.testing.assert_array_equal(read(dataset(), rows=2), VALUES[:2])
    np.testing.assert_array_equal(read(dataset(), rows=9), VALUES)


def test_groups_of_many_members_are_searched():
    def many(file):
        for number in range(500):
            file[f"a/layer_{number}"] = VALUES + number

    for number in (0, 7, 123, 499):
        np.testing.assert_array_equal(read(many, f"a/layer_{number}"), VALUES + number)
    assert refusal(many, "a/layer_500") == "the weights have no array 'a/layer_500'"


def test_attributes_and_hard_links_are_no_hindrance():
    def decorated(file):
        file["x"] = VALUES
        file.create_group("a")["b"] = file["x"]
        for number in range(30):
            file["a"].attrs[f"name {number}"] = file["x"].attrs[f"name {number}"] = "v" * 1000

    np.testing.assert_array_equal(read(decorated), VALUES)


def test_missing_files_are_refused():
    for path in ("a/c", "b", "a/b/c", "a/b/c/d"):
        assert refusal(dataset(), path) == f"the weights have no array '{path}'"
    assert refusal(dataset(), "a") == "the weights have no array 'a'"


def test_another_shape_or_type():
    assert refusal(dataset(), shape=(3, 4)) == (
        "the weights at 'a/b' are float32 [4, 3]; they must be float32 [3, 4]"
    )
    assert refusal(dataset(VALUES.astype(np.float16))) == (
        "the weights at 'a/b' are float16 [4, 3]; they must be float32 [4, 3]"
    )
    assert refusal(dataset(VALUES.astype(">f4"))) == (
        "the weights at 'a/b' are big-endian float32 [4, 3]; they must be float32 [4, 3]"
    )
    assert refusal(dataset(np.bytes_(b"text"))) == (
        "the weights at 'a/b' are not numbers []; they must be float32 [4, 3]"
    )
    assert refusal(lambda file: file.create_dataset("a/b", data=h5py.Empty("f4"))) == (
        "the weights at 'a/b' are float32 of no shape; they must be float32 [4, 3]"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    values = VALUES.copy()
    values[2, 1] = value
    assert refusal(dataset(values)) == "the weights at 'a/b' contain values that are not finite"


def test_links_are_not_followed(tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x/b"] = VALUES

    def external(file):
        file["a"] = h5py.ExternalLink(str(other), "/x")

    def external_array(file):
        file["a/b"] = h5py.ExternalLink(str(other), "/x/b")

    def soft(file):
        file["x/b"] = VALUES
        file["a"] = h5py.SoftLink("/x")

    for write in (external, external_array, soft):
        assert refusal(write) == (
            "the weights at 'a/b' are behind links that Keras never writes, such as to other files;"
            " such links are not followed"
        )


def test_data_kept_in_other_files_is_not_read(tmp_path):
    raw = tmp_path / "raw"
    raw.write_bytes(VALUES.tobytes())

    def outside(file):
        file.create_dataset("a/b", (4, 3), np.float32, external=[(str(raw), 0, 48)])

    def virtual(file):
        layout = h5py.VirtualLayout((4, 3), np.float32)
        layout[:] = h5py.VirtualSource(str(tmp_path / "v.h5"), "x", (4, 3))
        file.create_virtual_dataset("a/b", layout)

    for write in (outside, virtual):
        assert refusal(write) == NOT_PLAIN


def test_chunks_and_filters_are_refused():
    for options in (
        {"chunks": (2, 3)}, {"compression": "gzip"}, {"shuffle": True}, {"fletcher32": True}
    ):  # fmt: skip
        assert refusal(dataset(**options)) == NOT_PLAIN


def test_bytes_that_are_not_there_are_not_read():
    def hollow(file):
        file.create_dataset("a/b", (4, 3), np.float32)

    assert refusal(hollow) == "the weights at 'a/b' claim 48 bytes, and only 0 are present"

    def vast(file):
        file.create_dataset("a/b", (2**40, 3), np.float32)

    assert refusal(vast, shape=(2**40, 3)) == (
        "the weights at 'a/b' claim 13,194,139,533,312 bytes, and only 0 are present"
    )


def test_a_truncated_file_is_refused():
    content = written(dataset()).getvalue()
    with pytest.raises(BundleError) as caught:
        ArrayFile(io.BytesIO(content[:-1]), len(content) - 1).read("a/b", (4, 3))
    assert str(caught.value) == (
        f"the weights are truncated: {len(content) - 1:,} of {len(content):,} bytes are present"
    )


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a", bytes(1000)])
def test_files_that_are_not_hdf5_are_refused(content):
    with pytest.raises(BundleError) as caught:
        ArrayFile(io.BytesIO(content), len(content)).read("a/b", (4, 3))
    assert str(caught.value) == "the weights are not an HDF5 file"


@pytest.mark.parametrize("version", ["v108", "latest"])
def test_newer_layouts_are_named(version):
    file = io.BytesIO()
    with h5py.File(file, "w", libver=version) as content:
        content["a/b"] = VALUES
    with pytest.raises(BundleError) as caught:
        ArrayFile(file, len(file.getvalue())).read("a/b", (4, 3))
    assert str(caught.value) == ("the weights are an HDF5 file of another layout than Keras writes")


def test_trees_that_run_in_a_circle_end():
    content = bytearray(written(dataset()).getvalue())
    tree = content.index(b"TREE")
    content[tree + 32 : tree + 40] = tree.to_bytes(8, "little")
    with pytest.raises(BundleError) as caught:
        ArrayFile(io.BytesIO(content), len(content)).read("a/b", (4, 3))
    assert str(caught.value) == f"the weights are damaged at byte {tree:,}"


def test_any_bytes_changed_end_in_values_or_a_message():
    content, rng = written(dataset()).getvalue(), np.random.default_rng(0)
    outcomes = set()
    for _ in range(3000):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 5)):
            changed[place] = rng.integers(0, 256)
        try:
            values = ArrayFile(io.BytesIO(changed), len(changed)).read("a/b", (4, 3))
            outcomes.add(values.shape)
        except BundleError:
            outcomes.add("refused")
    assert outcomes == {(4, 3), "refused"}
