import numpy as np
import pytest

from wordgate.errors import DataError
from wordgate.report.findings import LONGEST_TEXT, MOST_ROWS, HeldOut
from wordgate.report.words import count_words


def test_mistakes_are_the_surest_one_of_each_group(make_report):
    report = make_report()
    sure = [one.probability for one in report.findings.mistakes]
    assert sure == sorted(sure, reverse=True)
    assert len(sure) == MOST_ROWS
    assert all(one.true != one.predicted for one in report.findings.mistakes)
    groups = [(one.row - 1001) // 3 for one in report.findings.mistakes]
    assert len(set(groups)) == len(groups)


def test_rows_bear_the_numbers_of_the_users_file(make_report):
    report = make_report()
    for one in (*report.findings.mistakes, *report.findings.suspects):
        assert one.text == f"the text number {one.row - 1001} is about lamps"


def test_long_texts_are_cut(make_report):
    report = make_report(contents=["word " * 500])
    assert len(report.findings.mistakes[0].text) <= LONGEST_TEXT + 1
    assert report.findings.mistakes[0].text.endswith("…")


def test_calibration_is_told_before_and_after(make_report):
    report = make_report()
    assert report.findings.before.log_loss != pytest.approx(report.findings.after.log_loss)
    assert report.findings.after.log_loss == pytest.approx(report.metrics.log_loss)
    assert make_report(temperature=None, untempered=None).findings.before is None


def test_slices_hold_every_row(make_report):
    report = make_report()
    assert sum(one.n for one in report.findings.by_length) == 300
    assert [one.name for one in report.findings.by_unseen] == ["over 25 %"]


def test_words_are_counted_and_new_ones_told():
    words = count_words(["The LAMP is new", "", "don't!", "lamp lamp"], ["the lamp", "IS it? don"])
    assert words.n_words.tolist() == [4, 0, 2, 2]
    assert words.unseen.tolist() == [0.25, 0.0, 0.5, 0.0]


def test_what_does_not_fit_is_refused():
    held = HeldOut(np.zeros((2, 2)), np.zeros(2, np.int64), ["a"], [1, 2], None)
    with pytest.raises(DataError) as error:
        held.check()
    assert str(error.value) == (
        "a report needs as many probabilities, texts, row numbers and groups as labels;"
        " there are 2, 1, 2, 2 and 2"
    )
