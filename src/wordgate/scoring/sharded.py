"""Scoring of many files, each a shard.

`score_shard` scores one of them, in this or another process; `score_shards` plans them, runs them,
and writes the manifest at the end. A finished shard is recorded, and moved to its place once.
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
from wordgate.errors import BundleError, DataError
from wordgate.prediction.predictor import Predictor, load_with_progress
from wordgate.runtime.display import counted
from wordgate.runtime.engine import Engine, map_tasks
from wordgate.runtime.packages import installed_versions
from wordgate.runtime.progress import Progress, Silent
from wordgate.scoring.manifest import OutputFolder
from wordgate.scoring.options import ScoreOptions
from wordgate.scoring.partial_output import PartialOutput, exists_error, interrupted_error
from wordgate.scoring.results import Scored, ShardResult, totals
from wordgate.scoring.scoring import score_file
from wordgate.scoring.shard_progress import Listener, shards_progress
from wordgate.scoring.shards import Names, Shard, plan_shards
from wordgate.storage.files import exclusive
from wordgate.storage.places import (
    make_folder,
    move_to,
    place_of,
    remove_file,
    sha256_of,
    shown_name,
)
from wordgate.storage.resumable import RunFingerprint
from wordgate.tables.listing import MANIFEST
from wordgate.tables.source import version_of

_MOST_SHOWN = 5  # errors of rows


@dataclass(frozen=True)
class ShardJob:
    """Options common to all shards; can be sent to another process."""

    model: str
    out: str
    options: ScoreOptions


def score_shards(
    model: str | Path,
    source: Names,
    out: str,
    options: ScoreOptions,
    progress: Progress,
    engine: Engine,
) -> Scored:
    """Score many files into a folder, an output each, and write a manifest of them.

    Returns:
        The numbers of all shards together, and the result of each.

    Raises:
        WordgateError: As of `score`; or a file can't be scored, and `skip_errors` is not set.
        KeyboardInterrupt: The run was interrupted; it can be resumed.
    """
    options.check_effect("", out)
    config = {
        "model": BundleFolder.open(model).sha256(),
        **installed_versions("wordgate"),
        **options.decisive(),
    }
    fingerprint = RunFingerprint(config)
    shards = plan_shards(source, out, options.to)
    folder = OutputFolder(out)
    folder.check()
    if not options.overwrite and _is_complete(folder, shards, fingerprint, resume=options.resume):
        progress.say(f"{folder.name} is complete: there is nothing to do")
        return _summary(folder.listed(), 0.0)
    started = time.monotonic()
    with _writing():
        make_folder(folder.working)
    with exclusive(Path(f"{folder.working}.lock"), f"scoring into {folder.name}"):
        if options.overwrite:
            _start_over(folder, shards)
        folder.begin(fingerprint)
        progress.say(f"scoring {counted(len(shards), 'file')} into {folder.name}")
        results = _results(ShardJob(str(model), out, options), shards, progress, engine)
        folder.complete(fingerprint, results, str(model))
        folder.remove_working()
    return _summary(results, time.monotonic() - started)


def _results(
    job: ShardJob, shards: Sequence[Shard], progress: Progress, engine: Engine
) -> list[ShardResult]:
    """Score all shards, and return their results in the order of their names."""
    out = OutputFolder(job.out).name
    results: list[ShardResult] = []
    run = _run_local(job, shards, progress)
    if not engine.is_local:
        run = _run_on(engine, job, shards, progress)
    try:
        for result in run:
            if result.error is not None:
                if not job.options.skip_errors:
                    raise DataError(
                        f"{result.error}\n{counted(len(results), 'file')} scored, and kept in"
                        f" {out}: correct this one and continue with --resume, or leave out what"
                        " cannot be scored with --skip-errors"
                    )
                progress.say(f"warning: {result.input} is left out: {result.error}")
            results.append(result)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(
            f"{len(results):,} of {counted(len(shards), 'file')} scored, and kept in {out};"
            " run the same command with --resume to continue"
        ) from error
    if all(result.error is not None for result in results):
        raise DataError(f"no file could be scored; {counted(len(results), 'file')} left out")
    return sorted(results, key=lambda result: result.name)


def score_shard(job: ShardJob, shard: Shard, progress: Progress | None = None) -> ShardResult:
    """Score one shard, unless it is finished; continue it if it was interrupted.

    The output is written atomically. Scoring it again gives the same bytes.

    Returns:
        Its result, with all messages; with an `error` if the input cannot be scored.

    Raises:
        WordgateError: There is another error than one of the input.
        KeyboardInterrupt: It was interrupted; the next call continues it.
    """
    listener = Listener(progress or Silent())
    input_name = shard.input_name
    folder = OutputFolder(job.out)
    staged = folder.staged(shard.name)
    try:
        version = version_of(place_of(shard.input))
        with _writing():
            make_folder(staged.parent)
            lock = staged.with_name(f".{staged.name}.lock")
        with exclusive(lock, f"the scoring of {input_name}"):
            if (finished := _finished(folder, shard, version, listener)) is not None:
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
    job: ShardJob, shard: Shard, staged: Path, version: str, listener: Listener
) -> ShardResult:
    """Score a shard into a local file."""
    partial = PartialOutput(staged, 0.0)
    is_changed = partial.exists() and partial.config().get("input") != version
    if is_changed:
        listener.say("warning: it has changed since it was interrupted, and is scored again")
    elif not partial.exists():
        staged.unlink(missing_ok=True)  # its counts are lost
    options = replace(job.options, resume=not is_changed, overwrite=is_changed)
    model_hash = BundleFolder.open(job.model).sha256()
    predictor = _predictor(job.model, model_hash, options.kernel, options.threads)
    scored = score_file(job.model, shard.input, str(staged), options, listener, predictor, version)
    sha256 = sha256_of(staged)
    if sha256 is None:
        raise BundleError(f"{staged} cannot be read, although it was just written")
    return ShardResult(
        input=shard.input_name,
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
    folder: OutputFolder, shard: Shard, version: str, progress: Progress
) -> ShardResult | None:
    """Return the result of a shard whose output exists unchanged; None for an unfinished one."""
    record, output = folder.finished(shard.name), folder.output(shard.name)
    if record is None:
        return None
    if record.input_version != version:
        progress.say("warning: it has changed since it was scored, and is scored again")
        return None
    if sha256_of(output) == record.sha256:
        return record
    staged = folder.staged(shard.name)
    if sha256_of(staged) == record.sha256:  # killed between the record and the move
        with _writing():
            move_to(output, staged)
        return record
    progress.say(f"warning: {shown_name(output)} is missing or was changed, and is written again")
    return None


@lru_cache(maxsize=1)
def _predictor(model: str, _hash: str, kernel: str, threads: int | None) -> Predictor:
    """Load a model once for all shards that this process scores."""
    return load_with_progress(model, Silent, kernel=kernel, threads=threads)


def _start_over(folder: OutputFolder, shards: Sequence[Shard]) -> None:
    """Remove the records of an earlier run, and its outputs that this one does not replace."""
    names = {*folder.names(), *(shard.name for shard in folder.listed())}
    with _writing():
        folder.forget(names)
        for name in sorted(names - {shard.name for shard in shards}):
            remove_file(folder.output(name))
    shutil.rmtree(folder.working, ignore_errors=True)


def _is_complete(
    folder: OutputFolder,
    shards: Sequence[Shard],
    fingerprint: RunFingerprint,
    *,
    resume: bool,
) -> bool:
    """Return whether all outputs are complete; refuse outputs that may not be replaced."""
    begun, manifest = folder.run(), folder.manifest()
    if begun is not None and not resume:
        raise interrupted_error(f"{folder.name} was interrupted")
    if not resume or (begun is None and manifest is None):
        existing = folder.existing([MANIFEST, *(shard.name for shard in shards)])
        if existing is not None:
            raise exists_error(existing, "folder")
        return False
    run = begun if begun is not None else {"config": manifest and manifest["run"]}
    fingerprint.check(run, "scoring", folder.name)
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
    if manifest.get("failed") or not all(_is_whole(folder, shard) for shard in shards):
        return False
    folder.forget(known)
    folder.remove_working()
    return True


def _is_whole(folder: OutputFolder, shard: Shard) -> bool:
    version = version_of(place_of(shard.input))
    return _finished(folder, shard, version, Silent()) is not None


def _run_local(job: ShardJob, shards: Sequence[Shard], progress: Progress) -> Iterator[ShardResult]:
    try:
        with shards_progress(shards, progress) as bar:
            for shard in shards:
                bar.start(shard)
                result = score_shard(job, shard, bar)
                bar.finish()
                yield result
    finally:
        _predictor.cache_clear()


def _run_on(
    engine: Engine, job: ShardJob, shards: Sequence[Shard], progress: Progress
) -> Iterator[ShardResult]:
    """Score the shards on an engine; return the results in the order of completion."""
    job = replace(job, options=replace(job.options, threads=engine.threads))
    started, scored = time.monotonic(), 0
    with shards_progress(shards, progress) as bar:
        for shard, result in map_tasks(score_shard, job, shards, engine):
            bar.start(shard)
            for line in result.remarks:
                bar.say(line)
            scored += 0 if result.was_complete else result.scored
            bar.finish(f"{scored / (time.monotonic() - started):,.0f} texts/s")
            yield result


def _summary(shards: Sequence[ShardResult], seconds: float) -> Scored:
    """Sum up the results of all shards; those with an error count as 0."""
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


@contextmanager
def _writing() -> Iterator[None]:
    """Raise errors of the output as `BundleError`, to distinguish them from those of the input."""
    try:
        yield
    except DataError as error:
        raise BundleError(str(error)) from error
