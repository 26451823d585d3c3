"""The report on a search: the selected model, the selection bias, the trials, the limits."""

import re
from dataclasses import replace

import pytest
from tests.report.conftest import NASTY

from wordgate.bundle.metrics import Metrics
from wordgate.evaluation.intervals import Interval
from wordgate.evaluation.search import SearchFacts
from wordgate.report.search import search_page
from wordgate.report.search_text import (
    format_best,
    format_progress,
    format_search,
    price,
    search_facts,
    selection_score,
    trial_line,
)


def test_the_summary_has_the_winner_and_the_selection_bias(search_result):
    lines = format_search(search_result).splitlines()
    assert lines[:6] == [
        "lstm (trial 5) was selected from 15 trials of 3 families: accuracy 0.700 on 3 inner folds"
        " of the training rows, 0.682 on the test rows (0.660 to 0.690).",
        "Selection bias: the selection score is 1.8 points above the test score, because"
        " the highest of 13 scores is partly due to chance; expect the test score on new texts.",
        "Runner-up: lstm (trial 6), 0.699 on 3 inner folds (-0.1 points, 0.90 ms, 9.00 MB).",
        "Measured on the saved model: 0.41 ms per text (limit 5), 4.10 MB on disk (limit 50).",
        "1 trial was over a limit and could not be selected. The trials took 16.2 min of the 20 min"
        " for the whole command; the search ended because no other trial fits into the time limit.",
        "Left out: logreg.",
    ]
    assert lines[-1] == (
        "Importance of the lstm settings (share of the variance of its scores): lstm.hidden_size"
        " 70%, lstm.learning_rate 30%."
    )
    few = format_search(replace(search_result, importances={}, chosen=0, second=None))
    assert "Runner-up" not in few
    assert few.endswith(
        "The importance of the count settings cannot be estimated from 0 finished trials with"
        " tuned settings; 10 are needed."
    )


def test_a_search_without_a_test_reports_the_score_and_that_the_highest_of_several_is_luck(
    search_result,
):
    assert selection_score(search_result) == (
        "accuracy 0.700 on 3 inner folds of the training rows, which is optimistic, because the"
        " highest of 13 scores is partly due to chance."
    )
    alone = replace(search_result, trials=(search_result.trial(5),), second=None)
    assert selection_score(alone) == "accuracy 0.700 on 3 inner folds of the training rows."


def test_a_search_is_a_line_in_a_session(search_result):
    assert repr(search_result) == "SearchResult(lstm, trial 5 of 16 trials, accuracy=0.700)"


def test_of_the_best_trials_the_selected_one_has_the_star(search_result):
    chosen = replace(search_result, chosen=6, chosen_score=0.699, second=4)
    why = (
        " lstm (trial 5) has 0.700, but of models that are equally good (within half a point and"
        " one standard error), the smallest one is selected."
    )
    assert why in format_search(chosen)
    assert why not in format_search(replace(chosen, second=5))  # which the runner-up says
    assert selection_score(chosen).endswith(why)
    assert [line.split()[0] for line in format_best(chosen).splitlines()[1:3]] == ["5", "6*"]


@pytest.mark.parametrize(
    ("test_score", "high", "expected"),
    [
        (0.695, 0.71, "is 0.5 points above the test score (within its interval), because"),
        (0.71, 0.73, "none observed. The test score is 1.0 points above the selection score"),
        (0.7, 0.73, "none observed. The test score equals the selection score"),
        (
            None,
            None,
            "the highest of 13 scores is partly due to chance. By how much is unknown without a"
            " score",
        ),
    ],
)
def test_the_selection_bias_is_reported(search_result, test_score, high, expected):
    interval = Interval(low=None if high is None else 0.68, high=high, method="bootstrap")
    assert expected in price(replace(search_result, test_score=test_score, interval=interval))


def test_a_second_choice_with_a_better_score_says_why_it_lost(search_result):
    expected = format_search(replace(search_result, chosen=6, second=5, chosen_score=0.699))
    assert "(+0.1 points, 0.40 ms, 4.00 MB); it is better by less than a standard error" in expected


def test_a_trial_is_a_line_of_a_log(search_result):
    trials = search_result.trials
    assert trial_line(trials[5], "accuracy", trials) == (
        "Trial 5, lstm (hidden_size=96, learning_rate=0.00213): accuracy 0.700 ± 0.006, 0.40 ms,"
        " 4.00 MB, 60 s; best so far"
    )
    assert trial_line(trials[2], "macro_f1", trials) == (
        "Trial 2, transformer: macro F1 0.720, 9.00 ms, 90.00 MB, 60 s; over --max-ms;"
        " over --max-mb"
    )
    assert trial_line(trials[3], "accuracy", trials).endswith(
        "stopped early, after 25% of the rows"
    )
    assert trial_line(trials[4], "accuracy", trials) == (
        "Trial 4, lstm (epochs=99): accuracy –, 60 s; not finished"
    )


def test_the_table_in_a_terminal_has_the_best_and_the_last_trial(search_result):
    last = replace(search_result.trials[7], number=16, score=0.5, settings={})
    lines = format_progress([*search_result.trials, last]).splitlines()
    assert len(lines) == 11
    assert lines[1].startswith("5*")
    assert "hidden_size=96 learning_rate=0.00213" in lines[1]
    assert lines[-1].startswith("16 ")
    early = format_progress(search_result.trials[:4]).splitlines()
    assert [line.split()[0] for line in early] == ["trial", "1*", "0", "2", "3"]
    assert "[over --max-ms] [over --max-mb]" in early[3]


def test_the_page_has_the_trials_the_limits_and_the_front(search_result, search):
    assert "&lt;script&gt;" in search
    assert search.count(">limit 5<") == search.count(">limit 50<") == 1
    shown, folded = search.split("6 more")
    assert re.findall('<tr class="best"><th scope="row"><bdi>(.*?)</bdi>', shown) == ["5 lstm"]
    assert "over --max-ms; over --max-mb: recipe default" in folded
    assert "runner-up: " in shown
    front = search.split("trial on the front")[1].split("</table>")[0]
    assert re.findall("<bdi>(. [a-z]+)</bdi>", front) == ["0 count", "1 lstm", "5 lstm"]
    trials = search_result.trials[:6]
    few = search_page(replace(search_result, trials=trials, second=1, importances={}), "a")
    assert "10 are needed" in few
    assert "more</summary>" not in few


def test_the_report_on_a_model_names_its_search(make_report, search_result):
    report = make_report()
    assert "search.html" not in report.page()
    facts = SearchFacts(
        objective="accuracy", limits=search_result.limits, n_trials=15, minutes=16.2,
        ended_by="minutes", settings={}, chosen_score=0.7, test_score=0.682, importances={},
        left_out=[],
    )  # fmt: skip
    metrics = report.metrics.model_copy(update={"search": facts})
    page = replace(report, metrics=Metrics.model_validate(metrics)).page()
    assert (
        "Chosen from 15 trials by its accuracy on inner folds of the training rows, 0.700; on the"
        ' test rows it is 0.682. <a href="search.html">Report on the search</a>'
    ) in page


def test_a_search_is_json(search_result):
    facts = search_facts(search_result)
    assert facts["difference"] == pytest.approx(0.018)
    assert facts["trials"][6]["settings"] == {"text.tokenizer": NASTY[0]}
