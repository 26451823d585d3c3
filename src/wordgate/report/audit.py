"""The report on an audit: sections, plain text for a terminal, and a page."""

import textwrap
from collections.abc import Iterator

from wordgate.data import TableRow
from wordgate.report.page import Section, render
from wordgate.report.text import capitalized, text_table
from wordgate.runtime.display import counted, shown
from wordgate.split.audit import Audit, Conflicts, Disagreement, GroupSizes, LabelSetFacts
from wordgate.split.pairs import Pair, differences

LINE_WIDTH = 96
MOST_LABELS = 20
MOST_DISAGREEMENTS = 5
NAME_WIDTH = 40


def sections(audit: Audit) -> list[Section]:
    """Return the results by subject, the recommendation first, without the example pairs."""
    return [
        _advice_section(audit),
        _texts_section(audit),
        _labels_section(audit),
        _duplicates_section(audit),
        _groups_section(audit),
        _leaks_section(audit),
    ]


def audit_page(audit: Audit) -> str:
    """Render an audit as a self-contained HTML page; all texts of the data are escaped."""
    return render(
        "audit.html.j2",
        title=f"Audit of {audit.reading.source}",
        sections=sections(audit),
        reading=Section("How the data was read", audit.reading.lines()),
        pairs=[(pair, differences(pair.first.text, pair.second.text)) for pair in audit.pairs],
        caption=_caption,
    )


def format_audit(audit: Audit, width: int | None = None) -> str:
    """Format an audit for a terminal, the recommendation last.

    Args:
        audit: The audit.
        width: Characters per line of the terminal; None for a file. Lines have at most 96.
    """
    width = min(LINE_WIDTH, width or LINE_WIDTH)
    advice, *others = sections(audit)
    parts = ["\n".join(_section_lines(section, width)) for section in others]
    if audit.pairs:
        title = "EXAMPLES OF NEAR DUPLICATES  [-only in the first-] {+only in the second+}"
        parts.append("\n\n".join([title, *(_format_pair(pair, width) for pair in audit.pairs)]))
    return "\n\n".join([*parts, "\n".join(_section_lines(advice, width))])


def _section_lines(section: Section, width: int) -> Iterator[str]:
    yield section.title.upper()
    for sentence in section.sentences:
        yield from _wrapped(sentence, width, indent=2)
    if section.rows:
        yield from text_table([section.header, *section.rows], margin="  ")


def _format_pair(pair: Pair, width: int) -> str:
    """Show the differences of two texts, with the words of only one of them in brackets."""
    marks = {"same": "{}", "first": "[-{}-]", "second": "{{+{}+}}"}
    words = [
        marks[piece.where].format(shown(piece.words, LINE_WIDTH * 5))
        for piece in differences(pair.first.text, pair.second.text)
    ]
    captions = f"{_caption(pair.first)} and {_caption(pair.second)}"
    lines = [
        *_wrapped(f"{pair.why} ({pair.similarity:.2f}): {captions}", width, indent=2),
        *_wrapped(" ".join(words), width, indent=4),
    ]
    return "\n".join(lines)


def _caption(row: TableRow) -> str:
    """Format the number, label and group of a row of a pair."""
    text = row.label_text()
    details = [] if text is None else [shown(text, 30)]
    details += [] if row.group is None else [f"group {shown(row.group, 20)}"]
    return f"row {row.row:,}" + (f" ({', '.join(details)})" if details else "")


def _wrapped(text: str, width: int, *, indent: int) -> list[str]:
    margin = " " * indent
    hanging = margin + "  " if text.startswith("- ") else margin
    return textwrap.wrap(
        text, width, initial_indent=margin, subsequent_indent=hanging, break_on_hyphens=False
    )


def _advice_section(audit: Audit) -> Section:
    head = f"Use --split {audit.advice.split}"
    head += ", which is the default." if audit.advice.split == "grouped" else "."
    return Section("Recommendation", [head, *audit.advice.reasons])


def _texts_section(audit: Audit) -> Section:
    lengths = audit.lengths
    sentences = [
        f"{counted(audit.n_rows, 'row')}. Words per text: median {lengths.median:.0f},"
        f" 90th percentile {lengths.percentile_90:.0f},"
        f" 99th percentile {lengths.percentile_99:.0f}, maximum {lengths.longest:,}.",
        f"Left out: {lengths.empty:,} empty texts, {lengths.blank:,} whitespace-only texts.",
        f"Fewer than five words: {_of(lengths.short, audit.n_rows)}; only exact duplicates of such"
        " short texts are detected.",
    ]
    return Section("Texts", sentences)


def _labels_section(audit: Audit) -> Section:
    if audit.labels is None:
        return Section("Labels", ["No labels were found."])
    rows: list[tuple[str, ...]] = [
        (shown(one.label, NAME_WIDTH) or "(empty)", f"{one.rows:,}", f"{one.share:.1%}")
        for one in audit.labels[:MOST_LABELS]
    ]
    more = len(audit.labels) - len(rows)
    sentences = [] if audit.label_sets is None else [_labels_a_text(audit.label_sets, audit.n_rows)]
    sentences += [f"The {MOST_LABELS} most frequent of {len(audit.labels):,}:"] if more else []
    return Section("Labels", sentences, ("label", "rows", "share"), rows)


def _labels_a_text(facts: LabelSetFacts, n_rows: int) -> str:
    return (
        f"A text can have several labels: {facts.mean:.2f} on average, {facts.most} at most, in"
        f" {facts.distinct:,} combinations. With two or more: {_of(facts.several, n_rows)}; without"
        f" any: {_of(facts.without, n_rows)}."
    )


def _duplicates_section(audit: Audit) -> Section:
    duplicates = audit.duplicates
    sentences = [
        f"{_of(duplicates.rows, audit.n_rows)} have a duplicate:",
        f"- {counted(duplicates.exact_rows, 'has', 'have')} an exact duplicate"
        f" ({counted(duplicates.exact_texts, 'distinct text')});",
        f"- {counted(duplicates.near_rows, 'has', 'have')} a near duplicate, a text that is similar"
        f" but not identical ({counted(duplicates.near_pairs, 'pair')}).",
    ]
    if audit.conflicts is not None:
        sentences.append(_conflicts(audit.conflicts, several=audit.label_sets is not None))
    if audit.label_sets is not None and audit.label_sets.disagreements:
        sentences.append(_disagreements(audit.label_sets.disagreements))
    text = audit.reading.choice("text")
    if text is not None and text.before:
        others = " and ".join(column.called() for column in text.before)
        sentences.append(
            f"Only column {text.columns[-1].called()} is searched for duplicates. If duplicates"
            f" differ in column {others}, different labels can all be correct."
        )
    return Section("Duplicates", sentences)


def _disagreements(found: list[Disagreement]) -> str:
    """List the labels on which duplicates disagree, the most frequent first."""
    listed = [
        f"{shown(one.label, NAME_WIDTH)} ({one.exact_texts:,}; {one.near_pairs:,})"
        for one in found[:MOST_DISAGREEMENTS]
    ]
    if len(found) > MOST_DISAGREEMENTS:
        listed.append(f"and {len(found) - MOST_DISAGREEMENTS:,} more")
    return (
        "Labels that only some of the duplicates have (distinct texts with exact duplicates; pairs"
        f" of near duplicates): {', '.join(listed)}."
    )


def _conflicts(conflicts: Conflicts, *, several: bool) -> str:
    groups, other = "", "other labels" if several else "another label"
    if conflicts.groups is not None:
        name = "combination of labels" if several else "label"
        groups = f" Groups with more than one {name}: {conflicts.groups:,}."
    return (
        f"Conflicting labels: {counted(conflicts.exact_rows, 'row has', 'rows have')} the same text"
        f" as a row with {other} ({counted(conflicts.exact_texts, 'distinct text')}). Pairs of near"
        f" duplicates with different labels: {conflicts.near_pairs:,}.{groups}"
    )


def _groups_section(audit: Audit) -> Section:
    groups = audit.groups
    rows = [] if groups.own is None else [_sizes("in the data", groups.own)]
    rows.append(_sizes("with duplicates merged" if rows else "by duplicates", groups.joined))
    sentences = [
        f"{capitalized(groups.column)}.",
        f"{counted(groups.rows_joined, 'row was', 'rows were')} grouped with near"
        " duplicates or slightly less similar rows;"
        f" {counted(groups.rows_apart, 'still has', 'still have')} a near duplicate in another"
        " group.",
    ]
    return Section("Groups", sentences, ("groups", "number", "median rows", "largest"), rows)


def _sizes(name: str, sizes: GroupSizes) -> tuple[str, ...]:
    return (name, f"{sizes.n_groups:,}", f"{sizes.median:g}", f"{sizes.largest:,}")


def _leaks_section(audit: Audit) -> Section:
    title = "Leakage by kind of split"
    if not audit.leaks:
        return Section(title, ["There are too few rows to split."])
    header: tuple[str, ...] = ("split", "same group", "exact duplicate", "any duplicate", "total")
    rows: list[tuple[str, ...]] = [
        (
            leak.split,
            "" if leak.by_group is None else f"{leak.by_group:.1%}",
            f"{leak.by_exact_copy:.1%}",
            f"{leak.by_copy:.1%}",
            f"{leak.known:.1%}",
        )
        for leak in audit.leaks
    ]
    if audit.groups.own is None:
        header, rows = (header[0], *header[2:4]), [(row[0], *row[2:4]) for row in rows]
    sentence = "Percentage of the test rows that were seen during training, mean over three splits."
    problems = dict.fromkeys(leak.problem for leak in audit.leaks if leak.problem)
    return Section(title, [sentence, *problems], header, rows)


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {counted(whole, 'row')} ({part / max(1, whole):.1%})"
