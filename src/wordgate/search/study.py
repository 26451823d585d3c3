"""The Optuna study of a search: one journal, from which a search resumes and which others share.

`trial.params` are the family and its settings by their dotted names; everything else stands in the
user attributes of trials and study, whose names are those of `SearchTrial` and `SearchResult`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wordgate.evaluation.search import SearchTrial

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

JOURNAL = "search.journal"
"""The file of a run's folder that keeps the study."""
STUDY = "wordgate"
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def open_study(folder: Path) -> Study:
    """Open the study of a folder, a new one where there is none."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    return optuna.create_study(
        storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True
    )


def trials_of(study: Study) -> tuple[SearchTrial, ...]:
    """Give the trials of a study, in the order of their numbers."""
    trials = study.get_trials(deepcopy=False)
    starts = [trial.datetime_start for trial in trials if trial.datetime_start is not None]
    return tuple(_trial_of(trial, min(starts, default=None)) for trial in trials)


def _trial_of(trial: FrozenTrial, began: Any) -> SearchTrial:
    attributes = trial.user_attrs
    scores = tuple(attributes.get("fold_scores", ()))
    ended = trial.datetime_complete
    return SearchTrial(
        number=trial.number,
        family=str(trial.params.get("family", attributes.get("family", ""))),
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
        finished=None if ended is None or began is None else (ended - began).total_seconds(),
    )
