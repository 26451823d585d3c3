"""Tables in memory are scored as files are, whatever their form."""

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from wordgate import spark
from wordgate.errors import BundleError, DataError, MissingExtraError, SettingsError
from wordgate.ray import Scorer
from wordgate.scoring.frames import FrameScorer

TEXTS = ["We love it", None, "\u200b", "We hate it"]


@pytest.fixture
def frames():
    """The same rows in every form in which an engine hands over a batch."""
    table = pa.table({"label": ["a", "b", "c", "d"], "text": TEXTS})
    columns = {name: np.array(values, object) for name, values in table.to_pydict().items()}
    frame = pd.DataFrame(columns, index=[7, 5, 3, 1])
    return [table, table.to_batches()[0], frame, columns]


def rows_of(frame):
    """Give the values by column; what pandas and NumPy call NaN is None."""
    frame = frame.to_pydict() if hasattr(frame, "to_pydict") else dict(frame)
    listed = {
        name: [value.tolist() if hasattr(value, "tolist") else value for value in values]
        for name, values in frame.items()
    }
    return {
        name: [None if value != value else value for value in values]
        for name, values in listed.items()
    }


def test_every_form_is_scored_alike_and_stays_what_it_was(frames, count_model, proba):
    scorer = Scorer(count_model.folder, probabilities=True)
    expected = proba([TEXTS[0], TEXTS[3]])
    for frame in frames:
        scored = scorer(frame)
        assert type(scored) is type(frame)
        assert rows_of(scored) == {
            "label": ["a", "b", "c", "d"],
            "text": TEXTS,
            "predicted_label": ["good", None, None, "bad"],
            "probability": [expected[0, 1], None, None, expected[1, 0]],
            "probability_bad": [expected[0, 0], None, None, expected[1, 0]],
            "probability_good": [expected[0, 1], None, None, expected[1, 1]],
            "error": [None, "the text is empty", "the text is empty", None],
        }
    assert list(scorer(frames[2]).index) == [7, 5, 3, 1]


def test_several_labels_are_lists(frames, topics_model):
    for frame in frames:
        scored = rows_of(Scorer(topics_model, "text")(frame))
        assert scored["labels"] == [[], None, None, []]
        assert "probability_speed" not in scored


def test_text_columns_are_joined_and_found_by_name_or_number(frames, count_model, proba):
    for text in (("label", "text"), "label,text", (1, 2)):
        scored = rows_of(Scorer(count_model.folder, text)(frames[0]))
        assert scored["probability"][0] == proba(["a | We love it"]).max()
    with pytest.raises(DataError, match=r"^no column 'txt'; did you mean 'text'\?$"):
        Scorer(count_model.folder, "txt")(frames[0])


def test_a_table_without_the_columns_of_training_is_refused(count_model):
    scorer = Scorer(count_model.folder)
    with pytest.raises(DataError) as error:
        scorer({"body": np.array(["a"], object)})
    assert str(error.value) == (
        "the table has no column of the texts with the name it had in training (text); it has body:"
        " give text="
    )


def test_options_are_checked_before_any_batch(count_model):
    with pytest.raises(SettingsError, match=r"^top is 3;"):
        Scorer(count_model.folder, top=3)
    with pytest.raises(SettingsError, match=r"^abstain_below is 2\.0"):
        Scorer(count_model.folder, abstain_below=2.0)


def test_a_worker_refuses_another_model_than_the_one_of_the_job(
    frames, count_model, lstm_model, tmp_path
):
    (tmp_path / "model").symlink_to(count_model.folder)
    sent = pickle.dumps(FrameScorer.of(tmp_path / "model", None, {}))
    (tmp_path / "model").unlink()
    (tmp_path / "model").symlink_to(lstm_model.folder)
    with pytest.raises(BundleError, match="/model holds another model on this worker than where"):
        pickle.loads(sent)(frames[0])


def test_spark_without_its_extra_is_reported(count_model, hide_packages):
    hide_packages("pyspark")
    with pytest.raises(MissingExtraError) as error:
        spark.scorer(count_model.folder)
    assert str(error.value) == (
        "scoring in Spark needs the extra 'spark': pip install 'wordgate[spark]'"
    )
