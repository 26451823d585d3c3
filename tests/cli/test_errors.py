"""Bad calls: each ends in one clear message on standard error, and in its exit code."""

import re

import pytest

CALLS = {
    # called wrongly: 2
    "": (2, "Usage: wordgate [OPTIONS] COMMAND [ARGS]..."),
    "trian": (2, "No such command 'trian'. Did you mean 'train'?"),
    "train": (2, "Missing argument 'DATA'."),
    "train DATA": (2, "Missing option '--out'."),
    "train DATA --out": (2, "Option '--out' requires an argument."),
    "train DATA --out NEW --split even": (2, "'even' is not one of 'grouped', 'random'."),
    "train DATA --out NEW --test-size abc": (2, "Invalid value for '--test-size'"),
    "train DATA --out NEW --seed -1": (2, "Invalid value for '--seed'"),
    "train DATA --out NEW --limit 0": (2, "Invalid value for '--limit'"),
    "train DATA --out NEW --speed 3": (2, "No such option '--speed'"),
    "predict": (2, "Missing argument 'MODEL'."),
    "predict MODEL --json --jsonl hi": (2, "--json and --jsonl are mutually exclusive."),
    "predict MODEL --abstain-below much hi": (2, "Invalid value for '--abstain-below'"),
    "compare": (2, "Missing argument 'DATA | MODEL MODEL...'."),
    "compare DATA --folds 1": (2, "Invalid value for '--folds'"),
    "evaluate MODEL": (2, "Missing argument 'DATA'."),
    "info": (2, "Missing argument 'MODEL'."),
    "demo --seed x": (2, "Invalid value for '--seed'"),
    # can't be done: 1
    "train no.csv --out NEW": (1, "no file 'no.csv'"),
    "train nosuchset --out NEW": (1, "no file or named data set 'nosuchset'; available: "),
    "train FOLDER --out NEW": (1, "cannot tell which column of '"),
    "train DATA --out MODEL": (1, " exists; choose another --out, or replace it with --overwrite"),
    "train DATA --out FOLDER --overwrite": (
        1,
        " is not a wordgate model, so it will not be replaced",
    ),
    "train DATA --out DATA --overwrite": (
        1,
        " is not a wordgate model, so it will not be replaced",
    ),
    "train DATA --out NEW/a/b": (1, "there is no folder '"),
    "train DATA --out /proc/m": (1, "the model cannot be written to /proc/m: "),
    "train DATA --out NEW --set epochs": (1, "'epochs' is not a setting; write NAME=VALUE"),
    "train DATA --out NEW --set epoch=3": (
        1,
        "no setting 'epoch'; did you mean 'mlp.epochs' or 'lstm.epochs' or 'transformer.epochs'?",
    ),
    "train DATA --out NEW --set lstm.epochs=0": (1, "epochs is '0'; it must be at least 1"),
    "train DATA --out NEW --recipe fast": (1, "no recipe 'fast'; available: default, "),
    "train DATA --out NEW --recipe my.toml": (1, "the recipe 'my.toml' cannot be read: No such"),
    "train DATA --out NEW --model lsmt": (1, "no family of models 'lsmt'; did you mean 'lstm'?"),
    "train DATA --out NEW --model mlp --set lstm.epochs=3": (
        1,
        "epochs has no effect on mlp models",
    ),
    "train DATA --out NEW --test-size 2": (1, "test_size is 2.0; it must be below 1.0"),
    "train DATA --out NEW --seed 9999999999": (1, "it must be a whole number from 0 to 4294967295"),
    "train DATA --out NEW --max-minutes 0": (1, "max_minutes is 0.0; it must be a number above 0"),
    "train DATA --out NEW --device tpu": (1, "no device 'tpu'; available: auto, cpu, cuda, cuda:N"),
    "train DATA --out NEW --text txet": (1, "no column 'txet'; did you mean 'text'?"),
    "train DATA --out NEW --label 9": (1, "no column 9 for the label: "),
    "train DATA --out NEW --drop-label goood": (1, "no label 'goood' to drop in "),
    "train DATA --out NEW --drop-label good": (1, "a classifier needs at least two labels"),
    "train DATA --out NEW --encoding utf9": (1, "no encoding 'utf9'; did you mean 'utf-8'?"),
    "train DATA --out NEW --test no.csv": (1, "no file 'no.csv'"),
    "train DATA --out NEW --split-column part": (1, "no column 'part'; available: id, label, text"),
    "train DATA --out NEW --split random --test DATA": (1, "--split random has no effect with"),
    "predict NEW hi": (1, "there is no model at "),
    "predict DATA hi": (1, " is not a wordgate model: a model is a folder"),
    "predict FOLDER hi": (1, " is not a wordgate model: it has no manifest.json"),
    "predict MODEL hi --abstain-below 1.5": (1, "abstain_below is 1.5; it must be a probability"),
    "predict MODEL hi --abstain-below nan": (1, "abstain_below is nan; it must be a probability"),
    "compare DATA --out NEW --models cuont": (1, "no family of models 'cuont'; did you mean"),
    "compare DATA --out NEW --models mlp": (1, " need word vectors: give"),
    "compare DATA --out FOLDER": (1, " exists; choose another --out, or replace it with"),
    "compare DATA --out FOLDER --overwrite": (
        1,
        " does not contain only a wordgate comparison, so",
    ),
    "evaluate NEW DATA": (1, "there is no model at "),
    "evaluate MODEL no.csv": (1, "no file 'no.csv'"),
    "evaluate MODEL DATA --label id": (
        1,
        "the model has none of the labels of this data: 'r000' (5 rows), ",
    ),
    "info FOLDER": (1, " is not a wordgate model: it has no manifest.json"),
    "demo --out DATA": (1, " exists and is not a folder; choose another --out"),
    "demo --out FOLDER": (1, " exists and is not an earlier demo; choose another --out"),
    "demo --out /proc/demo": (1, "the folder /proc/demo cannot be created: "),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_ends_in_a_message(wordgate, count_model, tmp_path, call):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    places = {
        "DATA": count_model.data,
        "MODEL": count_model.folder,
        "FOLDER": folder,
        "NEW": tmp_path / "new",
        "NEW/a/b": tmp_path / "new" / "a" / "b",
    }
    code, message = CALLS[call]
    ended = wordgate(*(places.get(word, word) for word in call.split()))
    assert ended.code == code
    assert ended.out == ""
    assert message in ended.err
    assert "Traceback" not in ended.err
    # A machine that is busy tells of a stage again while it lasts: "  Loading torch: 3 s".
    stages = re.compile(r".* \.\.\.|  .*: \d+ s")
    lines = [line for line in ended.err.splitlines() if not stages.fullmatch(line)]
    assert code == 2 or lines[0].startswith("wordgate: ")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_text_in_place_of_the_model_is_shortened(wordgate):
    ended = wordgate("predict", "a long text " * 1000)
    assert ended.code == 1
    assert ended.err.startswith("wordgate: there is no model at a long text a long text")
    assert len(ended.err) < 300
