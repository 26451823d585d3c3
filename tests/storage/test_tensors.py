import numpy as np
from safetensors import safe_open

from wordgate.storage.tensors import write_arrays


def test_safetensors_reads_the_file(tmp_path):
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
        "b": np.float64([[1.5], [-0.0]]),
        "none": np.zeros((0, 4), np.float32),
        "zero dimensions": np.array(2.5, np.float32),
    }
    write_arrays(tmp_path / "file", arrays, {"wordgate": '{"é": 1}'})
    with safe_open(tmp_path / "file", framework="numpy") as stored:
        assert stored.metadata() == {"wordgate": '{"é": 1}'}
        assert set(stored.keys()) == set(arrays)
        for name, array in arrays.items():
            found = stored.get_tensor(name)
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)


def test_the_disk_holds_that_file_alone(tmp_path):
    write_arrays(tmp_path / "file", {"a": np.zeros(3)}, {})
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
