"""Scoring a file of any size, or a stream, in fixed memory, so that a kill loses nothing."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from wordgate.bundle.config import DEFAULT_SEPARATOR, Config
from wordgate.bundle.folder import MANIFEST, BundleFolder
from wordgate.data import Columns
from wordgate.errors import DataError, SettingsError
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.decision import DecisionRule, Threshold
from wordgate.prediction.predictor import Predictor, load_aloud
from wordgate.runtime.cpu import processor
from wordgate.runtime.engine import LOCAL, Engine
from wordgate.runtime.interrupt import Interruption, deferred_interruption
from wordgate.runtime.packages import installed_versions
from wordgate.runtime.progress import Console, Progress
from wordgate.scoring.input import OpenedInput, added_names, open_input
from wordgate.scoring.manifest import ShardResult
from wordgate.scoring.options import BATCH, ScoreOptions
from wordgate.scoring.partial_output import (
    Counts,
    PartialOutput,
    ScoringState,
    check_effect,
    destination,
    writing,
)
from wordgate.scoring.predictions import predict_batch, texts_of
from wordgate.scoring.remote_output import RemoteOutput
from wordgate.scoring.shards import is_sharded
from wordgate.scoring.writing import FORMATS, ParquetWriter, Writer, check_format, make_writer
from wordgate.storage.remote import display_url, local_name, url_of
from wordgate.storage.resumable import RunFingerprint
from wordgate.tables import Batch, Reader
from wordgate.tables.source import STANDARD, format_of, is_workbook, version_of
from wordgate.tables.typed import ParquetReader
from wordgate.tables.workbook import WorkbookReader

_STEPS = 1000  # of the bar
_OF_NO_FORMAT = ("", ".txt", ".dat", ".data", ".out", ".tmp", ".new", ".bak")
"""Endings that tell no format: a result of such a name has the input's."""


@dataclass(frozen=True)
class Scored:
    """The result of `wordgate.score`.

    Attributes:
        rows: Number of rows of the input; the output has the same rows.
        scored: Number of rows with probabilities.
        abstained: Number of these without a label, because of `abstain_below`.
        errors: Number of rows that could not be scored.
        first_errors: The first of them: row number, from 1, and reason.
        added: Names of the new columns: label and probability (or labels, if a text can have
            several), one for each label, error. If the input has no header, the output has none
            either.
        seconds: Time for reading, scoring and writing since the last start.
        texts_per_second: Scored texts per second in this time.
        was_complete: Whether the result was already complete and there was nothing to do. The
            numbers are then those of the run that wrote it if it was killed in its last step,
            else 0.
        shards: The result of each file, where several were scored; their numbers are summed up
            above.
    """

    rows: int
    scored: int
    abstained: int
    errors: int
    first_errors: list[tuple[int, str]]
    added: list[str]
    seconds: float
    texts_per_second: float
    was_complete: bool = False
    shards: list[ShardResult] = field(default_factory=list)


@dataclass(frozen=True)
class _Work:
    """A scoring that is about to be done; where nothing is kept, it has no fingerprint."""

    predictor: Predictor
    opened: OpenedInput
    writer: Writer
    added: list[str]
    rule: DecisionRule
    fingerprint: RunFingerprint | None

    def bytes_of(self, batch: Batch, counts: Counts) -> bytes:
        """Score a batch and count it."""
        texts = texts_of(self.opened.table.reader.blank, batch, self.opened.text.columns)
        predictions = predict_batch(self.predictor, texts.texts, self.rule)
        counts.add(len(batch), predictions.abstained, texts.errors)
        return self.writer.rows(texts, predictions)


def score(
    bundle: str | Path,
    source: str | Path | Sequence[str | Path] = STANDARD,
    out: str | Path = STANDARD,
    *,
    text: Columns | None = None,
    encoding: str | None = None,
    abstain_below: float = 0.0,
    threshold: Threshold | None = None,
    top: int | None = None,
    escape_formulas: bool = False,
    to: str | None = None,
    batch: int = BATCH,
    kernel: str = NUMPY,
    threads: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    skip_errors: bool = False,
    engine: str = LOCAL,
    checkpoint_seconds: float = 2.0,
    progress: Progress | None = None,
) -> Scored:
    """Score the texts of a file or of standard input, of any size, in constant memory.

    The output has all columns of the input and new columns: the label, its probability, the
    probability of each label, and an error. A row that cannot be read, or has no text, gets an
    error and no label. If it cannot be parsed, the error contains the row as it was.

    With several labels per text, or with `top`, a column `labels` replaces the label and its
    probability, most probable first: a list in JSON Lines and Parquet; in CSV and TSV, joined by
    the separator of the training data, or a semicolon.

    Args:
        bundle: The folder of the model.
        source: A CSV, TSV, JSONL or Parquet file, compressed with gzip or not, or its URL, such as
            ``s3://bucket/in.csv``; ``-`` for standard input, which cannot be Parquet. Or several
            files: a folder, a glob pattern, or a list of these.
        out: The output file; ``-`` for standard output, where each batch is written immediately.
            The target of a symbolic link is written, and a replaced file keeps its permissions. Of
            several files, the folder of the outputs, which have the names of the inputs. When all
            are complete, ``_manifest.json`` lists them.
        text: The text columns; None for the columns of the training if the input has them, else to
            infer them.
        encoding: The encoding of the input; None to detect it. The output is UTF-8.
        abstain_below: Give no label that is less probable than this, from 0 to 1.
        threshold: Minimum probabilities of labels instead of the thresholds of the model, as for
            `Predictor.predict`.
        top: Give this many labels, the most probable ones, regardless of thresholds.
        escape_formulas: Whether to put an apostrophe before each CSV or TSV cell that a spreadsheet
            program would interpret as a formula; numbers are unchanged.
        to: The output format: ``csv``, ``tsv``, ``jsonl`` or ``parquet``; None for the format of
            the file name of `out`, else that of the input.
        batch: Maximum number of rows that are scored together.
        kernel: The implementation of an LSTM or a transformer, as for `wordgate.load`.
        threads: The number of threads, as for `wordgate.load`.
        resume: Whether to continue an interrupted run. If there is none, the run starts from the
            beginning, unless the result exists and is newer than the model and the input; only
            these times are compared.
        overwrite: Whether to replace an existing result, or to restart an interrupted run.
        skip_errors: Of several files, whether to leave out those that cannot be scored, and to list
            them in the manifest.
        engine: Where several files are scored: ``local``, one after another in this process, or
            ``ray``, at the same time on the cluster that RAY_ADDRESS names, else on one of all
            cores that is started here. Each file then takes one thread, or as many as `threads`.
        checkpoint_seconds: Minimum time between two checkpoints, in seconds.
        progress: Shows progress; None for standard error.

    Returns:
        The numbers of rows, and the names of the new columns.

    Raises:
        BundleError: The model cannot be loaded, the output cannot be written or exists already, or
            there is an interrupted run and neither `resume` nor `overwrite` is set.
        DataError: The input cannot be read.
        SettingsError: An option is out of range or has no effect, the kernel does not support the
            model, or `threads` is not a positive number.
        MissingExtraError: Parquet or the kernel needs a package that is not installed.
        KeyboardInterrupt: The run was interrupted; it can be resumed.
    """
    progress = Console() if progress is None else progress
    options = ScoreOptions(
        text=text,
        encoding=encoding,
        abstain_below=abstain_below,
        threshold=threshold,
        top=top,
        escape_formulas=escape_formulas,
        to=to,
        batch=batch,
        kernel=kernel,
        threads=threads,
        checkpoint_seconds=checkpoint_seconds,
    )
    options.check()
    chosen = Engine.of(engine, threads)
    if is_sharded(source, out):
        from wordgate.scoring.sharded import score_shards  # which scores each by this module

        return score_shards(
            bundle,
            source,
            str(out),
            options,
            resume=resume,
            overwrite=overwrite,
            skip_errors=skip_errors,
            progress=progress,
            engine=chosen,
        )
    if not chosen.is_local:
        raise SettingsError(
            f"--engine {engine} has no effect on one file: give a folder, a glob pattern or several"
            " files, or leave it out"
        )
    if skip_errors:
        raise SettingsError("--skip-errors has no effect on one file: leave it out")
    source = local_name(str(source))
    if (url := url_of(str(out))) is not None:
        return _score_to_url(
            bundle, source, url, options, resume=resume, overwrite=overwrite, progress=progress
        )
    return score_file(
        bundle,
        source,
        local_name(str(out)),
        options,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
    )


def _score_to_url(
    bundle: str | Path,
    source: str,
    url: str,
    options: ScoreOptions,
    *,
    resume: bool,
    overwrite: bool,
    progress: Progress,
) -> Scored:
    """Score one file into a local one, and upload that."""
    if options.to is None:
        _form_by_name(display_url(url), source)
    output = RemoteOutput(bundle, source, url, options)
    if output.begin(source, progress, resume=resume, overwrite=overwrite):
        return Scored(0, 0, 0, 0, [], [], 0.0, 0.0, was_complete=True)
    scored = score_file(
        bundle,
        source,
        str(output.staged),
        options,
        resume=resume,
        overwrite=False,
        progress=progress,
        version=output.version,
    )
    output.upload()
    return scored


def score_file(
    bundle: str | Path,
    source: str,
    out: str,
    options: ScoreOptions,
    *,
    resume: bool,
    overwrite: bool,
    progress: Progress,
    predictor: Predictor | None = None,
    version: str | None = None,
) -> Scored:
    """Score one file, as `score` does.

    Args:
        bundle: The folder of the model.
        source: The input.
        out: The output.
        options: As for `score`, and checked.
        resume: As for `score`.
        overwrite: As for `score`.
        progress: Shows progress.
        predictor: The model, where it is loaded already.
        version: What `version_of` tells of the input, where that is known already.

    Returns:
        As `score` does.

    Raises:
        WordgateError: As of `score`.
        KeyboardInterrupt: As of `score`.
    """
    form = options.to or (None if out == STANDARD else _form_by_name(out, source))
    if form is not None:
        check_format(form)
    kept = None if out == STANDARD else PartialOutput(destination(out), options.checkpoint_seconds)
    check_effect(source, out, resume=resume, overwrite=overwrite)
    with kept or nullcontext():
        if kept is not None and kept.is_complete(
            Path(bundle) / MANIFEST, source, resume=resume, overwrite=overwrite
        ):
            return _nothing_to_do(bundle, source, out, progress, options.top)
        config = BundleFolder.open(bundle).config()
        rule = DecisionRule.of(
            config,
            threshold=options.threshold,
            top=options.top,
            abstain_below=options.abstain_below,
        )
        predictor = predictor or load_aloud(
            bundle, lambda: progress, kernel=options.kernel, threads=options.threads
        )
        opened = open_input(
            source,
            config,
            form,
            text=options.text,
            encoding=options.encoding,
            batch=options.batch,
        )
        form = form or _written_form(opened.table.reader)
        if form == "parquet" and kept is None:
            raise DataError("Parquet cannot be written to standard output: name a file")
        separator = _separator(config, form) if rule.gives_several else None
        added = opened.added(added_names(config, several=rule.gives_several), form)
        writer = make_writer(
            opened.table.reader,
            added,
            form,
            separator=separator,
            escape_formulas=options.escape_formulas,
            packed=kept is not None and Path(out).suffix.lower() == ".gz",
        )
        fingerprint = None
        if kept is not None and opened.table.source.path is not None:
            decides = {
                **_decisive(bundle, opened, version),
                "abstain_below": str(options.abstain_below),
                "thresholds": str(rule.thresholds and (rule.thresholds, rule.decisive)),
                **({} if options.top is None else {"top": str(options.top)}),
                "escape_formulas": str(options.escape_formulas),
                "format": form,
                "batch": str(options.batch),
                "kernel": options.kernel,
            }
            fingerprint = RunFingerprint(decides, _environment(predictor, options.kernel))
        for name in predictor.changed_files:
            progress.say(
                f"warning: {bundle}/{name} was changed or is missing; predictions do not depend on"
                " it"
            )
        if resume and fingerprint is None:
            raise SettingsError(f"--resume has no effect on {source}, which can be read only once")
        for line in (*opened.lines, _added_line(opened, added)):
            progress.say(line)
        work = _Work(predictor, opened, writer, added, rule, fingerprint)
        if kept is None:
            return _to_standard_output(work)
        return _to_file(work, kept, progress, resume=resume)


def _form_by_name(out: str, source: str) -> str | None:
    """Give the format that the ending of a result tells; None to take the input's."""
    form, ending = format_of(out), _ending(out)
    like_input = () if is_workbook(out) else (_ending(source),)
    if form is None and ending not in (*like_input, *_OF_NO_FORMAT):
        raise SettingsError(
            f"'{out}' ends in {ending}; the formats are {', '.join(f'.{one}' for one in FORMATS)},"
            " gzipped or not: use such a name, or give the format with --to"
        )
    return form


def _written_form(reader: Reader) -> str:
    """Give the format of the input; of a workbook, which is not written, CSV."""
    return reader.form if reader.form in FORMATS else "csv"


def _separator(config: Config, form: str) -> str:
    """Give what joins the labels of a text in a cell.

    A label that holds it is refused: nobody could take them apart again.
    """
    separator = config.separator() or DEFAULT_SEPARATOR
    for label in config.labels:
        if form in ("csv", "tsv") and separator in label:
            raise SettingsError(
                f"the label {label!r:.80} contains {separator!r}, which separates the labels of a"
                f" text in {form.upper()}: write JSON Lines or Parquet, where they are a list (--to"
                " jsonl)"
            )
    return separator


def _ending(name: str) -> str:
    path = Path(name)
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def _environment(predictor: Predictor, kernel: str) -> dict[str, str]:
    """Name what computes: it moves the last bits of a result."""
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


def _nothing_to_do(
    bundle: str | Path, source: str, out: str, progress: Progress, top: int | None
) -> Scored:
    made_of = f"{bundle} and {source}" if Path(source).expanduser().exists() else bundle
    progress.say(
        f"{out} already exists and is newer than {made_of}: there is nothing to do. Only these"
        " times were compared, not the contents or the options; --overwrite scores again"
    )
    config = BundleFolder.open(bundle).config()
    added = added_names(config, several=config.multilabel or top is not None)
    return Scored(0, 0, 0, 0, [], added, 0.0, 0.0, was_complete=True)


def _added_line(opened: OpenedInput, added: list[str]) -> str:
    if opened.table.reader.names is None:
        first = opened.table.reader.width + 1
        return f"new columns: columns {first} to {first + len(added) - 1}: {', '.join(added)}"
    return f"new columns: {', '.join(added)}"


def _decisive(bundle: str | Path, opened: OpenedInput, version: str | None) -> dict[str, str]:
    """Name what decides a result, besides options: input, model, wordgate, columns, encoding."""
    assert opened.table.source.path is not None  # noqa: S101 - it can be read again
    return {
        "input": version or version_of(opened.table.source.path),
        "model": BundleFolder.open(bundle).sha256(),
        **installed_versions("wordgate"),
        "text": json.dumps([column.number for column in opened.text.columns]),
        "encoding": str(opened.table.encoding and opened.table.encoding.codec),
        **({} if (sheet := opened.table.source.sheet) is None else {"sheet": sheet}),
    }


def _to_standard_output(work: _Work) -> Scored:
    if sys.stdout is None:
        raise DataError("standard output is closed: name a file")
    started, counts, stream = time.monotonic(), Counts(), sys.stdout.buffer
    stream.write(work.writer.heading())
    stream.flush()
    for batch in work.opened.table.reader.batches(0):
        stream.write(work.bytes_of(batch, counts))
        stream.flush()
    return _scored(work, counts, counts.scored, started)


def _to_file(work: _Work, kept: PartialOutput, progress: Progress, *, resume: bool) -> Scored:
    position, counts = 0, Counts()
    fingerprint = work.fingerprint
    if fingerprint is not None and resume and kept.exists():
        state, warnings = kept.load(fingerprint)
        if _was_moved(work, kept, state):
            kept.clear()
            progress.say(f"{kept.out} is complete.")
            return Scored(
                **dict(state.counts),
                added=work.added,
                seconds=0.0,
                texts_per_second=0.0,
                was_complete=True,
            )
        kept.resume(state)
        for warning in warnings:
            progress.say(f"warning: {warning}")
        position, counts = state.position, state.counts
        progress.say(f"continuing after {counts.rows:,} rows")
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
                    f"{counts.rows:,} rows are kept in {kept.folder}; run the same command with"
                    " --resume to continue"
                )
        if fingerprint is not None:
            kept.save(fingerprint, position, counts)  # by which the result is known in its place
    kept.close()
    with writing(kept.out):
        work.writer.finish(kept.rows, kept.out)
        kept.clear()
    return _scored(work, counts, counts.scored - before, started)


def _was_moved(work: _Work, kept: PartialOutput, state: ScoringState) -> bool:
    """Tell whether it was killed in its last steps, when the result was in its place."""
    if kept.rows.exists() or not kept.out.exists():
        return False
    # Parquet is made of the rows, which go after that; else they are the result.
    return isinstance(work.writer, ParquetWriter) or kept.out.stat().st_size == state.length


def _with_bar(work: _Work, start: int, counts: Counts, progress: Progress) -> Iterator[Batch]:
    """Give the batches, and move the bar as they are worked off."""
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


def _scored(work: _Work, counts: Counts, n_scored: int, started: float) -> Scored:
    seconds = time.monotonic() - started
    return Scored(
        **dict(counts),
        added=work.added,
        seconds=seconds,
        texts_per_second=n_scored / max(seconds, 1e-9),
    )
