import json
from pathlib import Path

import pytest

import wordgate as package

FIXTURES = Path(__file__).parents[1] / "interchange" / "fixtures"
LENGTH = (
    "Note: texts of more than 8 tokens (the fixed length of the model) are truncated at the front,"
    " as with pad_sequences' default truncating='pre'.\n"
)
DROPPED = "Note: words that are not in the vocabulary are dropped.\n"


@pytest.fixture
def imported(wordgate, tmp_path):
    """Import by the command line."""

    def run(*options, model="notebook", labels="bad, good,so so"):
        return wordgate(
            "import-keras", FIXTURES / f"{model}.keras", FIXTURES / "tokenizer.json",
            "--labels", labels, "--out", tmp_path / "m", *options,
        )  # fmt: skip

    return run


def test_import_prints_the_result_and_reports_the_rest_on_standard_error(imported, tmp_path):
    ended = imported()
    assert (ended.code, ended.err) == (0, LENGTH + DROPPED)
    assert ended.out == f"Saved to {tmp_path}/m. Try: wordgate predict {tmp_path}/m 'a text'\n"
    assert package.load(tmp_path / "m").labels == ("bad", "good", "so so")


def test_options_reach_the_import(imported, tmp_path):
    ended = imported("--max-tokens", 5, "--truncate", "end", model="functional", labels="a,b,c,d")
    assert ended.code == 0
    assert ended.err.startswith(
        "Note: texts of more than 5 tokens (as given by max_tokens) are truncated"
    )
    encoder = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))["encoder"]
    assert (encoder["max_tokens"], encoder["truncate"]) == (5, "end")
    assert imported().code == 1
    assert imported("--overwrite").code == 0


def test_the_model_predicts_and_describes_itself(imported, wordgate, tmp_path):
    imported()
    predicted = wordgate("predict", tmp_path / "m", "I love this game")
    assert (predicted.code, predicted.err) == (0, "")
    assert predicted.out.endswith("\tI love this game\n")
    lines = wordgate("info", tmp_path / "m").out.splitlines()
    assert lines[1:] == [
        "labels: bad, good, so so",
        "data: unknown; the model was imported from notebook.keras",
        "recipe: import-keras, seed 0",
        "trained with: keras 3.15.1",
        LENGTH.strip(),
        DROPPED.strip(),
        "It was not evaluated on test rows.",
    ]
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "- source: notebook.keras\n- rows: unknown (imported model)\n- texts of " in card


def test_evaluate_does_not_claim_to_know_the_training(imported, wordgate, tmp_path):
    imported()
    data = tmp_path / "data.csv"
    data.write_text("text,label\nI love it all day,good\nI hate it all day,bad\nfine,so so\n")
    ended = wordgate("evaluate", tmp_path / "m", data)
    assert ended.code == 0
    assert ended.out.startswith(
        "The model was imported without its training texts, so rows that it was trained on cannot"
        " be recognized: scores on such rows mostly measure memorization.\n"
    )
    result = json.loads(wordgate("evaluate", tmp_path / "m", data, "--json").out)
    assert (result["seen"], result["unseen"]) == (None, None)
    assert result["scores"]["n"] == 3


CALLS = {
    "MODEL TOKENIZER --out NEW": (2, "Missing option '--labels'."),
    "MODEL TOKENIZER --labels a,b,c": (2, "Missing option '--out'."),
    "MODEL --labels a,b,c --out NEW": (2, "Missing argument 'TOKENIZER.json'."),
    "MODEL TOKENIZER --labels a,b,c --out NEW --max-tokens 0": (2, "'--max-tokens'"),
    "MODEL TOKENIZER --labels a,b,c --out NEW --truncate left": (2, "'left' is not one of"),
    "MODEL TOKENIZER --labels a,b --out NEW": (1, "wordgate: 2 labels were given and the model"),
    "MODEL TOKENIZER --labels a,b, --out NEW": (1, "wordgate: a label is empty; give one to each"),
    "MODEL no.json --labels a,b,c --out NEW": (1, "wordgate: no.json: there is no such file"),
    "no.keras TOKENIZER --labels a,b,c --out NEW": (1, "wordgate: no.keras: there is no such"),
    "MODEL TOKENIZER --labels a,b,c --out NEW/a/b": (1, "wordgate: there is no folder '"),
    "MODEL TOKENIZER --labels a,b,c --out NEW --max-tokens 9": (
        1,
        "wordgate: max_tokens is 9, but",
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_ends_in_a_message(wordgate, tmp_path, call):
    places = {
        "MODEL": FIXTURES / "notebook.keras",
        "TOKENIZER": FIXTURES / "tokenizer.json",
        "NEW": tmp_path / "new",
        "NEW/a/b": tmp_path / "new" / "a" / "b",
    }
    code, message = CALLS[call]
    ended = wordgate("import-keras", *(places.get(word, word) for word in call.split()))
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []
