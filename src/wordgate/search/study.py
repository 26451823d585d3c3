"""The Optuna study of a search, in a journal that can be resumed and shared by processes.

`trial.params` are the family and its settings by their dotted names; all other values are user
attributes of trials and study, with the names of `SearchTrial` and `SearchResult`.
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.evaluation.search import FEWEST_FOR_IMPORTANCES, SearchTrial
from wordgate.runtime.interrupt import deferred_interruption
from wordgate.storage.files import own_files, remove_own
from wordgate.storage.resumable import read_resumable, write_resumable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from optuna.pruners import BasePruner
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

JOURNAL = "search.journal"
"""The file of the study in the folder of a run."""
REDUCTION = 3
"""The best one of this many trials continues after a step (successive halving)."""
_STUDY = "wordgate"
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
_DECISIONS = "decisions"
_DECISIONS_FILE = own_files(r"trial-[0-9]+\.safetensors")
_PROCESS = "process of "  # prefix of the attributes of processes that run trials
_RANDOM_TRIALS = 8


class SearchStudy:
    """The trials of a search, stored in a folder.

    Args:
        folder: The folder of the run; created if it does not exist.
        families: All families of the search.
        seed: The random seed. A trial depends on it and on the finished trials, so that a resumed
            search continues as without the interruption.
    """

    def __init__(self, folder: Path, families: Sequence[str], seed: int):
        import optuna

        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._families, self._seed = folder, tuple(families), seed
        with _quiet():
            self._study = optuna.create_study(
                storage=_storage(folder / JOURNAL),
                study_name=_STUDY,
                direction="maximize",
                load_if_exists=True,
                pruner=_pruner(),
            )
        self._end_dead_trials()
        self._process = f"{_PROCESS}{platform.node()}"
        self.keep(**{f"{self._process}/{os.getpid()}": True})

    @property
    def attributes(self) -> dict[str, Any]:
        """The stored attributes of the study."""
        return dict(self._study.user_attrs)

    def keep(self, **attributes: object) -> None:
        """Store attributes of the study."""
        with _uninterrupted():
            for name, value in attributes.items():
                self._study.set_user_attr(name, value)

    def trials(self) -> tuple[SearchTrial, ...]:
        """Return all trials, in the order of their numbers."""
        trials = self._study.get_trials(deepcopy=False)
        starts = [trial.datetime_start for trial in trials if trial.datetime_start is not None]
        return tuple(_trial_of(trial, min(starts, default=None)) for trial in trials)

    def ask(self, family: str) -> Trial:
        """Start a trial of a family, with a newly seeded TPE sampler."""
        from optuna.samplers import PartialFixedSampler, TPESampler

        known = self._study.get_trials(deepcopy=False)
        n_before = sum(trial.state.name != "FAIL" for trial in known)
        seed = int(np.random.SeedSequence([self._seed, n_before]).generate_state(1)[0])
        with _quiet(), _uninterrupted():
            self._study.sampler = PartialFixedSampler(
                {"family": family},
                TPESampler(
                    seed=seed,
                    n_startup_trials=_RANDOM_TRIALS,
                    multivariate=False,
                    constraints_func=_constraints,
                ),
            )
            trial = self._study.ask()
            trial.suggest_categorical("family", self._families)
            trial.set_user_attr("process", [platform.node(), os.getpid()])
        return trial

    def note(self, trial: Trial, **attributes: object) -> None:
        """Store attributes of a trial."""
        with _uninterrupted():
            for name, value in attributes.items():
                trial.set_user_attr(name, value)

    def report(self, trial: Trial, score: float, step: int) -> bool:
        """Report the score of a trial at a step, from 0; return whether it should end there."""
        with _quiet(), _uninterrupted():
            trial.report(score, REDUCTION**step)
            return bool(trial.should_prune())

    def complete(self, trial: Trial, score: float, decisions: NDArray[Any]) -> None:
        """Complete a trial, and store its predictions for the test rows of its folds."""
        file = self._decisions_file(trial.number)
        with _uninterrupted():
            arrays = {_DECISIONS: decisions.astype(np.float32)}
            write_resumable(file, {"trial": trial.number}, arrays)
            self._study.tell(trial, score)

    def end(self, trial: Trial, *, failed: bool = False) -> None:
        """End a trial early, or because it failed."""
        from optuna.trial import TrialState

        with _quiet(), _uninterrupted():
            self._study.tell(trial, state=TrialState.FAIL if failed else TrialState.PRUNED)

    def decisions(self, number: int) -> NDArray[np.int64]:
        """Read the predictions of a complete trial for its folds, int64 [n] or [n, labels].

        Raises:
            BundleError: The file is damaged.
        """
        _, arrays = read_resumable(self._decisions_file(number))
        return arrays[_DECISIONS].astype(np.int64)

    def importances(self, names: Sequence[str]) -> dict[str, float]:
        """Estimate the importance of settings, their fraction of the variance of the scores.

        It is estimated by Optuna (fANOVA, Hutter et al. 2014) from the complete trials with all of
        these settings, the largest first; empty for too few trials.
        """
        from optuna.importance import get_param_importances

        complete = [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state.name == "COMPLETE" and {*names} <= trial.params.keys()
        ]
        scores = {trial.value for trial in complete}
        if len(complete) < FEWEST_FOR_IMPORTANCES or len(scores) < 2 or not names:
            return {}
        with _quiet():
            return dict(get_param_importances(self._study, params=list(names)))

    def leave(self) -> None:
        """Mark this process as finished."""
        if not (self.folder / JOURNAL).exists():
            return  # another process that shared it has deleted it
        with suppress(FileNotFoundError):
            self.keep(**{f"{self._process}/{os.getpid()}": False})

    def clear(self) -> None:
        """Delete the study, and the folder if it is empty then.

        While other processes run trials, the files are kept, and the last process deletes them.
        """
        self.leave()
        with suppress(FileNotFoundError):
            if self._has_other_process():
                return
            clear_trials(self.folder)

    def _has_other_process(self) -> bool:
        """Return whether another process runs trials; those of other computers count as running."""
        if not (self.folder / JOURNAL).exists():
            return False
        for name, is_running in self.attributes.items():
            computer, _, process = name.rpartition("/")
            if not name.startswith(_PROCESS) or not is_running or int(process) == os.getpid():
                continue
            if computer != self._process or _is_other_process(int(process)):
                return True
        return False

    def _decisions_file(self, number: int) -> Path:
        return self.folder / f"trial-{number}.safetensors"

    def _end_dead_trials(self) -> None:
        """Mark running trials as failed if their process on this computer has ended."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False):
            if trial.state != TrialState.RUNNING:
                continue
            node, process = trial.user_attrs.get("process", [platform.node(), -1])
            if node == platform.node() and not _is_other_process(process):
                with _quiet():
                    self._study.tell(trial.number, state=TrialState.FAIL)


def _pruner() -> BasePruner:
    """Return successive halving of the trials that have not failed, as killed ones are repeated."""
    from optuna.pruners import SuccessiveHalvingPruner
    from optuna.trial import TrialState

    states = tuple(state for state in TrialState if state != TrialState.FAIL)

    class Pruner(SuccessiveHalvingPruner):  # type: ignore[misc]
        def prune(self, study: Study, trial: FrozenTrial) -> bool:
            without_failed = copy(study)
            without_failed.get_trials = partial(study.get_trials, states=states)
            return bool(super().prune(without_failed, trial))

    return Pruner(min_resource=1, reduction_factor=REDUCTION, min_early_stopping_rate=0)


def clear_trials(folder: Path) -> None:
    """Delete the trials of a folder, and the folder if it is empty then."""
    remove_own(
        folder, lambda file: file.name == JOURNAL or _DECISIONS_FILE.fullmatch(file.name), JOURNAL
    )


def _trial_of(trial: FrozenTrial, began: Any) -> SearchTrial:
    attributes = trial.user_attrs
    scores = tuple(attributes.get("fold_scores", ()))
    ended = trial.datetime_complete
    return SearchTrial(
        number=trial.number,
        family=str(trial.params.get("family", "")),
        recipe=attributes.get("recipe", "tuned"),
        settings=attributes.get("settings", {}),
        state=_STATES.get(trial.state.name, "running"),  # type: ignore[arg-type]
        score=sum(scores) / len(scores) if scores else None,
        fold_scores=scores,
        rows=attributes.get("rows", 1.0),
        latency_ms=attributes.get("latency_ms"),
        megabytes=attributes.get("megabytes"),
        seconds=attributes.get("seconds", 0.0),
        over_limits=tuple(attributes.get("over_limits", ())),
        is_cut=attributes.get("is_cut", False),
        finished=None if ended is None or began is None else (ended - began).total_seconds(),
    )


def _constraints(trial: FrozenTrial) -> Sequence[float]:
    """Return the number of limits that a trial exceeds; above 0 is infeasible for Optuna."""
    return [float(len(trial.user_attrs.get("over_limits", ())))]


def _storage(journal: Path) -> Any:
    """Open a journal, and truncate an incomplete line at its end after a kill."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    lock = JournalFileSymlinkLock(str(journal))
    if journal.exists():
        lock.acquire()
        try:
            content = journal.read_bytes()
            if content and not content.endswith(b"\n"):
                os.truncate(journal, content.rfind(b"\n") + 1)
        finally:
            lock.release()
    with _quiet():
        return JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))


def _is_other_process(process: int) -> bool:
    """Return whether another process of this computer is running, by its id."""
    if process in (os.getpid(), -1) or sys.platform == "win32":  # where signal 0 is a Ctrl-C
        return False
    try:
        os.kill(process, 0)
    except OSError as error:  # no permission for another user's process, but it runs
        return not isinstance(error, ProcessLookupError)
    return True


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Defer a Ctrl-C until the journal is written."""
    with deferred_interruption() as interruption:
        yield
    if interruption.asked:
        raise KeyboardInterrupt


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress Optuna's log and its warnings about experimental features."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
