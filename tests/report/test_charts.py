import pytest

from wordgate.report.charts import (
    ChartBar,
    Dots,
    Estimate,
    Line,
    axis,
    bar_chart,
    dot_plot,
    line_chart,
    log_axis,
    matrix,
    shares,
)
from wordgate.svg import element, fitted, plain, text_width


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.61, 0.69], [0.6, 0.62, 0.64, 0.66, 0.68, 0.7]),
        ([1, 20], [0, 5, 10, 15, 20]),
        ([-3.2, 5.1], [-4, -2, 0, 2, 4, 6]),
        ([0.5, 0.5], [0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56]),
        ([3, 3], [2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6]),
    ],
)
def test_scales_have_round_numbers_and_hold_all_values(values, ticks):
    found = axis("x", values)
    assert list(found.ticks) == pytest.approx(ticks)
    assert found.low <= min(values) <= max(values) <= found.high


def test_a_value_lies_where_its_scale_says():
    scale = shares("accuracy")
    assert scale.at(0.25, 0, 200) == 50
    assert scale.at(-1, 0, 200) == 0
    chart = line_chart([Line("a", [(0.0, 0.0), (1.0, 1.0)], "one")], x=scale, y=scale, label="l")
    assert 'viewBox="0 0 360 250"' in chart
    assert "L346 46" in chart.replace(".0", "")


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.03, 0.4], [0.02, 0.05, 0.1, 0.2, 0.5]),
        ([0.02, 30], [0.01, 0.1, 1, 10, 100]),
        ([1.0], [1, 2]),
    ],
)
def test_a_logarithmic_scale_has_equal_ratios_equally_far_apart(values, ticks):
    scale = log_axis("ms", values)
    assert list(scale.ticks) == pytest.approx(ticks)
    assert scale.at(scale.low, 10, 20) == 10
    middle = (scale.low * scale.high) ** 0.5
    assert scale.at(middle, 10, 20) == pytest.approx(15)


def test_points_that_are_not_joined_are_drawn_without_a_line():
    points = Line("a", [(0.0, 0.0), (1.0, 1.0)], "one", marks=True, joined=False)
    chart = line_chart([points], x=shares("x"), y=shares("y"), label="l")
    assert chart.count("<circle") == 3  # one of the legend
    assert 'class="line one"' not in chart


def test_undefined_values_are_not_drawn():
    chart = bar_chart([ChartBar("a", Estimate(None))], title="F1", label="l")
    assert "undefined" in chart
    assert 'class="bar"' not in chart
    plot = dot_plot([Dots("a", [Estimate(0.5), Estimate(None)])], [("x", "one"), ("y", "two")],
                    title="accuracy", label="l")  # fmt: skip
    assert "whisker" not in plot


def test_a_row_without_rows_is_a_row_of_zeros():
    assert matrix(("a", "b"), [[0, 0], [1, 3]], [0, 4], label="l").count(">0%<") == 2


def test_a_matrix_has_every_label_in_full():
    names = [f"label number {i} of twenty labels with long names" for i in range(20)]
    drawn = matrix(names, [[i == j for j in range(20)] for i in range(20)], [1] * 20, label="l")
    assert all(drawn.count(f">{name}<") == 2 for name in names)
    assert drawn.count(">100<") == 20


def test_content_and_attributes_are_escaped():
    assert element("text", "<b>", class_='"x"', x=1.04) == (
        '<text class="&#34;x&#34;" x="1">&lt;b&gt;</text>'
    )


def test_text_is_cut_to_fit():
    assert fitted("short", 100) == "short"
    cut = fitted("W" * 200, 100)
    assert cut.endswith("…")
    assert text_width(cut) <= 100


def test_unprintable_characters_are_made_plain():
    assert plain("a\x00\x1b\ud800\u202eb\nc") == "a␀␛�b c"
    assert plain("👩‍👩‍👧 é") == "👩‍👩‍👧 é"
