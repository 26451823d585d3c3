"""From a ladder to the page that shows it."""

from dataclasses import asdict

from wordgate.bundle.metrics import Epoch
from wordgate.data import Table
from wordgate.report import comparison_report as page
from wordgate.report.findings import Findings, Learning, find
from wordgate.report.words import WordCounts
from wordgate.workflows.audit import audit_table
from wordgate.workflows.audit_sections import advice, sections
from wordgate.workflows.ladder import Comparison, Rung, Step
from wordgate.workflows.ladder_told import HEADER, measured, scores_row
from wordgate.workflows.reporting import held_out, source_name
from wordgate.workflows.split_scheme import SplitScheme


def comparison_page(ladder: Comparison, table: Table, scheme: SplitScheme, *, texts: bool) -> str:
    """Show a ladder in pictures, as a self-contained HTML page.

    Args:
        ladder: The whole ladder.
        table: All rows.
        scheme: The last kind of split, on which each family is looked at.
        texts: Whether texts of the data may stand on the page.
    """
    rungs = []
    for family in ladder.families:
        found = [(ladder.rung(family, kind), ladder.step(family, kind)) for kind in ladder.kinds]
        trials = [_trial(rung, step) for rung, step in found if rung is not None]
        rungs.append(page.Rung(family, trials))
    rows = [(f"{rung.family}, {rung.kind}", *scores_row(rung)[1:]) for rung in ladder.rungs]
    audit = audit_table(table, scheme.splits.copies)
    words = scheme.words()
    report = page.ComparisonReport(
        title=f"Families of models on {source_name(ladder.source)}",
        advice=() if ladder.advice is None else ladder.advice.sentences,
        rungs=rungs,
        ladder_header=("family, split", *HEADER),
        ladder_rows=rows,
        leaks=[*(ladder.leaks or {}).values(), *ladder.left_out],
        measured=measured(ladder),
        versions=list((ladder.environment or {}).items()),
        advised="" if ladder.advice is None else ladder.advice.family,
        looks=[
            (rung.family, _findings(rung, table, scheme, words, texts=texts), _learning(rung))
            for rung in ladder.rungs
            if rung.kind == scheme.kind
        ],
        audit=[advice(audit), *sections(audit)],
    )
    return page.comparison_page(report)


def _findings(
    rung: Rung, table: Table, scheme: SplitScheme, words: WordCounts, *, texts: bool
) -> Findings:
    answers = rung.answers
    return find(
        rung.scores,
        held_out(table, scheme.exam.examples, scheme.rows, answers.log_proba),
        words,
        temperature=answers.temperature,
        untempered=answers.untempered,
        texts=texts,
        seed=scheme.exam.seed,
    )


def _learning(rung: Rung) -> Learning:
    history = [Epoch(**asdict(epoch)) for epoch in rung.answers.history]
    return Learning(history, rung.answers.best_epoch, rung.remarks)


def _trial(rung: Rung, step: Step | None) -> page.Trial:
    accuracy, macro_f1 = rung.scores.intervals["accuracy"], rung.scores.intervals["macro_f1"]
    return page.Trial(
        kind=rung.kind,
        accuracy=rung.scores.accuracy,
        low=accuracy.low,
        high=accuracy.high,
        macro_f1=rung.scores.macro.f1,
        macro_f1_low=macro_f1.low,
        macro_f1_high=macro_f1.high,
        difference=None if step is None else _difference(step),
        train_seconds=rung.train_seconds,
        texts_per_second=rung.texts_per_second,
        model_mb=rung.megabytes,
    )


def _difference(step: Step) -> page.Difference:
    found = step.difference

    def points(share: float | None) -> float | None:
        return None if share is None else 100 * share

    return page.Difference(
        100 * found.difference, points(found.low), points(found.high), found.p_value
    )
