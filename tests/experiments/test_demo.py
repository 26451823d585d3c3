from itertools import pairwise

import pytest

from wordgate.errors import BundleError
from wordgate.experiments import demo
from wordgate.runtime.progress import Silent


@pytest.fixture
def quick(monkeypatch):
    """Let the demo train word counts on a part of its corpus, which takes no time."""
    train, corpus = demo.train, demo.demo_corpus
    monkeypatch.setattr(demo, "train", lambda *a, **options: train(*a, model="count", **options))
    monkeypatch.setattr(demo, "demo_corpus", lambda seed: corpus(seed, n_groups=40))


def refusal(folder):
    with pytest.raises(BundleError) as caught:
        demo.run_demo(folder, seed=0, progress=Silent())
    return str(caught.value)


@pytest.mark.usefixtures("quick")
def test_a_demo_makes_a_corpus_a_model_and_growing_sentences(tmp_path):
    outcome = demo.run_demo(tmp_path / "demo", seed=0, progress=Silent())
    assert {file.name for file in (tmp_path / "demo").iterdir()} == {"corpus.csv", "model"}
    assert outcome.training.metrics.split.leaked_by_group == 0
    for stages in outcome.growing:
        texts = [text for text, _, _ in stages]
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    demo.run_demo(tmp_path / "demo", seed=0, progress=Silent())


@pytest.mark.usefixtures("quick")
def test_files_of_a_killed_demo_block_no_next_one(tmp_path):
    (tmp_path / ".corpus.csv.new").write_text("half of it")
    (tmp_path / ".model.new").mkdir()
    demo.run_demo(tmp_path, seed=0, progress=Silent())
    assert {file.name for file in tmp_path.iterdir()} == {"corpus.csv", "model"}


def test_only_an_earlier_demo_is_replaced(tmp_path):
    file, folder, model = tmp_path / "file", tmp_path / "folder", tmp_path / "mine"
    file.write_text("mine")
    folder.mkdir()
    (folder / "corpus.csv").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (model / "model").mkdir(parents=True)
    assert refusal(file) == f"{file} exists and is not a folder; choose another --out"
    for path in (folder, model):
        assert refusal(path) == f"{path} exists and is not an earlier demo; choose another --out"


def test_a_folder_that_cant_be_made_is_refused():
    assert refusal("/proc/demo").startswith("the folder /proc/demo cannot be created: ")
