import io
import json
import re

import pytest

import wordgate as package


def test_help_names_the_commands(wordgate):
    ended = wordgate("--help")
    assert (ended.code, ended.err) == (0, "")
    for command in ("demo", "train", "evaluate", "predict", "explain", "info", "import-keras"):
        assert f"\n  {command} " in ended.out
        assert wordgate(command, "-h").code == 0


@pytest.mark.parametrize("width", ["50", "64", "80", "100"])
def test_no_line_of_help_breaks_inside_a_word(wordgate, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    for command in ("demo", "train", "serve", "vectors distill", "recipe show"):
        out = wordgate(*command.split(), "--help").out
        assert not re.search(r"[a-z0-9]-$", out, flags=re.MULTILINE)
        assert "\u2011" not in out


def test_the_version_is_reported(wordgate):
    assert wordgate("--version").out == f"wordgate, version {package.__version__}\n"


@pytest.fixture
def trained(wordgate, reviews, tmp_path):
    """Train by the command line."""
    return lambda *options: wordgate(
        "train", reviews, "--model", "count", "--out", tmp_path / "m", *options
    )


def test_train_prints_the_result_and_reports_the_rest_on_standard_error(trained, tmp_path):
    ended = trained()
    assert ended.code == 0
    assert ended.out.startswith("\nAccuracy on 60 test rows, 95% interval\n  this model (count) ")
    assert "\nOf 60 test rows, 0 (0.0%) share a group with training rows, and " in ended.out
    assert f"\nSaved to {tmp_path}/m. Try: wordgate predict {tmp_path}/m 'a text'\n" in ended.out
    assert ended.err.startswith("Reading ")
    assert " ...\nreviews.csv: 300 texts, 2 labels\n  text = column 3" in ended.err
    assert "\nBaseline: most frequent label 0.500\n" in ended.err


def test_a_verbose_training_prints_all_tables_and_reasons(trained):
    ended = trained("-v")
    assert ended.out.startswith("             precision    recall  f1-score   support\n")
    assert "\ntrue \\ predicted  bad  good\n" in ended.out
    assert "\nCalibration: ECE " in ended.out
    assert "\ntext: column 3 'text' (by its name; " in ended.err
    assert "\nC = 1 " in ended.err


def test_a_quiet_training_prints_the_result_alone(trained):
    ended = trained("-q")
    assert ended.out.startswith("\nAccuracy on ")
    assert ended.err == ""


def test_a_training_is_verbose_or_quiet(trained):
    ended = trained("-v", "-q")
    assert ended.code == 2
    assert "--verbose and --quiet are mutually exclusive: leave one out" in ended.err


def test_an_lstm_without_vectors_gets_advice(wordgate, reviews, tmp_path, tiny):
    settings = [word for key, value in tiny.items() for word in ("--set", f"{key}={value}")]
    read = ["--label", "label", "--drop-label", "so, so", "--text", "text"]
    ended = wordgate("train", reviews, "--out", tmp_path / "m", *settings, *read)
    lines = ended.out.splitlines()
    first = lines.index("Word vectors usually help (a few minutes). Distill them with")
    assert lines[first + 1 : first + 4] == [
        f"  wordgate vectors distill --teacher minilm --data {reviews} --text text --label label"
        " --drop-label 'so, so' --out words.bin",
        "and train again with --vectors words.bin.",
        "To distill a transformer into the LSTM (about half an hour), add --teacher minilm.",
    ]


def test_settings_of_every_network_have_flags_of_their_own(wordgate, reviews, tmp_path):
    options = ["--epochs", 1, "--batch-size", 32, "--learning-rate", 0.01]
    few = ["--set", "lstm.hidden_size=4", "--set", "lstm.embedding_size=4"]
    wordgate("train", reviews, "--family", "lstm", "--out", tmp_path / "m", *options, *few)
    settings = package.load(tmp_path / "m").config.settings["lstm"]
    found = [settings[name] for name in ("epochs", "batch_size", "learning_rate")]
    assert found == [1, 32, 0.01]


def test_weights_of_labels_have_a_flag(wordgate, reviews, tmp_path):
    options = ["--family", "count", "--class-weight", "good=5", "--out", tmp_path / "m"]
    wordgate("train", reviews, *options, "--set", "count.c=1")
    assert package.load(tmp_path / "m").config.settings["class_weight"] == {"good": 5.0}
    assert "class_weight=good=5 (recipe: none)" in wordgate("info", tmp_path / "m").out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ("--family", "count", "--epochs", "3"),
            "--epochs has no effect on count models: leave it out",
        ),
        (
            ("--batch-size", "8", "--set", "lstm.batch_size=9"),
            "--batch-size and --set lstm.batch_size are the same setting: give one",
        ),
        (
            ("--class-weight", "balanced", "--set", "class_weight=none"),
            "--class-weight and --set class_weight are the same setting: give one",
        ),
    ],
)
def test_a_flag_that_would_be_idle_or_overruled_is_refused(
    wordgate, reviews, tmp_path, options, expected
):
    ended = wordgate("train", reviews, "--out", tmp_path / "m", *options)
    assert (ended.code, ended.out) == (2, "")
    assert expected in ended.err


def test_weights_of_a_label_that_the_data_lacks_are_refused(wordgate, reviews, tmp_path):
    options = ["--family", "count", "--class-weight", "god=2", "--out", tmp_path / "m"]
    ended = wordgate("train", reviews, *options)
    assert (ended.code, ended.out) == (1, "")
    assert (
        "class_weight names the label 'god', which the data does not have; did you mean 'good'?"
        in (" ".join(ended.err.split()))
    )


def test_train_reports_the_leakage_of_a_random_split(trained):
    out = trained("--split", "random").out
    assert "\nLEAKAGE: Of 60 test rows, " in out
    assert "; use --split grouped to evaluate on unseen groups.\n" in out


def test_counts_have_the_most_frequent_label_to_beat_and_not_themselves(trained):
    ended = trained()
    assert "\nBaseline: most frequent label 0.500\n" in ended.err
    assert "\nThe count model beats the most frequent label: +" in ended.out
    assert "   count " not in ended.out
    assert "--family count" not in ended.out


def test_train_with_json_prints_one_object(trained, tmp_path):
    ended = trained("--json")
    metrics = json.loads(ended.out)
    assert metrics["split"]["leaked_by_group"] == 0
    assert metrics == json.loads((tmp_path / "m" / "metrics.json").read_text(encoding="utf-8"))


def test_options_reach_the_training(wordgate, reviews, tmp_path, tiny):
    settings = [word for key, value in tiny.items() for word in ("--set", f"{key}={value}")]
    ended = wordgate(
        "train", reviews, "--out", tmp_path / "m", "--seed", 7, "--set", "lstm.pooling=last+mean",
        "--test-size", "0.3", "--group", "none", "--limit", 250, "--device", "cpu", "--threads", 3,
        *settings,
    )  # fmt: skip
    assert ended.code == 0
    assert "\n  2 epochs, " in ended.err
    model = package.load(tmp_path / "m")
    assert model.config.seed == 7
    assert model.config.settings["lstm"]["pooling"] == ["last", "mean"]
    assert model.config.settings["test_size"] == 0.3
    assert model.config.data["n_kept"] == 250
    assert model.config.environment["threads"] == "3"
    assert "group" not in model.config.columns()
    assert any(line.startswith("The LSTM model ") for line in ended.out.splitlines())


def test_a_model_of_word_vectors_from_file_to_answer(wordgate, reviews, review_vectors, tmp_path):
    folder = tmp_path / "m"
    small = {"mlp.hidden_size": 8, "mlp.batch_size": 8}
    settings = [word for key, value in small.items() for word in ("--set", f"{key}={value}")]
    ended = wordgate(
        "train", reviews, "--model", "mlp", "--vectors", review_vectors, "--out", folder, "-v",
        *settings,
    )  # fmt: skip
    assert ended.code == 0
    assert "\nAverages, all words weigh the same ...\n" in ended.err
    assert " selected by validation " in ended.out
    assert f"Word vectors: {review_vectors.name}; " in ended.out
    assert wordgate("info", folder).out.startswith(f"{folder}: ")
    lines = wordgate("predict", folder, "We love it", "We hate it").out.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["good", "bad"]


@pytest.mark.parametrize("family", ["logreg", "mlp"])
def test_averages_need_word_vectors(wordgate, reviews, tmp_path, family):
    ended = wordgate("train", reviews, "--model", family, "--out", tmp_path / "m")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"wordgate: {family} models need word vectors: give"
        " a file with --vectors; 'wordgate vectors distill' creates them for your vocabulary\n"
    )


def test_texts_stay_out_of_the_report_where_asked(wordgate, make_file, make_rows, tmp_path):
    """In a set of wrong labels and of copies, which the report has reasons to show."""
    rows = [
        (group, ("bad", "good")[(i // 5 + (i % 3 == 0)) % 2], text)
        for i, (group, _, text) in enumerate(make_rows())
    ]
    file = make_file([*rows, *rows[:30]])

    def shown(*options):
        folder = tmp_path / "m"
        wordgate("train", file, "--model", "count", "--out", folder, "--overwrite", *options)
        page = (folder / "report.html").read_text(encoding="utf-8")
        return sum(text in page for _, _, text in rows)

    assert shown() > 0
    assert shown("--no-texts") == 0


def test_overwrite_replaces(trained):
    assert trained().code == 0
    assert trained().code == 1
    assert trained("--overwrite").code == 0


def test_predict_labels_arguments_the_most_probable_label_first(wordgate, count_model):
    ended = wordgate("predict", count_model.folder, "We love it", "We hate it")
    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    for line, expected in zip(lines, ["We love it", "We hate it"], strict=True):
        answer, _, text = line.partition("\t")
        first, share, second, other = answer.split()
        assert text == expected
        assert {first, second} == {"bad", "good"}
        assert 1 >= float(share) > 0.5 > float(other) >= 0
    assert [line.partition(" ")[0] for line in lines] == ["good", "bad"]


def test_predict_abstains_where_it_is_not_sure(wordgate, count_model):
    predict = ("predict", count_model.folder, "We love it", "zebra")
    bound = package.load(count_model.folder).predict_proba(["zebra"]).max() + 1e-6
    sure, unsure = wordgate(*predict, "--abstain-below", bound).out.splitlines()
    assert sure.startswith("good ")
    label, share, *_ = unsure.split()
    assert (label, unsure.partition("\t")[2]) == ("–", "zebra")
    assert share in ("bad", "good")
    output = json.loads(wordgate(*predict, "--abstain-below", bound, "--json").out)["predictions"]
    assert [answer["label"] for answer in output] == ["good", None]
    assert sum(output[1]["probabilities"].values()) == pytest.approx(1)
    lines = wordgate(*predict, "--abstain-below", bound, "--jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == output
    assert "–" not in wordgate(*predict, "--abstain-below", bound - 2e-6).out


def test_predict_answers_every_line_of_standard_input(wordgate, count_model):
    stdin = b"\xef\xbb\xbfWe love it\r\n\nWe hate it \xf0\x9f\x98\x80\na \xff byte and no end"
    out = wordgate("predict", count_model.folder, stdin=stdin).out
    assert [line.partition("\t")[2] for line in out.splitlines()] == [
        "We love it",
        "",
        "We hate it 😀",
        "a \ufffd byte and no end",
    ]
    assert wordgate("predict", count_model.folder).out == ""
    assert wordgate("predict", count_model.folder, "-", stdin=stdin).out == out


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_the_name_of_a_file_is_a_text_and_it_is_reported(wordgate, count_model, tmp_path, command):
    (tmp_path / "a b.csv").write_text("text\nWe love it\n")
    ended = wordgate(command, count_model.folder, tmp_path / "a b.csv")
    assert ended.code == 0
    assert (
        f"wordgate: '{tmp_path}/a b.csv' is read as a text, not as a file. To score the rows of"
        f" the file: wordgate score {count_model.folder} '{tmp_path}/a b.csv'\n"
    ) in ended.err
    assert "as a file" not in wordgate(command, count_model.folder, tmp_path).err
    assert "as a file" not in wordgate(command, count_model.folder, "a" * 5000).err


def test_predict_gives_the_same_by_line_json_and_jsonl(wordgate, count_model):
    texts = ["We love it", "!", 'a "quoted" 😀']
    probabilities = package.load(count_model.folder).predict_proba(texts)
    expected = [
        {
            "text": text,
            "label": ("bad", "good")[row.argmax()],
            "probabilities": {"bad": row[0], "good": row[1]},
        }
        for text, row in zip(texts, probabilities, strict=True)
    ]
    lines = wordgate("predict", count_model.folder, "--jsonl", *texts).out.splitlines()
    assert [json.loads(line) for line in lines] == expected
    whole = wordgate("predict", count_model.folder, "--json", *texts).out
    assert json.loads(whole) == {"predictions": expected}
    assert json.loads(wordgate("predict", count_model.folder, "--json").out) == {"predictions": []}


@pytest.mark.parametrize("text", ["", " ", "\t\u3000\r", "\u200b", " \ufeff\u2060"])
def test_predict_gives_an_empty_text_no_label_and_answers_the_others(wordgate, count_model, text):
    texts = ("We love it", text, "We hate it")
    alone = wordgate("predict", count_model.folder, "--jsonl", *texts[::2]).out.splitlines()
    expected = {"text": text, "label": None, "probabilities": {}, "error": "the text is empty"}
    for given in ({}, {"stdin": "\n".join(texts).encode()}):
        arguments = () if given else texts
        ended = wordgate("predict", count_model.folder, "--jsonl", *arguments, **given)
        lines = ended.out.splitlines()
        assert [lines[0], lines[2]] == alone
        found = json.loads(lines[1])
        assert found == {**expected, "text": found["text"]}
    line = wordgate("predict", count_model.folder, text).out
    assert line.startswith("–  the text is empty\t")
    ended = wordgate("explain", count_model.folder, text)
    held = "whitespace" if text.isspace() else "invisible characters"
    what = f"contains only {held}" if text else "is empty"
    message = f"wordgate: text 1 of 1 {what}, so it cannot have a label: leave it out\n"
    assert (ended.code, ended.err) == (1, message)


def test_predict_keeps_a_text_on_its_line(wordgate, count_model):
    ended = wordgate("predict", count_model.folder, "two\nlines \x1b[31mred \udcff")
    assert ended.out.endswith("\ttwo\\nlines \\x1b[31mred \ufffd\n")


def test_a_text_that_looks_like_an_option_stands_behind_two_dashes(wordgate, count_model):
    assert wordgate("predict", count_model.folder, "--", "--json").out.endswith("\t--json\n")


def test_changed_files_are_warned_of_on_standard_error(wordgate, count_model, copied):
    folder = copied(count_model)
    (folder / "README.md").write_text("changed")
    warning = (
        f"wordgate: warning: {folder}/README.md was changed or is missing; predictions do not"
        " depend on it\n"
    )
    predicted = wordgate("predict", folder, "We love it")
    assert (predicted.code, predicted.err) == (0, warning)
    assert predicted.out == wordgate("predict", count_model.folder, "We love it").out
    assert wordgate("info", folder).err == warning
    assert warning in wordgate("evaluate", folder, count_model.data).err


def test_evaluate_reports_first_which_rows_were_seen(wordgate, count_model):
    ended = wordgate("evaluate", count_model.folder, count_model.data)
    assert ended.code == 0
    assert ended.out.startswith(
        "250 of these 300 rows were seen during the model's training (240 as exact duplicates; "
    )
    assert ended.err.startswith(f"Reading {count_model.data}, and looking for rows seen during")
    result = json.loads(wordgate("evaluate", count_model.folder, count_model.data, "--json").out)
    assert result["seen"]["groups"] == 240
    assert result["scores"]["n"] == 300
    assert set(result["scores"]) < set(count_model.metrics.model_dump())
    assert result["unseen"]["n"] == 50


def test_info_shows_the_card(wordgate, lstm_model):
    out = wordgate("info", lstm_model.folder).out
    metrics = lstm_model.metrics
    lines = out.splitlines()
    assert lines[0].startswith(f"{lstm_model.folder}: LSTM model, ")
    assert lines[1] == "labels: bad, good"
    assert lines[2] == f"data: {lstm_model.data}, 300 rows"
    assert lines[3] == "recipe: default, seed 0"
    assert lines[4].startswith("changed settings: lstm.class_weight=none (recipe: moderate), ")
    assert "lstm.hidden_size=8 (recipe: 64), " in lines[4]
    assert lines[5:7] == [
        "settings:",
        "  split=grouped, test_size=0.2, valid_size=0.1, stratify=true, empty_texts=drop,"
        " calibration=temperature, objective=auto, class_weight=none",
    ]
    tables = [line.partition(":")[0] for line in lines[7:12]]  # all that an LSTM reads
    assert tables == ["  text", "  vectors", "  loss", "  lstm", "  teacher"]
    assert "hidden_size=8, bidirectional=false, pooling=max, " in lines[10]
    assert f"split: {metrics.split.reason}" in lines
    assert any(line.startswith("this model (LSTM)") for line in lines)
    output = json.loads(wordgate("info", lstm_model.folder, "--json").out)
    assert output["metrics"] == metrics.model_dump(mode="json")
    assert output["config"]["labels"] == ["bad", "good"]
    assert output["changed_files"] == []


def test_info_shows_the_settings_of_the_user(wordgate, reviews, tmp_path):
    """As flags, as settings or in a recipe of their own; also what the recipe has as well."""
    mine = tmp_path / "mine.toml"
    mine.write_text("[count]\nwords = 2\n", encoding="utf-8")
    options = ("--recipe", mine, "--test-size", 0.2, "--set", "count.c=0.5+1")
    train = ("train", reviews, "--family", "count", "--overwrite", "--out", tmp_path / "m")
    wordgate(*train, *options)
    lines = wordgate("info", tmp_path / "m").out.splitlines()
    assert "changed settings: count.c=0.5+1.0, count.words=2, test_size=0.2" in lines
    wordgate(*train)
    assert "changed settings: none" in wordgate("info", tmp_path / "m").out.splitlines()


def test_train_and_info_show_the_calibration(wordgate, lstm_model):
    output = wordgate("info", lstm_model.folder).out
    found = lstm_model.metrics.calibration
    assert f"after temperature scaling (T = {found.temperature:.2f}), " in output
    assert f"{found.before.ece:.3f} before; Brier score" in output


def test_info_shows_no_figures_that_were_changed(wordgate, count_model, copied):
    folder = copied(count_model)
    file = folder / "metrics.json"
    file.write_text(file.read_text().replace('"n": 60', '"n": 61', 1))
    ended = wordgate("info", folder)
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == (
        "Its scores are unknown: metrics.json was changed or is missing."
    )
    assert json.loads(wordgate("info", folder, "--json").out)["metrics"] is None


def test_info_of_a_classifiers_bundle(wordgate, tmp_path):
    texts = [f"{word} {i}" for i in range(20) for word in ("love", "hate")]
    classifier = package.WordgateClassifier(model="count").fit(texts, ["good", "bad"] * 20)
    classifier.save(tmp_path / "m")
    out = wordgate("info", tmp_path / "m").out
    assert "data: WordgateClassifier.fit, 40 rows" in out
    assert out.endswith("It was not evaluated on test rows.\n")


@pytest.fixture
def topics(make_file, make_rows):
    """Reviews with a topic."""
    rows = [(g, f"topic {i % 3}", *rest) for i, (g, *rest) in enumerate(make_rows())]
    return make_file(rows, header=("id", "topic", "label", "text"))


def test_a_model_of_several_columns_says_how_its_texts_are_written(wordgate, topics, tmp_path):
    folder = tmp_path / "m"
    ended = wordgate(
        "train", topics, "--text", "topic,text", "--model", "count", "--out", folder, "-v"
    )
    assert "\n  text = columns 2 'topic', 4 'text'   label = column 3" in ended.err
    assert "\ntext: columns 2 'topic' and 4 'text' (as given)\n" in ended.err
    assert "\n  row 1: r000 [bad] topic 0 | We " in ended.err
    assert ended.out.endswith(f"Try: wordgate predict {folder} 'topic | text'\n")
    assert "\ntexts: written as topic | text\n" in wordgate("info", folder).out
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "- text: topic, text\n" in card
    assert "joined into one text. Write texts in the form `topic | text`. Leave out an" in card
    assert "wordgate predict PATH_OF_THIS_FOLDER 'topic | text'\n" in card
    assert 'model.predict(["topic | text"])\n' in card
    assert wordgate("predict", folder, "topic 1 | We love it").code == 0
    output = wordgate("evaluate", folder, topics).err
    assert "\ntext: columns 2 'topic' and 4 'text' (as in training)\n" in output


def test_audit_takes_several_columns(wordgate, topics):
    ended = wordgate("audit", topics, "--text", "2,4", "--json")
    assert json.loads(ended.out)["reading"]["columns"][0]["before"] == [
        {"number": 2, "name": "topic"}
    ]


def test_predict_asks_a_terminal_for_texts_of_the_model_s_form(
    wordgate, topics, count_model, tmp_path, monkeypatch
):
    folder = tmp_path / "m"
    wordgate("train", topics, "--text", "topic,text", "--model", "count", "--out", folder)
    terminal = type("Terminal", (io.TextIOWrapper,), {"isatty": lambda self: True})
    monkeypatch.setattr(io, "TextIOWrapper", terminal)
    assert wordgate("predict", folder).err == (
        "Enter one text per line, written as topic | text; end with Ctrl-D.\n"
    )
    assert (
        wordgate("predict", count_model.folder).err == "Enter one text per line; end with Ctrl-D.\n"
    )


def test_a_student_is_shown_beside_its_teacher(
    wordgate, reviews, count_model, tiny, tmp_path, make_rows
):
    more = tmp_path / "more.csv"
    more.write_text("text\n" + "\n".join(f"A text of its own number {n}" for n in range(9)) + "\n")
    settings = {**tiny, "teacher.texts": 300, "teacher.variations": 1}
    options = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    folder = tmp_path / "student"
    ended = wordgate(
        "train", reviews, "--teacher", count_model.folder, "--unlabelled", more,
        "--teaching-minutes", 5, "--out", folder, *options,
    )  # fmt: skip
    assert ended.code == 0
    assert "   teacher " in ended.out.splitlines()[2]
    assert f"\nTeacher {count_model.folder}: accuracy " in ended.out
    assert "\ntexts without labels: 9, duplicates and labeled texts left out\n" in ended.err
    assert "9 without labels" in ended.err
    info = wordgate("info", folder).out
    assert "recipe: taught, seed 0" in info
    assert f"Teacher {count_model.folder}: accuracy " in info
    assert "Teacher " in (folder / "report.html").read_text(encoding="utf-8")
    assert wordgate("predict", folder, "We love this lamp").code == 0
