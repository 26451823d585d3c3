"""Scoring of one file, or a stream, in constant memory, resumable after a kill."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from wordgate.bundle.config import DEFAULT_SEPARATOR, Config
from wordgate.bundle.folder import MANIFEST, BundleFolder
from wordgate.errors import DataError, SettingsError
from wordgate.prediction.decision import DecisionRule
from wordgate.prediction.predictor import Predictor, load_with_progress
from wordgate.runtime.cpu import processor
from wordgate.runtime.display import counted, in_list
from wordgate.runtime.interrupt import Interruption, deferred_interruption
from wordgate.runtime.packages import installed_versions
from wordgate.runtime.progress import Progress
from wordgate.scoring.input import OpenedInput, added_names, open_input
from wordgate.scoring.options import FORMATS, ScoreOptions
from wordgate.scoring.partial_output import (
    Counts,
    PartialOutput,
    ScoringState,
    destination,
    writing,
)
from wordgate.scoring.predictions import predict_batch, texts_of
from wordgate.scoring.results import Scored
from wordgate.scoring.writing import ParquetWriter, Writer, make_writer
from wordgate.storage.files import expand_home
from wordgate.storage.places import place_of
from wordgate.storage.resumable import RunFingerprint, as_it_is
from wordgate.tables import Batch
from wordgate.tables.source import (
    STANDARD,
    format_of,
    is_file,
    is_workbook,
    split_sheet,
    version_of,
)
from wordgate.tables.typed import ParquetReader
from wordgate.tables.workbook import WorkbookReader

_STEPS = 1000  # of the bar
_UNSPECIFIC = ("", ".txt", ".dat", ".data", ".out", ".tmp", ".new", ".bak")
"""File extensions that imply no format: the format is then that of the input."""


@dataclass(frozen=True)
class _Work:
    """A prepared run; without a fingerprint it cannot be resumed."""

    predictor: Predictor
    opened: OpenedInput
    writer: Writer
    added: list[str]
    rule: DecisionRule
    fingerprint: RunFingerprint | None

    def bytes_of(self, batch: Batch, counts: Counts) -> bytes:
        """Score a batch, add it to the counts, and return the bytes to write."""
        texts = texts_of(self.opened.table.reader.blank, batch, self.opened.text.columns)
        predictions = predict_batch(self.predictor, texts.texts, self.rule)
        counts.add(len(batch), predictions.abstained, texts.errors)
        return self.writer.rows(texts, predictions)


def score_file(
    bundle: str | Path,
    source: str,
    out: str,
    options: ScoreOptions,
    progress: Progress,
    predictor: Predictor | None = None,
    version: str | None = None,
) -> Scored:
    """Score one file, as `score` does.

    `predictor` is the model if it is already loaded, and `version` the result of `version_of` for
    the input if it is already known.
    """
    options = replace(options, to=options.to or format_by_name(out, source))
    options.check_effect(source, out)
    if out == STANDARD:
        return _to_standard_output(
            _prepare(bundle, source, out, options, progress, predictor, version)
        )
    place = None if source == STANDARD else place_of(split_sheet(source)[0])
    file = place if isinstance(place, Path) and is_file(place) else None
    before = None if file is None else as_it_is(file)
    with PartialOutput(destination(out), options.checkpoint_seconds) as kept:
        if kept.is_complete(options, file, expand_home(bundle) / MANIFEST):
            sources = bundle if file is None else f"{bundle} and {source}"
            progress.say(
                f"{out} already exists and is newer than {sources}: there is nothing to do. Only"
                " these times were compared, not the contents or the options; --overwrite scores"
                " again"
            )
            config = BundleFolder.open(bundle).config()
            several = config.multilabel or options.top is not None
            return _scored(Counts(), added_names(config, several=several), was_complete=True)
        work = _prepare(bundle, source, out, options, progress, predictor, version)
        if options.resume and work.fingerprint is None:
            raise SettingsError(f"--resume has no effect on {source}, which can be read only once")
        scored = _to_file(work, kept, progress, resume=options.resume)
        if file is not None and as_it_is(file) != before:
            progress.say(
                f"warning: {source} was changed while it was scored: {out} may lack rows, or mix"
                " old and new ones; --overwrite scores again"
            )
        return scored


def _prepare(
    bundle: str | Path,
    source: str,
    out: str,
    options: ScoreOptions,
    progress: Progress,
    predictor: Predictor | None,
    version: str | None,
) -> _Work:
    """Load the model, open the input, and report what was inferred."""
    config = BundleFolder.open(bundle).config()
    rule = options.rule(config)
    predictor = predictor or load_with_progress(
        bundle, lambda: progress, kernel=options.kernel, threads=options.threads
    )
    opened = open_input(source, config, options)
    if options.to is None:  # a workbook is read, but not written
        form = opened.table.reader.form
        options = replace(options, to=form if form in FORMATS else "csv")
    if options.to == "parquet" and out == STANDARD:
        raise DataError("Parquet cannot be written to standard output: name a file")
    separator = _separator(config, options) if rule.predicts_several else None
    added = opened.added(added_names(config, several=rule.predicts_several), options)
    packed = Path(out).suffix.lower() == ".gz"
    writer = make_writer(opened.table.reader, added, options, separator=separator, packed=packed)
    fingerprint = None
    if out != STANDARD and (path := opened.table.source.path) is not None:
        config_facts = _fingerprint_config(
            bundle, opened, version or version_of(path), rule, options
        )
        fingerprint = RunFingerprint(config_facts, _environment(predictor, options.kernel))
    changed = (
        f"warning: {bundle}/{name} was changed or is missing; predictions do not depend on it"
        for name in predictor.changed_files
    )
    for line in (*changed, *opened.lines, _added_line(opened, added)):
        progress.say(line)
    return _Work(predictor, opened, writer, added, rule, fingerprint)


def _fingerprint_config(
    bundle: str | Path,
    opened: OpenedInput,
    version: str,
    rule: DecisionRule,
    options: ScoreOptions,
) -> dict[str, str]:
    """List everything that determines the result."""
    facts = {
        "input": version,
        "model": BundleFolder.open(bundle).sha256(),
        **installed_versions("wordgate"),
        "text": json.dumps([column.number for column in opened.text.columns]),
        "encoding": str(opened.table.encoding and opened.table.encoding.codec),
        "abstain_below": str(options.abstain_below),
        "thresholds": str(rule.thresholds and (rule.thresholds, rule.decisive)),
        "escape_formulas": str(options.escape_formulas),
        "format": str(options.to),
        "batch": str(options.batch),
        "kernel": options.kernel,
    }
    if (sheet := opened.table.source.sheet) is not None:
        facts["sheet"] = sheet
    if options.top is not None:
        facts["top"] = str(options.top)
    return facts


def format_by_name(out: str, source: str) -> str | None:
    """Return the format implied by the extension of the output; None for that of the input."""
    form, ending = format_of(out), _ending(out)
    like_input = () if is_workbook(out) else (_ending(source),)
    if form is None and ending not in (*like_input, *_UNSPECIFIC):
        raise SettingsError(
            f"'{out}' ends in {ending}; the formats are {', '.join(f'.{one}' for one in FORMATS)},"
            " gzipped or not: use such a name, or give the format with --to"
        )
    return form


def _separator(config: Config, options: ScoreOptions) -> str:
    """Return the separator of several labels in a cell; refuse labels that contain it."""
    separator = config.separator() or DEFAULT_SEPARATOR
    for label in config.labels:
        if options.to in ("csv", "tsv") and separator in label:
            raise SettingsError(
                f"the label {label!r:.80} contains {separator!r}, which separates the labels of a"
                f" text in {options.to.upper()}: write JSON Lines or Parquet, where they are a"
                " list (--to jsonl)"
            )
    return separator


def _ending(name: str) -> str:
    path = Path(name)
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def _environment(predictor: Predictor, kernel: str) -> dict[str, str]:
    """List versions, threads and processor, which can change the last bits of a result."""
    packages = ["numpy", "regex"]
    if kernel.startswith("numba"):
        packages += ["numba", "llvmlite"]
    if kernel.startswith("onnx"):
        packages += ["onnxruntime"]
    if predictor.config.family == "transformer":
        packages += ["torch", "transformers", "tokenizers"]
    return {
        "python": platform.python_version(),
        "threads": str(predictor.n_threads),
        "processor": processor(),
        **installed_versions(*packages),
    }


def _added_line(opened: OpenedInput, added: list[str]) -> str:
    names = ", ".join(map(in_list, added))
    if opened.table.reader.names is None:
        first = opened.table.reader.width + 1
        return f"new columns: columns {first} to {first + len(added) - 1}: {names}"
    return f"new columns: {names}"


def _to_standard_output(work: _Work) -> Scored:
    if sys.stdout is None:
        raise DataError("standard output is closed: name a file")
    started, counts, stream = time.monotonic(), Counts(), sys.stdout.buffer
    stream.write(work.writer.heading())
    stream.flush()
    for batch in work.opened.table.reader.batches(0):
        stream.write(work.bytes_of(batch, counts))
        stream.flush()
    return _scored(counts, work.added, counts.scored, time.monotonic() - started)


def _to_file(work: _Work, kept: PartialOutput, progress: Progress, *, resume: bool) -> Scored:
    position, counts = 0, Counts()
    fingerprint = work.fingerprint
    if fingerprint is not None and resume and kept.exists():
        state, warnings = kept.load(fingerprint)
        if _was_moved(work, kept, state):
            kept.clear()
            progress.say(f"{kept.out} is complete.")
            return _scored(state.counts, work.added, was_complete=True)
        kept.resume(state)
        for warning in warnings:
            progress.say(f"warning: {warning}")
        position, counts = state.position, state.counts
        progress.say(f"continuing after {counted(counts.rows, 'row')}")
    else:
        kept.begin(work.writer.heading(), fingerprint)
    before, started = counts.scored, time.monotonic()
    deferred = nullcontext(Interruption()) if fingerprint is None else deferred_interruption()
    with deferred as interruption:
        for batch in _with_bar(work, position, counts, progress):
            position = batch.end
            kept.write(work.bytes_of(batch, counts))
            if fingerprint is not None and (interruption.asked or kept.is_due()):
                kept.save(fingerprint, position, counts)
            if interruption.asked:
                raise KeyboardInterrupt(
                    f"{counted(counts.rows, 'row is', 'rows are')} kept in {kept.folder}; run the"
                    " same command with --resume to continue"
                )
        if fingerprint is not None:
            kept.save(fingerprint, position, counts)  # for `_was_moved`
    kept.close()
    with writing(kept.out):
        work.writer.finish(kept.rows, kept.out)
        kept.clear()
    return _scored(counts, work.added, counts.scored - before, time.monotonic() - started)


def _was_moved(work: _Work, kept: PartialOutput, state: ScoringState) -> bool:
    """Return whether the run was killed after the result had been moved to its destination."""
    if kept.rows.exists() or not kept.out.exists():
        return False
    # A Parquet file is written from the rows, which are then deleted; else they are the result.
    return isinstance(work.writer, ParquetWriter) or kept.out.stat().st_size == state.length


def _with_bar(work: _Work, start: int, counts: Counts, progress: Progress) -> Iterator[Batch]:
    """Return the batches, and advance the progress bar."""
    source, reader = work.opened.table.source, work.opened.table.reader
    total = source.size
    if isinstance(reader, ParquetReader | WorkbookReader):
        total = reader.n_rows
    batches: Iterator[Batch] = reader.batches(start)
    if not total:
        yield from batches
        return
    batch, before, started = next(batches, None), counts.scored, time.monotonic()
    done = _STEPS * source.taken // total if start else 0
    with progress.bar(_STEPS, done) as bar:
        while batch is not None:
            yield batch
            rate = (counts.scored - before) / max(time.monotonic() - started, 1e-9)
            reached = _STEPS * source.taken // total
            for _ in range(done, reached):
                bar.advance(f"{rate:,.0f} texts/s")
            done = max(done, reached)
            batch = next(batches, None)


def _scored(
    counts: Counts,
    added: list[str],
    n_scored: int = 0,
    seconds: float = 0.0,
    *,
    was_complete: bool = False,
) -> Scored:
    """Build the result; `n_scored` texts were scored in `seconds`."""
    return Scored(
        **dict(counts),
        added=added,
        seconds=seconds,
        texts_per_second=n_scored / max(seconds, 1e-9),
        was_complete=was_complete,
    )
