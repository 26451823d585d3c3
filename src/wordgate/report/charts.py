"""Charts in SVG with a width of 360 units, readable on a phone and on paper.

Colors are classes of the page (`one`, `two`, `quiet`), for light and dark mode; marks of different
colors also differ in shape.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from wordgate.evaluation.intervals import Interval
from wordgate.runtime.display import counted
from wordgate.svg import element, fitted, line, picture, plain, text, text_width

WIDTH = 360.0
FEW_LABELS = 4
"""Maximum labels of a matrix, whose cells contain counts."""
Tone = Literal["one", "two", "quiet"]


@dataclass(frozen=True)
class Axis:
    """A scale from `low` to `high`, linear or logarithmic, with numbers at its ticks."""

    title: str
    low: float
    high: float
    ticks: Sequence[float]
    form: Callable[[float], str] = "{:g}".format
    logarithmic: bool = False

    def at(self, value: float, start: float, end: float) -> float:
        """Map a value to a coordinate between two; values outside are clipped."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log(value), math.log(low), math.log(high)
        fraction = (value - low) / (high - low)
        return start + min(1.0, max(0.0, fraction)) * (end - start)


@dataclass(frozen=True)
class Line:
    """A line of a line chart: its name, its points (x, y) and its tone.

    With `marks`, points are drawn as well; without `joined`, only points are drawn.
    """

    name: str
    points: Sequence[tuple[float, float]]
    tone: Tone
    marks: bool = False
    joined: bool = True


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; any of them may be undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float | None, interval: Interval | None = None) -> "Estimate":
        """Combine a value with its interval, if there is one."""
        return cls(value) if interval is None else cls(value, interval.low, interval.high)


@dataclass(frozen=True)
class ChartBar:
    """A row of a bar chart: its name, its value, and a note next to it."""

    name: str
    estimate: Estimate
    note: str = ""

    @property
    def value(self) -> str:
        """The formatted value."""
        value = self.estimate.value
        return "undefined" if value is None else f"{value:.2f}"


@dataclass(frozen=True)
class Dots:
    """A row of a dot plot: its name, and an estimate for each of the plot's kinds."""

    name: str
    estimates: Sequence[Estimate]


def axis(
    title: str, values: Sequence[float], *, form: Callable[[float], str] = "{:g}".format
) -> Axis:
    """Return a scale of round numbers that contains all values, with about five ticks."""
    low, high = min(values), max(values)
    if high - low < 1e-9:
        margin = 0.05 if abs(low) <= 1 else 0.5  # fractions, such as scores, are closer together
        low, high = low - margin, high + margin
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(number * step, 10) for number in range(first, last + 1)]
    return Axis(title, ticks[0], ticks[-1], ticks, form)


def log_axis(title: str, values: Sequence[float]) -> Axis:
    """Return a logarithmic scale of round numbers that contains all values, which are positive.

    Its ticks are 1, 2 and 5 times powers of ten, or only the powers on a long scale.
    """
    low, high = math.log10(min(values)), math.log10(max(values))
    powers = range(math.floor(low) - 1, math.ceil(high) + 2)
    factors = (1, 2, 5) if high - low < 2 else (1,)
    round_numbers = [factor * 10.0**power for power in powers for factor in factors]
    first = max(tick for tick in round_numbers if tick <= min(values) * 1.0001)
    last = min(tick for tick in round_numbers if tick >= max(values) * 0.9999 and tick > first)
    ticks = [tick for tick in round_numbers if first <= tick <= last]
    return Axis(title, first, last, ticks, logarithmic=True)


def shares(title: str) -> Axis:
    """Return the scale from 0 to 1."""
    return Axis(title, 0.0, 1.0, (0, 0.2, 0.4, 0.6, 0.8, 1.0), "{:.1f}".format)


def line_chart(
    lines: Sequence[Line], *, x: Axis, y: Axis, label: str, marked: tuple[float, str] | None = None
) -> Markup:
    """Draw lines over a grid, with a legend above; the most important line is last.

    `label` describes the picture for screen readers; `marked` is a value of x to mark with a
    vertical line, and its name.
    """
    height = 250.0
    left = 14 + max(text_width(y.form(tick)) for tick in y.ticks)
    top, right, bottom = 46.0, WIDTH - 14, height - 40

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return x.at(point[0], left, right), y.at(point[1], bottom, top)

    parts = [*_legend(lines), text(fitted(y.title, 200), 2, 34, class_="quiet")]
    for tick in y.ticks:
        height_of_tick = y.at(tick, bottom, top)
        parts.append(line(left, height_of_tick, right, height_of_tick, class_="grid"))
        parts.append(text(y.form(tick), left - 6, height_of_tick + 4, class_="end"))
    parts += [
        text(x.form(tick), x.at(tick, left, right), bottom + 17, class_="middle")
        for tick in x.ticks
    ]
    parts.append(text(fitted(x.title, right - left), (left + right) / 2, height - 6,
                      class_="middle quiet"))  # fmt: skip
    if marked is not None:
        at, name = x.at(marked[0], left, right), marked[1]
        side = "end" if at + text_width(name) + 8 > right else None
        parts.append(line(at, top, at, bottom, class_="mark"))
        parts.append(text(name, at - 5 if side else at + 5, top - 4, class_=side))
    for one in lines:
        parts += _drawn(one, [place(point) for point in one.points])
    return picture(parts, width=WIDTH, height=height, label=label)


def bar_chart(bars: Sequence[ChartBar], *, title: str, label: str) -> Markup:
    """Draw horizontal bars with whiskers for the intervals, and names above the bars.

    `title` is that of the scale, from 0 to 1.
    """
    x = shares(title)
    left, right, step = 2.0, WIDTH - 14.0, 40.0
    bottom = len(bars) * step + 2
    parts = _lower_scale(x, left, right, bottom, top=8.0)
    for number, bar in enumerate(bars):
        y, estimate = number * step, bar.estimate
        value = f"{bar.value} · {bar.note}" if bar.note else bar.value
        parts += _heading(bar.name, value, y + 14)
        if estimate.value is not None:
            start, end = x.at(x.low, left, right), x.at(estimate.value, left, right)
            size = {"x": start, "y": y + 21, "width": end - start, "height": 10.0}
            parts.append(element("rect", **size, rx=1.5, class_="bar"))
            parts += _whisker(estimate, x, left, right, y + 26, "ink")
    return picture(parts, width=WIDTH, height=bottom + 40, label=label)


def dot_plot(
    rows: Sequence[Dots],
    kinds: Sequence[tuple[str, Tone]],
    *,
    title: str,
    label: str,
    tick_form: Callable[[float], str] = "{:.2f}".format,
    form: Callable[[float], str] = "{:.2f}".format,
    zero: bool = False,
) -> Markup:
    """Draw estimates as dots with whiskers, one line for each kind below the row's name.

    Args:
        rows: The rows, from top to bottom.
        kinds: The name and tone of each estimate of a row.
        title: The title of the scale.
        label: The description for screen readers.
        tick_form: Formats a number of the scale.
        form: Formats a value next to the row's name.
        zero: Whether the scale includes 0, which is then marked.
    """
    ends = [0.0] if zero else []
    for row in rows:
        for one in row.estimates:
            ends += [end for end in (one.value, one.low, one.high) if end is not None]
    x = axis(title, ends or [0, 1], form=tick_form)
    left, right = 8.0, WIDTH - 14.0
    step = 24.0 + 15.0 * len(kinds)
    top = 26.0 if len(kinds) > 1 else 2.0
    bottom = top + len(rows) * step + 4
    legend = [Line(name, (), tone, marks=True) for name, tone in kinds]
    parts = _legend(legend) if len(kinds) > 1 else []
    parts += _lower_scale(x, left, right, bottom, top=top + 4)
    if zero:
        parts.append(line(x.at(0, left, right), top, x.at(0, left, right), bottom, class_="mark"))
    for number, row in enumerate(rows):
        y = top + number * step
        values = "  ·  ".join(form(one.value) for one in row.estimates if one.value is not None)
        parts += _heading(row.name, values, y + 15)
        for kind, (estimate, (_, tone)) in enumerate(zip(row.estimates, kinds, strict=True)):
            if estimate.value is not None:
                middle = y + 28 + 15 * kind
                parts += _whisker(estimate, x, left, right, middle, tone)
                parts.append(_dot_mark(tone, x.at(estimate.value, left, right), middle))
    return picture(parts, width=WIDTH, height=bottom + 40, label=label)


def matrix(
    names: Sequence[str],
    counts: Sequence[Sequence[int]],
    totals: Sequence[int],
    *,
    label: str,
    across: str = "predicted",
    down: str = "true",
) -> Markup:
    """Format a square matrix of counts over labels, shaded by their fractions of the row's total.

    It is a table, so that labels are not truncated. Few labels have counts and percentages; more
    labels only percentages, below vertical names.
    """
    brief = len(names) > FEW_LABELS
    heads = [element("th", element("span", plain(name)), scope="col") for name in names]
    parts = [
        element("tr", element("td"), element("th", across, colspan=len(names), scope="col")),
        element("tr", element("th", down, scope="col"), *heads),
    ]
    body = []
    for name, row, total in zip(names, counts, totals, strict=True):
        cells = [_cell(count, count / max(1, total), brief=brief) for count in row]
        body.append(element("tr", element("th", plain(name), scope="row"), *cells))
    return element(
        "table",
        element("thead", *parts),
        element("tbody", *body),
        class_="matrix brief" if brief else "matrix",
        aria_label=plain(label),
    )


@dataclass(frozen=True)
class Panel:
    """A small chart of a grid: a curve from 0 to 1 on both axes, and a marked point on it."""

    name: str
    note: str
    points: Sequence[tuple[float, float]]
    marked: tuple[float, float] | None = None


def curve_grid(
    panels: Sequence[Panel], *, reference: Sequence[tuple[float, float]], label: str
) -> Markup:
    """Draw precision-recall curves in small charts, two per row, with a reference curve."""
    step, tall, wide = 146.0, 92.0, 142.0
    across, up = shares("recall"), shares("precision")
    parts = [text(up.title, 2, 12, class_="quiet")]
    for number, panel in enumerate(panels):
        left, top = 28.0 + 178.0 * (number % 2), 40.0 + step * (number // 2)
        right, bottom = left + wide, top + tall
        note = fitted(panel.note, 70)
        room = wide - text_width(note) - 6
        parts.append(text(fitted(panel.name, room), left, top - 8, class_="name"))
        parts.append(text(note, right, top - 8, class_="end"))
        for tick in (0.0, 0.5, 1.0):
            level, place = up.at(tick, bottom, top), across.at(tick, left, right)
            parts.append(line(left, level, right, level, class_="grid"))
            parts.append(text(f"{tick:g}", left - 6, level + 4, class_="end"))
            parts.append(text(f"{tick:g}", place, bottom + 16, class_="middle"))
        for curve in (Line("", reference, "quiet"), Line(panel.name, panel.points, "one")):
            placed = [(across.at(a, left, right), up.at(b, bottom, top)) for a, b in curve.points]
            parts += _drawn(curve, placed)
        if panel.marked is not None:
            at, level = panel.marked
            parts.append(_dot_mark("two", across.at(at, left, right), up.at(level, bottom, top)))
    height = 40.0 + step * math.ceil(len(panels) / 2)
    parts.append(text(across.title, WIDTH / 2, height - 14, class_="middle quiet"))
    return picture(parts, width=WIDTH, height=height, label=label)


def _legend(lines: Sequence[Line]) -> list[Markup]:
    parts, x = [], 2.0
    for one in lines:
        sample = 18 if one.joined else 10
        name = fitted(one.name, WIDTH - x - sample - 8)
        if one.joined:
            parts.append(line(x, 10, x + sample, 10, class_=f"line {one.tone}"))
        if one.marks:
            parts.append(_dot_mark(one.tone, x + sample / 2, 10))
        parts.append(text(name, x + sample + 6, 14))
        x += sample + 20 + 0.9 * text_width(name)
    return parts


def _drawn(one: Line, points: Sequence[tuple[float, float]]) -> list[Markup]:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    drawn = one.joined and len(points) > 1
    parts = [element("path", d=path, class_=f"line {one.tone}")] if drawn else []
    if one.marks or len(points) == 1:
        parts += [_dot_mark(one.tone, x, y) for x, y in points]
    return parts


def _dot_mark(tone: Tone, x: float, y: float) -> Markup:
    """Draw a circle for the first tone, or a diamond for others."""
    if tone != "one":
        path = f"M{x - 4.5:.1f} {y:.1f}l4.5 -4.5l4.5 4.5l-4.5 4.5z"
        return element("path", d=path, class_=f"dot {tone}")
    return element("circle", cx=x, cy=y, r=3.6, class_=f"dot {tone}")


def _lower_scale(x: Axis, left: float, right: float, bottom: float, *, top: float) -> list[Markup]:
    parts = []
    for tick in x.ticks:
        place = x.at(tick, left, right)
        name = x.form(tick)
        half = text_width(name) / 2
        side = "middle" if left <= place - half and place + half <= WIDTH else None
        parts.append(line(place, top, place, bottom, class_="grid"))
        parts.append(text(name, place if side else 0.0, bottom + 16, class_=side))
    middle = (left + right) / 2
    parts.append(text(fitted(x.title, right - left), middle, bottom + 34, class_="middle quiet"))
    return parts


def _heading(name: str, numbers: str, y: float) -> list[Markup]:
    """Write a row's name at the left and its numbers at the right, without overlap."""
    numbers = fitted(numbers, WIDTH / 2)
    room = WIDTH - 24 - 0.9 * text_width(numbers)
    return [
        text(fitted(name, room), 2, y, class_="name"),
        text(numbers, WIDTH - 14, y, class_="end"),
    ]


def _whisker(estimate: Estimate, x: Axis, left: float, right: float, y: float,
             tone: str) -> list[Markup]:  # fmt: skip
    if estimate.low is None or estimate.high is None:
        return []
    low, high = x.at(estimate.low, left, right), x.at(estimate.high, left, right)
    path = f"M{low:.1f} {y - 4:.1f}v8M{low:.1f} {y:.1f}H{high:.1f}M{high:.1f} {y - 4:.1f}v8"
    return [element("path", d=path, class_=f"whisker {tone}")]


def _cell(count: int, part: float, *, brief: bool) -> Markup:
    # At most half, so that the text on it is readable on a white and on a black background.
    shade = f"--shade: {5 + 45 * part:.0f}%"
    share = f"{100 * part:.0f}"
    if brief:
        return element("td", share, style=shade, title=counted(count, "row"))
    return element("td", f"{count:,}", element("small", f"{share}%"), style=shade)
