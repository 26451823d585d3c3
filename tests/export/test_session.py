import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.export.parity import Session

pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    file = tmp_path / "m.onnx"
    file.write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"^ONNX Runtime cannot read what was written: "):
        Session(file, threads=1)


def test_a_model_that_cannot_be_run_is_refused(make_lstm, exported):
    session = exported(make_lstm())
    with pytest.raises(BundleError, match=r"^ONNX Runtime cannot run what was written: "):
        session.probabilities(np.array([[10**6]]), np.array([1]))


def test_it_computes_in_the_threads_asked_for(make_lstm, exported):
    options = exported(make_lstm())._session.get_session_options()
    assert options.intra_op_num_threads == 2


def test_the_metadata_are_there(make_lstm, exported):
    assert exported(make_lstm()).metadata["family"] == "lstm"
