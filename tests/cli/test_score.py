import json

import pytest


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("id,text\n1,We love it\n2,We hate it\n3,\n4,a,b\n")
    return file


def test_the_result_goes_to_the_file_and_its_account_to_standard_output(
    wordgate, count_model, source, tmp_path
):
    out = tmp_path / "out.csv"
    ended = wordgate("score", count_model.folder, source, out)
    first, *errors, last = ended.out.splitlines()
    assert ended.code == 0
    assert first == "Scored 2 of 4 rows; 2 with an error:"
    assert errors == [
        "  row 3: the text is empty",
        "  row 4: 3 fields instead of 2: 4,a,b",
    ]
    assert last.endswith(f" texts/s. Saved to {out}.")
    assert ended.err.startswith(f"read {source}: CSV, valid UTF-8, fields separated by commas\n")
    assert out.read_text().count("\n") == 5


def test_streams_carry_the_rows_and_nothing_else(wordgate, count_model, source, tmp_path):
    wordgate("score", count_model.folder, source, tmp_path / "out.csv")
    written = (tmp_path / "out.csv").read_text()
    for arguments in ((), ("-",), ("-", "-")):
        piped = wordgate("score", count_model.folder, *arguments, stdin=source.read_bytes())
        assert (piped.code, piped.out) == (0, written)
        assert "\nScored 2 of 4 rows; 2 with an error:\n" in piped.err
    assert wordgate("score", count_model.folder, source).out == written


def test_the_account_as_json(wordgate, count_model, source, tmp_path):
    out = tmp_path / "out.jsonl"
    account = json.loads(wordgate("score", count_model.folder, source, out, "--json").out)
    assert (account["rows"], account["scored"], account["errors"]) == (4, 2, 2)
    assert account["first_errors"][0] == [3, "the text is empty"]
    assert account["added"][0] == "label"
    refused = wordgate("score", count_model.folder, source, "--json")
    assert (refused.code, refused.out) == (2, "")


def test_options_reach_the_scoring(wordgate, count_model, source, tmp_path):
    out = tmp_path / "out.txt"
    ended = wordgate(
        "score", count_model.folder, source, out, "--text", 2, "--encoding", "ascii", "--to", "tsv",
        "--abstain-below", "1", "--escape-formulas", "--batch", 1,
    )  # fmt: skip
    assert ended.code == 0
    assert "\ntext: column 2 'text' (as given)\n" in ended.err
    assert "ascii (as given)" in ended.err
    assert out.read_text().splitlines()[1].startswith("1\tWe love it\t\t0.")
    assert ended.out.startswith("Scored 2 of 4 rows, 2 without a label; 2 with an error:\n")
    assert wordgate("score", count_model.folder, source, out).code == 1
    assert wordgate("score", count_model.folder, source, out, "--overwrite").code == 0
    again = wordgate("score", count_model.folder, source, out, "--resume")
    assert (again.code, again.out) == (0, "")
    assert again.err == (
        f"{out} already exists and is newer than {count_model.folder} and {source}: there is"
        " nothing to do. Only these times were compared, not the contents or the options;"
        " --overwrite scores again\n"
    )


def test_the_kernel_reaches_the_model(wordgate, count_model, source, tmp_path):
    for command in (("score", count_model.folder, source, tmp_path / "out.csv"),
                    ("predict", count_model.folder, "a text"),
                    ("evaluate", count_model.folder, source)):  # fmt: skip
        ended = wordgate(*command, "--kernel", "numba")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err == (
            "wordgate: kernel 'numba' is for lstm models, and this is a count model\n"
        )


def test_several_files_go_into_a_folder(wordgate, count_model, source, tmp_path):
    second, out = tmp_path / "second.csv", tmp_path / "out"
    second.write_bytes(source.read_bytes())
    ended = wordgate("score", count_model.folder, source, second, f"{out}/")
    assert ended.out.startswith("Scored 4 of 8 rows in 2 files; 4 with an error:\n")
    assert f" texts/s. Saved to {out}/.\n" in ended.out
    assert (out / "_manifest.json").exists()
    one = wordgate("score", count_model.folder, source, f"{tmp_path}/one/", "--json")
    assert json.loads(one.out)["shards"][0]["name"] == source.name
    (tmp_path / "empty.csv").write_bytes(b"")
    some = (*(source, tmp_path / "empty.csv"), f"{tmp_path}/some/", "--skip-errors")
    ended = wordgate("score", count_model.folder, *some)
    assert ended.out.startswith("Scored 2 of 4 rows in 1 file, 1 left out; 2 with an error:\n")
    assert f"empty.csv is left out: '{tmp_path}/empty.csv' is empty\n" in ended.err
