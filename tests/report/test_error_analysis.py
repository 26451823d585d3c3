import pytest

from wordgate.evaluation.error_analysis import LONGEST_TEXT, MOST_ROWS, count_words


def test_mistakes_are_the_most_probable_ones_one_of_each_group(make_analysis):
    analysis = make_analysis()
    sure = [one.probability for one in analysis.mistakes]
    assert sure == sorted(sure, reverse=True)
    assert len(sure) == MOST_ROWS
    assert all(one.true != one.predicted for one in analysis.mistakes)
    groups = [(one.row - 1001) // 3 for one in analysis.mistakes]
    assert len(set(groups)) == len(groups)


def test_mistakes_by_a_threshold_are_sorted_by_the_probability_of_the_label_that_is_given(
    make_analysis,
):
    analysis = make_analysis(("no", "yes"), n=45, threshold=0.05)
    sure = [one.probability for one in analysis.mistakes]
    assert min(sure) < 0.5
    assert sure == sorted(sure, reverse=True)


def test_rows_bear_the_numbers_of_the_users_file(make_analysis):
    analysis = make_analysis()
    for one in (*analysis.mistakes, *analysis.suspects):
        assert one.text == f"the text number {one.row - 1001} is about lamps"


def test_long_texts_are_cut(make_analysis):
    analysis = make_analysis(contents=["word " * 500])
    assert len(analysis.mistakes[0].text) <= LONGEST_TEXT + 1
    assert analysis.mistakes[0].text.endswith("…")


def test_calibration_stands_there_before_and_after(make_analysis):
    analysis = make_analysis()
    assert analysis.before.log_loss != pytest.approx(analysis.after.log_loss)
    assert analysis.after.log_loss == pytest.approx(analysis.scores.log_loss)
    assert make_analysis(temperature=1.0).before is None


def test_slices_hold_every_row(make_analysis):
    analysis = make_analysis()
    assert sum(one.n for one in analysis.by_length) == 300
    assert [one.name for one in analysis.by_unseen] == ["over 25%"]


def test_scripts_without_spaces_have_a_word_a_character():
    words = count_words(["我们 ok昨天", "ดีมาก", "😀 fine"], ["昨天我 fine"])
    assert words.n_words.tolist() == [5, 4, 1]
    assert words.unseen.tolist() == [0.4, 1.0, 0.0]


def test_words_are_counted_and_new_ones_reported():
    words = count_words(["The LAMP is new", "", "don't!", "lamp lamp"], ["the lamp", "IS it? don"])
    assert words.n_words.tolist() == [4, 0, 2, 2]
    assert words.unseen.tolist() == [0.25, 0.0, 0.5, 0.0]
