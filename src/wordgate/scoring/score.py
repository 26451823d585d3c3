"""Scoring of files of any size, or a stream: `wordgate.score`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wordgate.data import Columns
from wordgate.errors import SettingsError
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.decision import Threshold
from wordgate.runtime.engine import LOCAL, Engine
from wordgate.runtime.progress import Console, Progress
from wordgate.scoring.options import BATCH, ScoreOptions
from wordgate.scoring.remote_output import score_to_url
from wordgate.scoring.results import Scored
from wordgate.scoring.scoring import score_file
from wordgate.scoring.sharded import score_shards
from wordgate.scoring.shards import is_sharded
from wordgate.storage.remote import local_name, url_of
from wordgate.tables.listing import given_names
from wordgate.tables.source import STANDARD


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
            ``ray``, in parallel on the Ray cluster at RAY_ADDRESS or, if that is not set, on a
            local cluster with all cores. Each file then takes one thread, or as many as `threads`.
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
        resume=resume,
        overwrite=overwrite,
        skip_errors=skip_errors,
        checkpoint_seconds=checkpoint_seconds,
    )
    chosen_engine = Engine.of(engine, threads)
    if not isinstance(source, str | os.PathLike):
        source = given_names(source, "the file to score")
    if not isinstance(out, str | os.PathLike):
        raise SettingsError(
            "out must be the path of a file, or of a folder for several, not a"
            f" {type(out).__name__}"
        )
    if is_sharded(source, out):
        return score_shards(bundle, source, str(out), options, progress, chosen_engine)
    _refuse_for_one_file(options, engine)
    return _score_one(bundle, local_name(str(source)), out, options, progress)


def _refuse_for_one_file(options: ScoreOptions, engine: str) -> None:
    """Refuse options that have no effect on a single file."""
    if engine != LOCAL:
        raise SettingsError(
            f"--engine {engine} has no effect on one file: give a folder, a glob pattern or several"
            " files, or leave it out"
        )
    if options.skip_errors:
        raise SettingsError("--skip-errors has no effect on one file: leave it out")


def _score_one(
    bundle: str | Path, file: str, out: str | Path, options: ScoreOptions, progress: Progress
) -> Scored:
    """Score a single file into a file or a URL."""
    if (url := url_of(str(out))) is not None:
        return score_to_url(bundle, file, url, options, progress)
    return score_file(bundle, file, local_name(str(out)), options, progress)
