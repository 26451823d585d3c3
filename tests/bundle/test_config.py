import pytest
from pydantic import ValidationError

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError


def config(labels=("a", "b", "c"), **more):
    return Config(
        family="count", labels=labels, seed=0, recipe="none", settings={}, data={}, environment={},
        **more,
    )  # fmt: skip


def test_without_more_a_text_has_one_label_the_most_probable():
    made = config()
    assert (made.multilabel, made.thresholds, made.label_separator) == (False, None, None)
    assert made.separator() is None


def test_labels_are_joined_by_the_separator_of_the_data_or_a_semicolon():
    assert config(multilabel=True).separator() == ";"
    assert config(multilabel=True, label_separator="|").separator() == "|"


@pytest.mark.parametrize(
    ("labels", "multilabel", "thresholds", "message"),
    [
        ("abc", True, [0.5, 0.5], "there are 2 thresholds for 3 labels"),
        ("abc", True, [0.5, 0.5, 1.01], "less than or equal to 1"),
        ("abc", True, [0.5, -0.01, 0.5], "greater than or equal to 0"),
        ("abc", True, [0.5, float("nan"), 0.5], "than"),
        ("abc", False, [0.3, 0.3, 0.4], "possible only for two labels, and must sum to 1"),
        ("ab", False, [0.5, 0.6], "possible only for two labels, and must sum to 1"),
    ],
)
def test_thresholds_that_fit_nothing_are_refused(labels, multilabel, thresholds, message):
    with pytest.raises(ValidationError, match=message):
        config(tuple(labels), multilabel=multilabel, thresholds=thresholds)


def test_thresholds_that_fit_are_kept():
    assert config(multilabel=True, thresholds=[0.1, 0.2, 0.9]).thresholds == [0.1, 0.2, 0.9]
    assert config(("a", "b"), thresholds=[0.8, 0.2]).thresholds == [0.8, 0.2]
    # What a model is quite sure of may be divided by no other threshold.
    assert config(("a", "b"), thresholds=[1.0, 1e-20]).thresholds == [1.0, 1e-20]


def test_a_bundle_keeps_them(topics_model):
    kept = BundleFolder.open(topics_model).config()
    assert kept.multilabel
    assert kept.thresholds == [0.4, 0.4, 0.4]
    card = (topics_model / "README.md").read_text(encoding="utf-8")
    assert "It assigns any number of 3 labels to a text: `price`, `quality`, `speed`." in card


def test_a_model_of_one_label_is_not_taken_for_one_of_several(topics_model):
    folder = BundleFolder.open(topics_model)
    one = folder.config().model_copy(update={"multilabel": False, "thresholds": None})
    with pytest.raises(BundleError) as error:
        folder.model(one)
    assert str(error.value) == (
        f"{topics_model}: the model assigns any number of labels to a text, and config.json says"
        " that it assigns one label to a text; copy or train the model again"
    )
