"""HDF5 files that lead out of themselves or lie about what they hold."""

import io

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.interchange.hdf5 import open_arrays

h5py = pytest.importorskip("h5py")

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)


def written(write):
    """Write an HDF5 file."""
    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        write(content)
    return file


def read(write, path="a/b", shape=(4, 3), **options):
    file = written(write)
    with open_arrays(file, len(file.getvalue())) as arrays:
        return arrays.read(path, shape, **options)


def refusal(write, *arguments, **options):
    with pytest.raises(BundleError) as caught:
        read(write, *arguments, **options)
    return str(caught.value)


def dataset(values=VALUES, **options):
    return lambda file: file.create_dataset("a/b", data=values, **options)


def test_plain_and_chunked_arrays_are_read():
    for options in ({}, {"chunks": (2, 3)}, {"chunks": (3, 2)}, {"maxshape": (None, 3)}):
        np.testing.assert_array_equal(read(dataset(**options)), VALUES)
        np.testing.assert_array_equal(read(dataset(**options), rows=2), VALUES[:2])


def test_what_is_not_there():
    for path in ("a/c", "b", "a/b/c", "a/b/c/d"):
        assert refusal(dataset(), path) == f"the weights have no array '{path}'"
    assert refusal(dataset(), "a") == "the weights have no array 'a'"


def test_another_shape_or_type():
    assert refusal(dataset(), shape=(3, 4)) == (
        "the weights at 'a/b' are float32 [4, 3] where float32 [3, 4] belongs"
    )
    assert refusal(dataset(VALUES.astype(np.float16))) == (
        "the weights at 'a/b' are float16 [4, 3] where float32 [4, 3] belongs"
    )
    assert refusal(dataset(VALUES.astype(">f4"))) == (
        "the weights at 'a/b' are >f4 [4, 3] where float32 [4, 3] belongs"
    )
    assert refusal(dataset(np.bytes_(b"text"))) == (
        "the weights at 'a/b' are |S4 [] where float32 [4, 3] belongs"
    )
    assert refusal(lambda file: file.create_dataset("a/b", data=h5py.Empty("f4"))) == (
        "the weights at 'a/b' are float32 nothing where float32 [4, 3] belongs"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    values = VALUES.copy()
    values[2, 1] = value
    assert refusal(dataset(values)) == "the weights at 'a/b' hold values that are not finite"


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

    for write, kind in ((external, "External"), (external_array, "External"), (soft, "Soft")):
        assert refusal(write) == (
            f"the weights at 'a/b' are a {kind}Link to somewhere else, which is not followed"
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
        assert refusal(write) == "the weights at 'a/b' are kept in another file, which is not read"


def test_filters_are_refused():
    for options in ({"compression": "gzip"}, {"shuffle": True}, {"fletcher32": True}):
        assert (
            refusal(dataset(**options)) == "the weights at 'a/b' are packed, which Keras never does"
        )


def test_bytes_that_are_not_there_are_not_read():
    def hollow(file):
        file.create_dataset("a/b", (4, 3), np.float32, chunks=(1, 3))

    assert refusal(hollow) == "the weights at 'a/b' claim 48 bytes, and only 0 are there"
    file = written(dataset())
    with open_arrays(file, 47) as arrays, pytest.raises(BundleError) as caught:
        arrays.read("a/b", (4, 3))
    assert str(caught.value) == "the weights at 'a/b' claim 48 bytes, and only 47 are there"


def test_what_is_no_hdf5_file():
    with pytest.raises(BundleError) as caught, open_arrays(io.BytesIO(b"text"), 4):
        pass
    assert str(caught.value).startswith("the weights are no HDF5 file: ")
