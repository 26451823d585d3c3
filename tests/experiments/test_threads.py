"""Computations besides the models, such as matrix products, respect `threads`, too."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import wordgate
from wordgate import estimator
from wordgate.experiments import compare, distill, evaluate, export, training_run
from wordgate.runtime.progress import Silent

WORK = {
    "train": (training_run, "split_table"),
    "compare": (compare, "run_models"),
    "evaluate": (evaluate, "labelled_rows"),
    "export_onnx": (export, "labelled_rows"),
    "distill": (distill, "distill_words"),
    "WordgateClassifier": (estimator, "fit_model"),
}


@pytest.fixture
def run(reviews, lstm_model, tmp_path, request):
    """Do a piece of work in one thread, by its public name."""

    def do(name):
        options = {"threads": 1, "progress": Silent()}
        if name == "train":
            wordgate.train(reviews, model="count", **options)
        elif name == "compare":
            wordgate.compare(reviews, models=["count"], split="grouped", **options)
        elif name == "evaluate":
            wordgate.evaluate(lstm_model.folder, reviews, threads=1)
        elif name == "export_onnx":
            pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
            out = tmp_path / "m.onnx"
            wordgate.export_onnx(lstm_model.folder, out, int8=True, data=reviews, threads=1)
        elif name == "distill":
            teacher = request.getfixturevalue("tiny_teacher")
            wordgate.distill(reviews, teacher=teacher, out=tmp_path / "w.bin", **options)
        else:
            texts = [f"We {mood} it {n}" for n in range(20) for mood in ("love", "hate")]
            wordgate.WordgateClassifier(model="count", threads=1).fit(texts, ["good", "bad"] * 20)

    return do


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("name", WORK)
def test_blas_keeps_to_the_threads_asked_for(run, monkeypatch, name):
    module, function = WORK[name]
    real, seen = getattr(module, function), []

    def watched(*arguments, **options):
        seen.append(blas_threads())
        return real(*arguments, **options)

    monkeypatch.setattr(module, function, watched)
    with threadpool_limits(2, user_api="blas"):
        run(name)
        assert blas_threads() == {2}
    assert seen[0] == {1}
