"""Every family on the same splits, with paired differences, resumable."""

import json
import os
import shutil

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from tests.conftest import RecordingProgress

import wordgate
from wordgate.experiments import compare as compare_experiment
from wordgate.experiments import students
from wordgate.families import FAMILIES
from wordgate.report.comparison import methods
from wordgate.runtime.progress import Silent
from wordgate.storage.resumable import digest
from wordgate.training import transformer


@pytest.fixture(scope="module")
def compare(reviews, tiny):
    """Compare word counts and a tiny LSTM on the reviews, each id with five near copies."""

    def run(**options):
        return wordgate.compare(
            reviews,
            **{"models": ["count", "lstm"], "settings": tiny, "progress": Silent()} | options,
        )

    return run


@pytest.fixture(scope="module")
def compared(compare):
    """What `compare()` gives: computed once, for the tests that only look at it."""
    return compare()


def test_each_family_is_evaluated_on_both_kinds_of_split(compared):
    found = compared
    assert [(result.family, result.kind) for result in found.results] == [
        ("count", "random"), ("count", "grouped"), ("lstm", "random"), ("lstm", "grouped"),
    ]  # fmt: skip
    for result in found.results:
        assert result.scores.n == 60
        assert "groups" in result.scores.intervals.accuracy.method
        assert result.train_seconds > 0
        assert result.texts_per_second > 0
        assert result.megabytes > 0


def test_the_simplest_family_comes_first_however_they_are_named(compare):
    found = compare(models=["lstm", "count"], split="grouped")
    assert found.families == ("count", "lstm")
    assert [(test.family, test.simpler) for test in found.paired_tests] == [("lstm", "count")]


def test_a_result_is_that_of_training_the_family_alone(compare, count_model):
    result = compare(models=["count"], settings=None).result("count", "grouped")
    metrics = count_model.metrics
    assert (result.scores.accuracy, result.scores.log_loss) == (metrics.accuracy, metrics.log_loss)


def test_a_paired_test_compares_two_models_on_the_same_rows(compared):
    found = compared
    test = found.paired_test("lstm", "grouped")
    above, below = found.result("lstm", "grouped"), found.result("count", "grouped")
    assert test.difference.difference == pytest.approx(
        above.scores.accuracy - below.scores.accuracy
    )
    assert "sign-flip test over groups" in test.difference.method
    assert found.paired_test("count", "grouped") is None


def test_methods_are_named_for_each_kind(compared):
    sentences = [sentence for sentence in methods(compared) if sentence.startswith("Paired tests")]
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "Paired tests, random split",
        "Paired tests, grouped split",
    ]
    assert "bootstrap over 12 groups" in sentences[1]
    assert "bootstrap over 12 groups" not in sentences[0]  # rows of more groups judge there


def test_folds_evaluate_every_row_once(compare):
    found = compare(folds=3, models=["count"], settings=None)
    assert [result.scores.n for result in found.results] == [300, 300]
    assert found.result("count", "random").scores.accuracy >= 0.9


def test_the_random_split_leaks_and_it_is_reported(compare):
    leaks = compare(models=["count"], settings=None).leaks
    assert leaks["grouped"].startswith(
        "grouped split: Of 60 test rows, 0 (0.0%) share a group with training rows"
    )
    assert "60 (100.0%) share a group with training rows" in leaks["random"]


def test_one_kind_alone_may_be_asked_for(compare):
    assert compare(models=["count"], settings=None, split="random").kinds == ("random",)


def test_families_that_lack_word_vectors_are_left_out_and_named(compare, monkeypatch):
    few = {name: FAMILIES[name] for name in ("count", "logreg")}
    monkeypatch.setattr("wordgate.experiments.resolving.FAMILIES", few)
    found = compare(models=None, settings=None, split="grouped")
    assert found.families == ("count",)
    assert found.left_out == (
        "Left out: logreg, which averages word vectors: give a file with --vectors; 'wordgate"
        " vectors distill' creates them for your vocabulary.",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": ["cuont"]}, "no family of models 'cuont'; did you mean 'count'"),
        ({"models": ["count", "count"]}, "models are count, count: give each once"),
        ({"models": ["count"]}, "epochs has no effect on count models"),
        ({"models": ["logreg"], "settings": None}, "need word vectors"),
        ({"split": "random", "split_column": "id"}, "--split random has no effect with"),
        (
            {"models": ["count"], "settings": {"split": "random"}},
            "split has no effect as a setting",
        ),
        ({"test_size": 0.3, "folds": 3}, "test_size has no effect with --folds: leave it out"),
        ({"test_size": 0.3, "test": "x.csv"}, "test_size has no effect with --test: leave it out"),
        ({"models": ["count"], "settings": None, "device": "cuda"}, "'cuda' has no effect"),
        ({"folds": 3, "split_column": "id"}, "--folds assigns all rows to folds"),
        ({"resume": True}, "give the output of the comparison to resume as `out`"),
    ],
)
def test_impossible_options_are_refused(compare, options, message):
    with pytest.raises(wordgate.SettingsError, match=message):
        compare(**options)


def test_a_transformer_that_is_not_there_is_missed_before_the_work(compare, tmp_path):
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    done = []
    with pytest.raises(wordgate.DataError, match="no folder 'mine' for the transformer"):
        compare(
            models=["count", "transformer"],
            settings={"transformer.model": "mine"},
            out=tmp_path / "comparison",
            watch=done.append,
        )
    assert done == []
    assert list(tmp_path.glob("comparison*")) == []


@pytest.fixture(scope="module")
def checkpoint_after_one(compare, tmp_path_factory):
    """What a comparison leaves that is interrupted after its first result."""

    def stop(comparison):
        raise KeyboardInterrupt

    out = tmp_path_factory.mktemp("stopped") / "comparison"
    with pytest.raises(KeyboardInterrupt, match=r"comparison\.checkpoint; run the same command"):
        compare(out=out, watch=stop)
    return out.with_name("comparison.checkpoint")


@pytest.fixture
def stopped_after_one(checkpoint_after_one, tmp_path):
    """A comparison that was interrupted after its first result."""
    shutil.copytree(checkpoint_after_one, tmp_path / checkpoint_after_one.name)
    return tmp_path / "comparison"


def test_it_continues_where_it_stopped(compare, compared, stopped_after_one, monkeypatch):
    kept = stopped_after_one.with_name("comparison.checkpoint")
    assert [file.name for file in kept.iterdir()] == ["random-count-1.safetensors"]
    fitted = []
    fit = students.fit_calibrated
    monkeypatch.setattr(
        students,
        "fit_calibrated",
        lambda *args: fitted.append(args[0]) or fit(*args),
    )
    resumed = compare(out=stopped_after_one, resume=True)
    assert fitted == ["count", "lstm", "lstm"]
    for one, other in zip(resumed.results, compared.results, strict=True):
        assert one.scores == other.scores
    assert not kept.exists()


def test_half_written_files_of_a_killed_run_block_no_next_comparison(compare, stopped_after_one):
    kept = stopped_after_one.with_name("comparison.checkpoint")
    (kept / ".random-lstm-1.safetensors.new").write_bytes(b"half of it")
    compare(out=stopped_after_one, overwrite=True, models=["count"], settings=None)
    assert not kept.exists()


def test_files_of_others_are_not_taken_away(compare, tmp_path):
    out, others = tmp_path / "llama", tmp_path / "llama.checkpoint"
    others.mkdir()
    weights = others / "model-00001.safetensors"
    save_file({"weights": np.zeros(3)}, weights)
    for options in ({}, {"overwrite": True}, {"resume": True}):
        assert refusal(compare, out=out, **options) == (
            f"{others} contains 'model-00001.safetensors', which is not part of a comparison; move"
            " it, or choose another --out"
        )
    weights.rename(others / "random-count-1.safetensors")  # named as ours are
    assert "contains 'random-count-1.safetensors', which" in refusal(
        compare, out=out, overwrite=True
    )
    assert [file.name for file in others.iterdir()] == ["random-count-1.safetensors"]


def test_files_of_others_that_appear_meanwhile_stay(compare, stopped_after_one):
    theirs = stopped_after_one.with_name("comparison.checkpoint") / "notes.txt"
    hidden = theirs.with_name(".DS_Store")
    hidden.write_bytes(b"")  # a desktop's: no reason to refuse
    assert compare(
        out=stopped_after_one, resume=True, watch=lambda comparison: theirs.write_text("mine")
    ).results
    assert sorted(theirs.parent.iterdir()) == [hidden, theirs]


def test_a_damaged_round_can_be_begun_anew(compare, stopped_after_one, kept_round):
    kept_round.write_bytes(kept_round.read_bytes()[:50])
    assert "delete it, or start over with --overwrite" in refusal(
        compare, out=stopped_after_one, resume=True
    )
    compare(out=stopped_after_one, overwrite=True, models=["count"], settings=None)
    assert not kept_round.parent.exists()


def test_a_file_where_its_folder_would_be_is_reported_before_the_work(compare, tmp_path):
    kept = tmp_path / "comparison.checkpoint"
    kept.write_text("mine")
    for options in ({}, {"overwrite": True}, {"resume": True}):
        assert refusal(compare, out=tmp_path / "comparison", **options) == (
            f"{kept} is not a folder, but a comparison is kept in a folder of this name; move it,"
            " or choose another --out"
        )
    assert kept.read_text() == "mine"


def test_a_failure_before_the_first_result_leaves_no_files(compare, tmp_path, monkeypatch):
    def fail(*args, **named):
        raise wordgate.DataError("no good")

    monkeypatch.setattr(students, "fit_calibrated", fail)
    with pytest.raises(wordgate.DataError, match="no good"):
        compare(out=tmp_path / "comparison")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_one_is_not_passed_over(compare, stopped_after_one):
    with pytest.raises(wordgate.BundleError, match="was interrupted and left"):
        compare(out=stopped_after_one)
    with pytest.raises(
        wordgate.BundleError,
        match="contains a comparison with other data, seed 0 instead of 1; give",
    ):
        compare(out=stopped_after_one, resume=True, seed=1)
    assert compare(out=stopped_after_one, overwrite=True, seed=1).seed == 1


def test_versions_and_threads_that_differ_are_reported_once(compare, tmp_path):
    def stop(comparison):
        if len(comparison.results) == 2:
            raise KeyboardInterrupt

    options = {"out": tmp_path / "comparison", "models": ["count"], "settings": None}
    with pytest.raises(KeyboardInterrupt):
        compare(watch=stop, **options)
    for file in (tmp_path / "comparison.checkpoint").iterdir():
        content, log_proba = round_of(file)
        content["environment"] |= {"threads": "64", "wordgate": "0.0"}
        forge(file, content, log_proba)
    progress = RecordingProgress()
    assert len(compare(resume=True, progress=progress, **options).results) == 2
    warnings = [line for line in progress.lines if "was started with" in line]
    assert warnings == [
        "The comparison was started with threads 64 instead of 1, wordgate 0.0 instead of"
        f" {wordgate.__version__}: its result may differ slightly from that of an uninterrupted"
        " one."
    ]


def test_another_transformer_in_the_same_folder_is_refused(compare, tmp_path, tiny_transformer):
    folder = tmp_path / "bert"
    shutil.copytree(tiny_transformer, folder)
    options = {
        "out": tmp_path / "comparison", "models": ["transformer"], "split": "grouped",
        "settings": {
            "transformer.model": str(folder), "transformer.epochs": 1, "transformer.min_updates": 0
        },
    }  # fmt: skip

    def stop(comparison):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(watch=stop, **options)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes())  # the same, for all we know without reading it
    with pytest.raises(
        wordgate.BundleError, match="contains a comparison with other transformer; g"
    ):
        compare(resume=True, **options)


def refusal(compare, **options):
    with pytest.raises(wordgate.BundleError) as refused:
        compare(**options)
    return str(refused.value)


def round_of(file):
    """Read what is kept of a round: its metadata and its log-probabilities."""
    with safe_open(file, framework="np") as stored:
        return json.loads(stored.metadata()["wordgate"]), stored.get_tensor("log_proba")


def forge(file, content, log_proba):
    """Write a round with a digest that is right."""
    arrays = {"log_proba": log_proba}
    signed = {**content, "digest": digest(content, arrays)}
    save_file(arrays, file, {"wordgate": json.dumps(signed)})


@pytest.fixture
def kept_round(stopped_after_one):
    return stopped_after_one.with_name("comparison.checkpoint") / "random-count-1.safetensors"


@pytest.mark.parametrize("old", [b'"temperature": ', b'"megabytes": ', None])
def test_a_changed_byte_of_a_fold_is_noticed(old, compare, stopped_after_one, kept_round):
    content = bytearray(kept_round.read_bytes())
    if old is None:
        content[-1] ^= 1
    else:
        written = old.replace(b'"', b'\\"')  # JSON within JSON
        at = content.index(written) + len(written)
        content[at] = ord("3") if content[at] != ord("3") else ord("4")
    kept_round.write_bytes(content)
    assert refusal(compare, out=stopped_after_one, resume=True) == (
        f"{kept_round} is damaged (its digest differs: at least one byte has changed); delete it,"
        " or start over with --overwrite"
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"temperature": "x"}, "temperature: Input should be a valid number"),
        ({"temperature": 0.0}, "temperature: Input should be greater than or equal to 0.01"),
        ({"train_seconds": None}, "train_seconds: Input should be a valid number"),
        ({"texts_per_second": float("inf")}, "texts_per_second: Input should be a finite number"),
        ({"megabytes": -1.0}, "megabytes: Input should be greater than or equal to 0"),
        ({"history": [{"epoch": 1}]}, "history.0.seconds: Field required"),
        ({"history": 7}, "history: Input should be a valid array"),
        ({"best_epoch": 3}, "of 0 epochs the best is 3"),
        ({"remarks": [1]}, "remarks.0: Input should be a valid string"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
    ],
)
def test_a_fold_with_impossible_values_is_refused(
    changes, why, compare, stopped_after_one, kept_round
):
    content, log_proba = round_of(kept_round)
    forge(kept_round, {**content, "result": content["result"] | changes}, log_proba)
    message = refusal(compare, out=stopped_after_one, resume=True)
    assert message.startswith(f"{kept_round} is damaged ({why}")
    assert message.endswith("); delete it, or start over with --overwrite")


def test_a_fold_of_other_rows_or_numbers_is_refused(compare, stopped_after_one, kept_round):
    content, log_proba = round_of(kept_round)
    for array in (log_proba[1:], log_proba[:, :1], log_proba[0], log_proba.astype(np.float32)):
        forge(kept_round, content, np.ascontiguousarray(array))
        message = refusal(compare, out=stopped_after_one, resume=True)
        assert f"is damaged (log_proba is {array.dtype} {list(array.shape)});" in message
    layout = {"layout": content["layout"]}
    for other in (layout, {**content, "result": 1}, {**content, "result": None}):
        forge(kept_round, other, log_proba)
        assert "is damaged (" in refusal(compare, out=stopped_after_one, resume=True)


def test_there_must_be_something_to_resume(compare, tmp_path):
    with pytest.raises(wordgate.BundleError, match="to resume from; leave out --resume to start"):
        compare(out=tmp_path / "comparison", resume=True)


def test_the_folder_holds_numbers_and_pictures(compare, tmp_path):
    found = compare(out=tmp_path / "comparison")
    facts = json.loads((tmp_path / "comparison" / "comparison.json").read_text(encoding="utf-8"))
    assert facts == json.loads(json.dumps(found.to_json()))
    assert facts["results"][3]["scores"]["n"] == 60
    page = (tmp_path / "comparison" / "report.html").read_text(encoding="utf-8")
    assert found.recommendation.sentences[0].split(":")[0] in page
    with pytest.raises(wordgate.BundleError, match="exists; choose another --out"):
        compare(out=tmp_path / "comparison")


def test_files_named_in_another_encoding_can_be_told(tmp_path, reviews, review_vectors):
    data, vectors = (tmp_path / os.fsdecode(name) for name in (b"h\xe9.csv", b"h\xe9.bin"))
    try:
        shutil.copy(reviews, data)
        shutil.copy(review_vectors, vectors)
    except OSError:
        pytest.skip("this file system knows no such names")
    wordgate.compare(
        data, models=["logreg"], vectors=vectors, out=tmp_path / "comparison", progress=Silent()
    )
    facts = json.loads((tmp_path / "comparison" / "comparison.json").read_text(encoding="utf-8"))
    assert facts["source"].endswith("h\ufffd.csv")
    assert facts["vectors"] == "h\ufffd.bin"


def test_its_page_has_a_section_on_each_family(compare, tmp_path, tiny):
    compare(out=tmp_path / "comparison", split="grouped", settings={**tiny, "text.max_tokens": 4})
    page = (tmp_path / "comparison" / "report.html").read_text(encoding="utf-8")
    assert page.count("<h3>Results by label</h3>") == 2
    assert page.count("<h3>Training</h3>") == 1  # word counts have no epochs
    assert "longer than 4 tokens and were truncated at the end" in page
    assert " by validation accuracy (" in page
    assert "<h2>The data</h2>" in page
    assert str(tmp_path) not in page


def test_texts_can_be_left_out_of_its_page(compare, tmp_path, reviews):
    texts = [line.split(",", 2)[2] for line in reviews.read_text(encoding="utf-8").splitlines()[1:]]
    held = []
    for no_texts in (False, True):
        out = tmp_path / f"comparison-{no_texts}"
        compare(out=out, models=["lstm"], split="grouped", no_texts=no_texts)
        page = (out / "report.html").read_text(encoding="utf-8")
        held.append(sum(text in page for text in texts))
    assert held[0] > 0
    assert held[1] == 0


def test_with_folds_its_page_covers_all_rows(compare, tmp_path):
    compare(out=tmp_path / "comparison", models=["lstm"], split="grouped", folds=3)
    page = (tmp_path / "comparison" / "report.html").read_text(encoding="utf-8")
    assert "300 rows" in page
    assert "<h3>Training</h3>" not in page


def test_a_folder_with_anything_else_is_not_replaced(compare, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(wordgate.BundleError, match="will not be replaced"):
        compare(out=tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_the_seed_moves_every_kind(compare):
    one, other = (compare(models=["count"], settings=None, seed=seed) for seed in (0, 1))
    for kind in one.kinds:
        assert not np.array_equal(
            one.result("count", kind).correct, other.result("count", kind).correct
        ) or (
            one.result("count", kind).scores.log_loss != other.result("count", kind).scores.log_loss
        )


def test_a_taught_lstm_takes_part_beside_the_families(compare, count_model, tiny):
    found = compare(
        models=["taught", "count"],
        teacher=str(count_model.folder),
        split="grouped",
        settings={**tiny, "teacher.texts": 300, "teacher.variations": 1},
    )
    assert found.families == ("count", "taught")
    assert [result.family for result in found.results] == ["count", "taught"]
    assert found.paired_tests[0].simpler == "count"


FINE_TUNED = {
    "transformer.epochs": 1, "transformer.min_updates": 0, "transformer.max_tokens": 16
}  # fmt: skip


@pytest.fixture
def fine_tunings(monkeypatch):
    """Count the fine-tunings."""
    counted, fit_transformer = [], transformer.fit_transformer

    def counting(data, settings, context):
        counted.append(context.seed)
        return fit_transformer(data, settings, context)

    monkeypatch.setattr(transformer, "fit_transformer", counting)
    return counted


@pytest.mark.parametrize("keeps", [False, True])
def test_a_transformer_that_taught_is_fine_tuned_once(
    compare, tiny, tiny_bert, fine_tunings, tmp_path, keeps
):
    """And comes to what it comes to by itself."""
    settings = {**tiny, **FINE_TUNED, "transformer.model": str(tiny_bert),
                "teacher.variations": 1}  # fmt: skip
    options = {"split": "grouped", "settings": settings}
    out = {"out": tmp_path / "comparison"} if keeps else {}
    both = compare(models=["taught", "transformer"], teacher=str(tiny_bert), **options, **out)
    assert len(fine_tunings) == 1
    fast = {**FINE_TUNED, "transformer.model": str(tiny_bert)}
    alone = compare(models=["transformer"], split="grouped", settings=fast)
    assert len(fine_tunings) == 2
    shared, own = (comparison.result("transformer", "grouped") for comparison in (both, alone))
    assert np.array_equal(shared.log_proba, own.log_proba)


def test_a_teacher_of_limited_time_is_not_taken_for_the_transformer(
    compare, tiny, tiny_bert, fine_tunings
):
    settings = {**tiny, **FINE_TUNED, "transformer.model": str(tiny_bert),
                "teacher.variations": 1}  # fmt: skip
    compare(
        models=["taught", "transformer"], teacher=str(tiny_bert), teaching_minutes=5,
        split="grouped", settings=settings,
    )  # fmt: skip
    assert len(fine_tunings) == 2


def test_a_teacher_alone_adds_the_taught_lstm(monkeypatch):
    families, _ = compare_experiment._families(None, None, taught=True)
    assert families[families.index("lstm") + 1] == "taught"
    assert "taught" not in compare_experiment._families(None, None, taught=False)[0]


def test_the_teacher_of_a_recipe_is_no_teacher_of_the_families(compare, tiny):
    progress = RecordingProgress()
    options = {"recipe": "taught", "progress": progress, "split": "grouped"}
    found = compare(models=["lstm"], settings={**tiny, "teacher.models": "none"}, **options)
    assert found.families == ("lstm",)
    warned = "warning: the teacher of the recipe 'taught' is not used: to compare an LSTM with a"
    assert any(line.startswith(warned) for line in progress.lines)
    with pytest.raises(wordgate.SettingsError, match="mlp models need word vectors"):
        compare(models=["count", "mlp"], settings=None, **options)


def test_settings_of_distillation_go_to_the_taught_lstm_alone(compare, count_model, tiny):
    settings = {**tiny, "teacher.texts": 300, "mlp.epochs": 2}
    with pytest.raises(wordgate.SettingsError, match=r"mlp\.epochs has no effect"):
        compare(models=["count", "taught"], teacher=str(count_model.folder), settings=settings)
    with pytest.raises(wordgate.SettingsError, match=r"teacher\.texts has no effect without"):
        compare(settings={**tiny, "teacher.texts": 300})
    for settings in ({**tiny, "teacher.models": "minilm"}, {"teacher.models": "none+minilm"}):
        with pytest.raises(
            wordgate.SettingsError, match=r"teacher\.models has no effect without a"
        ):
            compare(models=["lstm"], settings=settings)
    with pytest.raises(wordgate.SettingsError, match=r"--teacher has no effect .* add taught to"):
        compare(teacher=str(count_model.folder))
    with pytest.raises(wordgate.SettingsError, match="--unlabelled has no effect"):
        compare(unlabelled="more.csv")


@pytest.fixture
def stopped_after_taught(compare, tiny, tmp_path):
    """Stop a comparison with a taught LSTM once that is tested; give its options."""

    def stop(comparison):
        if len(comparison.results) == 2:
            raise KeyboardInterrupt

    def run(teacher):
        options = {
            "models": ["taught", "count"],
            "teacher": str(teacher),
            "split": "grouped",
            "settings": {**tiny, "teacher.texts": 300, "teacher.variations": 1},
            "out": tmp_path / "comparison",
        }
        with pytest.raises(KeyboardInterrupt):
            compare(**options, watch=stop)
        return options

    return run


def test_a_comparison_is_resumed_after_a_distilled_lstm(
    compare, count_model, stopped_after_taught, tmp_path
):
    options = stopped_after_taught(count_model.folder)
    kept = tmp_path / "comparison.checkpoint"
    assert [file.name for file in kept.glob("*taught*")] == ["grouped-taught-1.safetensors"]
    found = compare(**options, resume=True)
    assert found.families == ("count", "taught")
    assert not kept.exists()


def test_a_comparison_is_not_resumed_with_a_teacher_that_was_trained_again(
    compare, count_model, reviews, stopped_after_taught, tmp_path
):
    teacher = tmp_path / "teacher"
    shutil.copytree(count_model.folder, teacher)
    options = stopped_after_taught(teacher)
    shutil.rmtree(teacher)
    again = {"count.c": 0.01}
    wordgate.train(reviews, model="count", out=teacher, settings=again, progress=Silent())
    with pytest.raises(
        wordgate.BundleError, match="a comparison with other files of the teachers; give"
    ):
        compare(**options, resume=True)
