import numpy as np
import pytest

from wordgate.bundle.config import Config
from wordgate.errors import SettingsError
from wordgate.prediction.decision import DecisionRule

PROBA = np.array([[0.7, 0.3, 0.2], [0.1, 0.2, 0.1], [0.6, 0.9, 0.5], [0.5, 0.5, 0.5]])


def config(labels=("a", "b", "c"), **more):
    return Config(
        family="count", labels=labels, seed=0, recipe="none", settings={}, data={}, environment={},
        **more,
    )  # fmt: skip


def refusal(made, **options):
    with pytest.raises(SettingsError) as error:
        DecisionRule.of(made, **options)
    return str(error.value)


def test_each_of_several_labels_is_given_from_a_half_on_the_most_probable_first():
    rule = DecisionRule.of(config(multilabel=True))
    assert rule.thresholds == (0.5, 0.5, 0.5)
    assert rule.predictions(PROBA) == [("a",), (), ("b", "a", "c"), ("a", "b", "c")]
    assert rule.predictions(PROBA[:0]) == []


def test_each_label_has_its_own_threshold_and_the_users_override_the_models():
    made = config(multilabel=True, thresholds=[0.65, 0.25, 0.5])
    assert DecisionRule.of(made).predictions(PROBA) == [("a", "b"), (), ("b", "c"), ("b", "c")]
    assert DecisionRule.of(made, threshold={"b": 0.95}).thresholds == (0.65, 0.95, 0.5)
    assert DecisionRule.of(made, threshold=np.float32(0.25)).thresholds == (0.25, 0.25, 0.25)


def test_the_most_probable_labels_are_given_whatever_their_thresholds():
    for made in (config(), config(multilabel=True)):
        rule = DecisionRule.of(made, top=2)
        assert rule.predictions(PROBA) == [("a", "b"), ("b", "a"), ("b", "a"), ("a", "b")]


def test_one_label_is_the_most_probable_or_none():
    assert DecisionRule.of(config()).predictions(PROBA) == ["a", "b", "b", "a"]
    rule = DecisionRule.of(config(), abstain_below=0.6)
    assert rule.predictions(PROBA) == ["a", None, "b", None]


TWO = np.array([[0.85, 0.15], [0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])


@pytest.mark.parametrize(
    ("own", "threshold", "expected"),
    [
        (None, None, "ham ham ham spam"),
        (None, 0.2, "ham spam spam spam"),
        (None, {"spam": 0.2}, "ham spam spam spam"),
        (None, {"ham": 0.85}, "ham spam spam spam"),
        (None, {"ham": 0.5}, "ham ham ham spam"),
        ([0.1, 0.9], None, "ham ham ham spam"),
        ([0.85, 0.15], None, "spam spam spam spam"),
        ([0.85, 0.15], 0.5, "ham ham spam spam"),
    ],
)
def test_of_two_labels_that_of_the_threshold_is_given_from_it_on(own, threshold, expected):
    made = config(("ham", "spam"), thresholds=own)
    rule = DecisionRule.of(made, threshold=threshold)
    assert " ".join(rule.predictions(TWO)) == expected
    assert rule.thresholds is None or sum(rule.thresholds) == pytest.approx(1)


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, float("nan"), True, "0.5", None])
def test_a_threshold_that_is_no_probability_is_refused(value):
    expected = f"the threshold of 'b' is {value!r}; it must be a probability above 0 and below 1"
    assert refusal(config(multilabel=True), threshold={"a": 0.5, "b": value}) == expected
    if value is not None:
        expected = f"threshold is {value!r}; it must be a probability above 0 and below 1"
        assert refusal(config(multilabel=True), threshold=value) == expected


def test_thresholds_of_unknown_labels_or_none_are_refused():
    several = config(("price", "quality"), multilabel=True)
    assert refusal(several, threshold={"prize": 0.5}) == (
        "threshold names 'prize', and the model's labels are ['price', 'quality']; did you mean"
        " 'price'?"
    )
    assert refusal(several, threshold={}) == (
        "threshold has no label: give one or more, or a number for all labels"
    )
    assert refusal(config(("ham", "spam")), threshold={"ham": 0.2, "spam": 0.8}) == (
        "threshold names both labels; with one label per text, name only one: below its threshold,"
        " the other is predicted"
    )


def test_a_threshold_has_no_effect_on_one_of_many_labels():
    assert refusal(config(), threshold=0.5) == (
        "threshold has no effect on a model that predicts the most probable of 3 labels;"
        " abstain_below predicts none if that is not probable enough"
    )


@pytest.mark.parametrize("top", [0, 4, -1, 1.0, True, "2"])
def test_a_number_of_labels_that_there_can_not_be_is_refused(top):
    for made in (config(), config(multilabel=True)):
        assert refusal(made, top=top) == (
            f"top is {top!r}; it must be a whole number from 1 to 3, the number of labels"
        )


def test_options_that_contradict_each_other_are_refused():
    several, two = config(multilabel=True), config(("ham", "spam"))
    for name, value in (("threshold", 0.5), ("abstain_below", 0.5)):
        assert refusal(two, top=1, **{name: value}) == (
            "top gives the most probable labels, however probable they are, so"
            f" {name} has no effect: leave one of them out"
        )
    assert refusal(several, abstain_below=0.5) == (
        "abstain_below applies only to models of one label per text, and this one is multi-label:"
        " give a higher threshold instead"
    )
    expected = (
        "abstain_below applies to the most probable label, but here a threshold decides (0.2 for"
        " 'spam'): leave abstain_below out"
    )
    assert refusal(two, threshold=0.2, abstain_below=0.5) == expected
    own = config(("ham", "spam"), thresholds=[0.8, 0.2])
    assert refusal(own, abstain_below=0.5) == expected
    assert refusal(several, abstain_below=1.5) == (
        "abstain_below is 1.5; it must be a probability, from 0 to 1"
    )
