"""Scoring of many files, a shard each: what is finished is kept, and moved to its place once.

`score_shard` scores one of them, here or in another process; `score_shards` plans them, has them
scored, and writes the manifest in the end.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError, DataError, no_folder_message
from wordgate.prediction.predictor import Predictor, load_aloud
from wordgate.runtime.display import counted
from wordgate.runtime.engine import Engine, map_tasks
from wordgate.runtime.packages import installed_versions
from wordgate.runtime.progress import Progress, ProgressBar, Silent
from wordgate.scoring.manifest import WORKING, OutputFolder, ShardResult, totals
from wordgate.scoring.options import ScoreOptions
from wordgate.scoring.partial_output import PartialOutput, check_effect
from wordgate.scoring.remote_output import staging_folder
from wordgate.scoring.scoring import Scored, score_file
from wordgate.scoring.shards import Names, Shard, plan_shards
from wordgate.storage.locks import exclusive
from wordgate.storage.places import (
    make_folder,
    move_to,
    place_of,
    remove_file,
    sha256_of,
    shown_name,
)
from wordgate.storage.remote import RemoteFile
from wordgate.storage.resumable import RunFingerprint
from wordgate.tables.listing import MANIFEST
from wordgate.tables.source import version_of

_STEPS = 1000  # of the bar
_MOST_SHOWN = 5  # errors of rows


@dataclass(frozen=True)
class ShardJob:
    """What the scorings of all shards have in common; it can be sent to another process.

    Attributes:
        model: The folder of the model.
        out: The folder of the outputs: a path or a URL.
        working: The local folder of what is not finished.
        options: The options of the scoring, checked.
    """

    model: str
    out: str
    working: str
    options: ScoreOptions


def score_shards(
    model: str | Path,
    source: Names,
    out: str,
    options: ScoreOptions,
    *,
    resume: bool,
    overwrite: bool,
    skip_errors: bool,
    progress: Progress,
    engine: Engine | None = None,
) -> Scored:
    """Score many files, an output each, and write a manifest of them.

    Args:
        model: The folder of the model.
        source: A folder, a glob pattern, a file, or several of these.
        out: The folder of the outputs.
        options: As for `score`, and checked.
        resume: Whether to leave alone what is finished, and to continue what is not.
        overwrite: Whether to start over, whatever is there.
        skip_errors: Whether to go on where a file cannot be scored; the manifest lists it.
        progress: Shows progress.
        engine: Where the shards are scored; None for one after another in this process.

    Returns:
        The numbers of all shards together, and the result of each.

    Raises:
        WordgateError: As of `score`; or a file can't be scored, and `skip_errors` is not set.
        KeyboardInterrupt: The run was interrupted; it can be resumed.
    """
    check_effect("", out, resume=resume, overwrite=overwrite)
    fingerprint = _fingerprint(model, options)
    shards = plan_shards(source, out, options.to)
    folder = OutputFolder(place_of(out))
    job = ShardJob(str(model), out, str(_working_folder(folder)), options)
    _check_place(folder)
    if not overwrite and _is_complete(folder, job, shards, fingerprint, resume=resume):
        progress.say(f"{folder.name} is complete: there is nothing to do")
        return _summary(folder.listed(), 0.0)
    started = time.monotonic()
    with _alone(folder, job):
        if overwrite:
            _start_over(folder, job, shards)
        folder.begin(fingerprint)
        progress.say(f"scoring {counted(len(shards), 'file')} into {folder.name}")
        results = _results(
            folder, job, shards, progress, engine or Engine(), skip_errors=skip_errors
        )
        folder.complete(fingerprint, results, str(model))
        _remove_working(folder, job)
    return _summary(results, time.monotonic() - started)


def _results(
    folder: OutputFolder,
    job: ShardJob,
    shards: Sequence[Shard],
    progress: Progress,
    engine: Engine,
    *,
    skip_errors: bool,
) -> list[ShardResult]:
    """Have all shards scored, and give their results in the order of their names."""
    results: list[ShardResult] = []
    try:
        for result in _run(job, shards, progress, engine):
            if result.error is not None:
                _refuse_or_tell(result, results, folder, progress, skip_errors=skip_errors)
            results.append(result)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(_kept(results, folder, len(shards))) from error
    if all(result.error is not None for result in results):
        raise DataError(f"{counted(len(results), 'file')} could not be scored, and no file could")
    return sorted(results, key=lambda result: result.name)


def score_shard(job: ShardJob, shard: Shard, progress: Progress | None = None) -> ShardResult:
    """Score one shard, unless it is finished; continue it, if it was interrupted.

    Its output appears as a whole, once; whoever scores it again gives the same bytes.

    Args:
        job: What all shards have in common.
        shard: The shard.
        progress: Shows progress; messages are in the result as well.

    Returns:
        Its result; where the input is at fault, one with an `error`.

    Raises:
        WordgateError: Something else than the input is at fault.
        KeyboardInterrupt: It was interrupted; the next call continues it.
    """
    listener = _Listener(progress or Silent())
    input_name = shown_name(place_of(shard.input))
    staged = Path(job.working, *shard.name.split("/"))
    folder = OutputFolder(place_of(job.out))
    try:
        version = version_of(place_of(shard.input))
        with _writing():
            make_folder(staged.parent)
            lock = staged.with_name(f".{staged.name}.lock")
        with exclusive(lock, f"the scoring of {input_name}"):
            if (finished := _finished(folder, shard, staged, version, listener)) is not None:
                return replace(finished, remarks=listener.lines)
            result = _score(job, shard, staged, version, listener)
            with _writing():
                folder.save(result)
                move_to(folder.output(shard.name), staged)
            return result
    except DataError as error:
        why = str(error) if input_name in str(error) else f"'{input_name}': {error}"
        return ShardResult(input=input_name, name=shard.name, error=why, remarks=listener.lines)


def _score(
    job: ShardJob, shard: Shard, staged: Path, version: str, listener: _Listener
) -> ShardResult:
    """Score a shard into a local file."""
    partial = PartialOutput(staged, 0.0)
    is_changed = partial.exists() and partial.config().get("input") != version
    if is_changed:
        listener.say("warning: it has changed since it was interrupted, and is scored again")
    elif not partial.exists():
        staged.unlink(missing_ok=True)  # its counts are lost
    scored = score_file(
        job.model,
        shard.input,
        str(staged),
        job.options,
        resume=not is_changed,
        overwrite=is_changed,
        progress=listener,
        predictor=_predictor(
            job.model, _model_hash(job.model), job.options.kernel, job.options.threads
        ),
        version=version,
    )
    sha256 = sha256_of(staged)
    if sha256 is None:
        raise BundleError(f"{staged} cannot be read, although it was just written")
    return ShardResult(
        input=shown_name(place_of(shard.input)),
        name=shard.name,
        rows=scored.rows,
        scored=scored.scored,
        abstained=scored.abstained,
        errors=scored.errors,
        first_errors=scored.first_errors,
        bytes=staged.stat().st_size,
        sha256=sha256,
        input_version=version,
        added=scored.added,
        remarks=listener.lines,
        seconds=scored.seconds,
    )


def _finished(
    folder: OutputFolder, shard: Shard, staged: Path, version: str, progress: Progress
) -> ShardResult | None:
    """Give the result of a shard that is finished: its output is there, as it was written."""
    record = folder.finished(shard.name)
    if record is None:
        return None
    if record.input_version != version:
        progress.say("warning: it has changed since it was scored, and is scored again")
        return None
    if sha256_of(folder.output(shard.name)) == record.sha256:
        return record
    if sha256_of(staged) == record.sha256:  # killed between the record and the move
        with _writing():
            move_to(folder.output(shard.name), staged)
        return record
    progress.say(
        f"warning: {shown_name(folder.output(shard.name))} is missing or was changed, and is made"
        " again"
    )
    return None


@lru_cache(maxsize=1)
def _predictor(model: str, _hash: str, kernel: str, threads: int | None) -> Predictor:
    """Load a model once for all shards that this process scores."""
    return load_aloud(model, Silent, kernel=kernel, threads=threads)


def _model_hash(model: str | Path) -> str:
    return BundleFolder.open(model).sha256()


def _fingerprint(model: str | Path, options: ScoreOptions) -> RunFingerprint:
    config = {"model": _model_hash(model), **installed_versions("wordgate"), **options.decisive()}
    return RunFingerprint(config)


def _working_folder(folder: OutputFolder) -> Path:
    """Give the local folder of what is not finished: in that of the outputs, where it is local."""
    if isinstance(folder.place, Path):
        return folder.place.absolute() / WORKING / "partial"
    return staging_folder(folder.place.url)


@contextmanager
def _alone(folder: OutputFolder, job: ShardJob) -> Iterator[None]:
    """See that no other process of this machine scores into the same folder."""
    with _writing():
        make_folder(Path(job.working))
    with exclusive(Path(f"{job.working}.lock"), f"scoring into {folder.name}"):
        yield


def _check_place(folder: OutputFolder) -> None:
    """Refuse where no folder can be."""
    if isinstance(folder.place, RemoteFile):
        folder.place.check_writable()
        return
    if folder.place.exists() and not folder.place.is_dir():
        raise BundleError(f"{folder.name} is a file: name a folder for the results")
    if not folder.place.absolute().parent.is_dir():
        raise BundleError(no_folder_message(folder.place))


def _start_over(folder: OutputFolder, job: ShardJob, shards: Sequence[Shard]) -> None:
    """Remove what an earlier run has noted, and its outputs that this one does not replace."""
    names = {*folder.names(), *(shard.name for shard in folder.listed())}
    with _writing():
        folder.forget(names)
        for name in sorted(names - {shard.name for shard in shards}):
            remove_file(folder.output(name))
    shutil.rmtree(job.working, ignore_errors=True)


def _is_complete(
    folder: OutputFolder,
    job: ShardJob,
    shards: Sequence[Shard],
    fingerprint: RunFingerprint,
    *,
    resume: bool,
) -> bool:
    """Tell whether nothing is left to do, and refuse what must not be done."""
    begun, manifest = folder.run(), folder.manifest()
    if not resume:
        _refuse_existing(folder, shards, is_begun=begun is not None)
        return False
    if begun is None and manifest is None:
        _refuse_existing(folder, shards, is_begun=False)
        return False
    kept = begun if begun is not None else {"config": manifest and manifest["run"]}
    fingerprint.check(kept, "scoring", folder.name)
    known = {shard.name: shard for shard in folder.listed()} if begun is None else {}
    if gone := sorted({*known, *folder.names()} - {shard.name for shard in shards}):
        raise BundleError(
            f"{shown_name(folder.output(gone[0]))} is the result of a file that is no longer among"
            " the inputs: give the same ones as before, or start over with --overwrite"
        )
    if begun is not None or manifest is None:
        return False
    for record in known.values():  # which the manifest has replaced
        folder.save(record)
    if manifest.get("failed") or not all(_is_whole(folder, job, shard) for shard in shards):
        return False
    folder.forget(known)
    _remove_working(folder, job)
    return True


def _is_whole(folder: OutputFolder, job: ShardJob, shard: Shard) -> bool:
    version, staged = version_of(place_of(shard.input)), Path(job.working, shard.name)
    return _finished(folder, shard, staged, version, Silent()) is not None


def _refuse_existing(folder: OutputFolder, shards: Sequence[Shard], *, is_begun: bool) -> None:
    if is_begun:
        raise BundleError(
            f"scoring into {folder.name} was interrupted: continue it with --resume, or start over"
            " with --overwrite"
        )
    there = folder.existing([MANIFEST, *(shard.name for shard in shards)])
    if there is not None:
        raise BundleError(f"{there} exists; choose another folder, or replace it with --overwrite")


def _remove_working(folder: OutputFolder, job: ShardJob) -> None:
    """Remove the local folder of what was not finished, now that all is."""
    shutil.rmtree(job.working, ignore_errors=True)
    if isinstance(folder.place, Path):
        shutil.rmtree(folder.place / WORKING, ignore_errors=True)


def _run(
    job: ShardJob, shards: Sequence[Shard], progress: Progress, engine: Engine
) -> Iterator[ShardResult]:
    """Have the shards scored, and give each result as it comes."""
    if engine.is_local:
        return _run_here(job, shards, progress)
    return _run_on(engine, job, shards, progress)


def _run_here(job: ShardJob, shards: Sequence[Shard], progress: Progress) -> Iterator[ShardResult]:
    """Score one shard after another in this process."""
    try:
        with shards_bar(shards, progress) as bar:
            for shard in shards:
                result = score_shard(job, shard, bar.of(shard))
                bar.finish(shard)
                yield result
    finally:
        _predictor.cache_clear()


def _run_on(
    engine: Engine, job: ShardJob, shards: Sequence[Shard], progress: Progress
) -> Iterator[ShardResult]:
    """Score the shards on an engine, and give the results as they come."""
    job = replace(job, options=replace(job.options, threads=engine.threads))
    started, scored = time.monotonic(), 0
    with shards_bar(shards, progress) as bar:
        for shard, result in map_tasks(score_shard, job, shards, engine):
            for line in result.remarks:
                bar.say(shard, line)
            scored += 0 if result.was_complete else result.scored
            bar.finish(shard, f"{scored / (time.monotonic() - started):,.0f} texts/s")
            yield result


def _refuse_or_tell(
    result: ShardResult,
    before: Sequence[ShardResult],
    folder: OutputFolder,
    progress: Progress,
    *,
    skip_errors: bool,
) -> None:
    if skip_errors:
        progress.say(f"warning: {result.input} is left out: {result.error}")
        return
    finished = sum(result.error is None for result in before)
    raise DataError(
        f"{result.error}\n{counted(finished, 'file')} scored, and kept in {folder.name}: correct"
        " this one and continue with --resume, or leave out what cannot be scored with"
        " --skip-errors"
    )


def _kept(results: Sequence[ShardResult], folder: OutputFolder, n_shards: int) -> str:
    return (
        f"{len(results):,} of {counted(n_shards, 'file')} scored, and kept in {folder.name}; run"
        " the same command with --resume to continue"
    )


def _summary(shards: Sequence[ShardResult], seconds: float) -> Scored:
    """Give the numbers of all shards together; one with an error has none."""
    new = sum(shard.scored for shard in shards if not shard.was_complete)
    errors = ((n, f"{shard.input}: {why}") for shard in shards for n, why in shard.first_errors)
    counts = totals(shards)
    return Scored(
        rows=counts["rows"],
        scored=counts["scored"],
        abstained=counts["abstained"],
        errors=counts["errors"],
        first_errors=list(errors)[:_MOST_SHOWN],
        added=list(dict.fromkeys(name for shard in shards for name in shard.added)),
        seconds=seconds,
        texts_per_second=new / max(seconds, 1e-9),
        was_complete=all(shard.was_complete for shard in shards),
        shards=list(shards),
    )


class ShardsBar:
    """One bar over all shards: it moves by the share of their bytes.

    Args:
        bar: The bar, of `_STEPS` steps.
        shards: The shards.
        progress: Where messages go.
    """

    def __init__(self, bar: ProgressBar, shards: Sequence[Shard], progress: Progress):
        self._bar = bar
        self._n_shards, self._n_finished = len(shards), 0
        self._total = sum(map(_weight, shards))
        self._done, self._shown = 0.0, 0
        self._progress = progress
        self._first: Shard | None = None

    def of(self, shard: Shard) -> Progress:
        """Give the progress of one shard, which moves this bar."""
        return _ShardProgress(self, shard)

    def say(self, shard: Shard, text: str) -> None:
        """Pass on all messages of the first shard that has any, and the warnings of the others."""
        name = shown_name(place_of(shard.input))
        if text.startswith("warning: "):
            text = text.replace("warning: ", f"warning: {name}: ", 1)
        elif text.startswith("continuing "):
            text = f"{name}: {text}"
        elif (self._first or shard) is not shard:
            return
        else:
            self._first = shard
        self._progress.say(text)

    def finish(self, shard: Shard, label: str = "") -> None:
        """Count a shard as finished."""
        self._done += _weight(shard)
        self._n_finished += 1
        self.reach(0.0, label)

    def reach(self, more: float, label: str) -> None:
        """Move the bar to where the finished shards and so many bytes more are."""
        reached = min(_STEPS, int(_STEPS * (self._done + more) / self._total))
        shards = f"{self._n_finished:,} of {counted(self._n_shards, 'file')}"
        for _ in range(self._shown, reached):
            self._bar.advance(f"{shards}, {label}" if label else shards)
        self._shown = max(self._shown, reached)


@contextmanager
def shards_bar(shards: Sequence[Shard], progress: Progress) -> Iterator[ShardsBar]:
    """Show one bar over all shards while a context is open."""
    with progress.bar(_STEPS) as bar:
        yield ShardsBar(bar, shards, progress)


def _weight(shard: Shard) -> int:
    return max(1, shard.size)


class _ShardProgress(Silent):
    """The progress of one shard."""

    def __init__(self, bar: ShardsBar, shard: Shard):
        self._bar, self._shard = bar, shard
        self._total, self._done = 1, 0

    def say(self, text: str) -> None:
        self._bar.say(self._shard, text)

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        self._total, self._done = total or 1, done
        yield self

    def advance(self, label: str) -> None:
        self._done += 1
        self._bar.reach(_weight(self._shard) * self._done / self._total, label)


class _Listener(Silent):
    """Notes messages, and passes them on.

    Attributes:
        lines: The messages.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self.lines: list[str] = []

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        with self._progress.bar(total, done) as bar:
            yield bar

    def say(self, text: str) -> None:
        self.lines.append(text)
        self._progress.say(text)


@contextmanager
def _writing() -> Iterator[None]:
    """Keep what is wrong with the output apart from what is wrong with the input."""
    try:
        yield
    except DataError as error:
        raise BundleError(str(error)) from error
