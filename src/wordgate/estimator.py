"""A scikit-learn estimator for the models of wordgate."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.folder import Bundle, write_bundle
from wordgate.data.dataset import Dataset
from wordgate.data.labels import alike_labels, missing_labels
from wordgate.data.targets import GivenTargets, match_targets, read_targets
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.dedup.keys import group_keys
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.errors import DataError, SettingsError
from wordgate.evaluation.search import SearchResult
from wordgate.experiments.auto import measure_bundle, searching
from wordgate.experiments.evaluate import predicted
from wordgate.experiments.fitting import check_settings, context_for
from wordgate.experiments.resolving import (
    as_names,
    choose_recipe,
    given_options,
    resolve_settings,
    resolve_vectors,
)
from wordgate.experiments.search_plan import SearchOptions, plan_search, refuse_search
from wordgate.experiments.search_ranking import spec_of
from wordgate.experiments.splits import Fold, hold_out
from wordgate.experiments.students import ModelPlan, TeacherConfig, fit_model, teacher_config
from wordgate.experiments.unlabelled import Unlabelled
from wordgate.families import AUTO, FAMILIES
from wordgate.prediction.predictor import Predictor
from wordgate.runtime.display import unequal
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Console, Progress, Silent
from wordgate.runtime.threads import choose_threads, limited_blas
from wordgate.settings import LARGEST_SEED, Settings, checked_seed, flat_overrides, setting_fields
from wordgate.tables.values import checked_column, checked_groups, checked_texts
from wordgate.training.families import check_device, check_family
from wordgate.training.fitting import RunContext
from wordgate.training.weights import check_text_weights

require_extra("train", "WordgateClassifier")
from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402
from sklearn.utils import check_random_state  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

_OF_FILES = {"split", "test_size", "stratify", "empty_texts"}
"""Settings of reading and splitting files, which have no effect here."""
_OF_ONE_FAMILY = (
    "teacher",
    "teaching_minutes",
    "hidden_size",
    "embedding_size",
    "learning_rate",
    "epochs",
)
"""Arguments that have no effect on a search."""


class WordgateClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn classifier for texts.

    It works with pipelines, `clone`, `cross_val_score` and `GridSearchCV`. `fit` splits a
    validation set off the training texts, by whole groups if there are groups.

    Args:
        model: The family: ``count``, ``logreg``, ``mlp``, ``lstm`` or ``transformer``; or ``auto``
            to search family and settings on inner folds of the training texts.
        recipe: The name of a recipe, or the path of a ``.toml`` file; None for ``taught`` with a
            teacher, else ``default``.
        settings: Values of single settings by name, such as ``{"lstm.pooling": "last"}``, which
            override the recipe.
        vectors: A file of pretrained word vectors, or the name of a public one.
        teacher: The teacher of an LSTM or MLP (Hinton et al. 2015): a transformer to fine-tune
            first (a folder, ``minilm``, or ``OWNER/NAME``), the folder of a saved model, or a list
            of several.
        teaching_minutes: Time limit in minutes for fine-tuning the teacher and labeling; None for
            no limit.
        hidden_size: Number of hidden units. This and the next four arguments override `settings`
            and the recipe, unless they are None.
        embedding_size: Dimensions of the word vectors; not with `vectors`, which have their own.
        learning_rate: Maximum learning rate of Adam.
        epochs: Maximum number of epochs.
        class_weight: The weights of the labels in the loss: ``balanced``, ``moderate``, ``none``,
            or a mapping of labels to weights; labels that are not in it have weight 1.
        minutes: Time limit of `fit` with ``auto``; None for that of `preset`. This and the next
            five arguments are for ``auto`` alone.
        preset: ``quick`` (3 minutes), ``good`` (15, the default) or ``best`` (60).
        max_ms: Maximum median latency of one text, in milliseconds on this machine.
        max_mb: Maximum size of the saved model, in 10^6 bytes.
        objective: The score to maximize: ``accuracy`` (the default), ``macro_f1`` (the default if
            one label has 80% of the texts or more), or, if a text can have several labels,
            ``micro_f1`` (the default there) or ``macro_f1``.
        trials: Maximum number of finished trials.
        random_state: The random seed, a number; or a numpy `RandomState` or `Generator`, or None
            for the global one of numpy, from which each `fit` draws a seed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads for training and prediction; None for the environment
            variable WORDGATE_THREADS, then OMP_NUM_THREADS (which joblib sets for its workers),
            then the number of cores.
        verbose: Whether to show progress on standard error.

    Attributes:
        classes_: The labels, sorted, in the order of the columns of `predict_proba`: array
            [classes]. For an indicator matrix, the names of its columns, or their numbers.
        predictor_: The fitted `Predictor`.
        history_: One entry per epoch, with losses (in nats), accuracies and seconds.
        coverage_: How many words have a pretrained vector; None without `vectors`.
        taught_: The teacher and its predictions; None without `teacher`.
        search_: The trials of ``auto``, a `SearchResult` without a test; None for a family.
    """

    def __init__(
        self,
        *,
        model: str = "lstm",
        recipe: str | Path | None = None,
        settings: Mapping[str, object] | None = None,
        vectors: str | Path | None = None,
        teacher: str | Sequence[str] | None = None,
        teaching_minutes: float | None = None,
        hidden_size: int | None = None,
        embedding_size: int | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        minutes: float | None = None,
        preset: str | None = None,
        max_ms: float | None = None,
        max_mb: float | None = None,
        objective: str | None = None,
        trials: int | None = None,
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        device: str = "auto",
        threads: int | None = None,
        verbose: bool = False,
    ):
        self.model = model
        self.recipe = recipe
        self.settings = settings
        self.vectors = vectors
        self.teacher = teacher
        self.teaching_minutes = teaching_minutes
        self.hidden_size = hidden_size
        self.embedding_size = embedding_size
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.class_weight = class_weight
        self.minutes = minutes
        self.preset = preset
        self.max_ms = max_ms
        self.max_mb = max_mb
        self.objective = objective
        self.trials = trials
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.verbose = verbose

    def fit(
        self,
        X: Iterable[str],  # noqa: N803
        y: Any,
        groups: Iterable[Any] | None = None,
        sample_weight: Iterable[float] | None = None,
        unlabelled: Iterable[str] | None = None,
    ) -> "WordgateClassifier":
        """Train the model.

        Args:
            X: The texts: a list, an array, a pandas or Polars Series, or a frame, data set or
                mapping with one column. No text may be empty.
            y: The labels, of any sortable type, in any of these forms. If a text can have several:
                a list of labels for each text, or an indicator matrix of 0 and 1, which is an
                array, a sparse matrix, a frame with one column per label, or a list of its rows.
            groups: Groups whose rows are kept together when the validation set is split off, in
                any of these forms. A row whose group is missing or blank is a group of its own,
                together with its exact duplicates.
            sample_weight: The weight of each text in training, 0 or more; None for equal weights.
            unlabelled: Texts without labels, for the teacher to label.

        Returns:
            The estimator itself.

        Raises:
            DataError: Texts and labels differ in number, there is only one label, or the word
                vectors cannot be found or read.
            SettingsError: A setting is unknown, out of range or has no effect.
            MissingExtraError: A package for this family is not installed.
        """
        texts = checked_texts(X)
        given = read_targets(y, len(texts))
        _warn_of_labels(given)
        seed, n_threads = _seed_of(self.random_state), choose_threads(self.threads)
        progress: Progress = Console(verbose=True) if self.verbose else Silent()
        context = RunContext(seed, progress, self.device, self.threads)
        named = checked_groups(groups, len(texts))
        weights = _weights(sample_weight, len(texts))
        keys = None if named is None else group_keys(texts, named)
        dataset = Dataset(texts, given.targets, keys, weights=weights)
        with limited_blas(n_threads):
            if self.model == AUTO:
                self._search(dataset, given, context, named, unlabelled)
            else:
                refuse_search(self._search_options())
                self.search_: SearchResult | None = None
                plan = self._plan(given, texts, unlabelled, context)
                self._fit_one(plan, dataset, given, context, named)
        return self

    def _fit_one(
        self,
        plan: ModelPlan,
        dataset: Dataset,
        given: GivenTargets,
        context: RunContext,
        groups: Sequence[str] | None,
    ) -> None:
        settings, labels = plan.settings, tuple(given.names)
        vocabulary_of = dataset if settings.text.vocabulary_from == "all" else None
        train, valid = hold_out(dataset, labels, settings.valid_size, context.seed)
        no_test = Dataset([], given.targets[:0])
        fold = Fold(labels, train, valid, no_test, np.zeros(0, np.int64), vocabulary_of)
        check_settings(settings, fold.fit_data(plan.vectors))
        calibrated, self.taught_ = fit_model(plan, fold, context)
        source = {"source": "WordgateClassifier.fit", "n_kept": len(dataset)}
        config = plan.config(
            calibrated, self.taught_, labels=labels, seed=context.seed, data=source
        )
        fitted = calibrated.fitted
        self.classes_ = given.classes
        self.predictor_ = Predictor(fitted.model, config)
        self.history_ = list(fitted.history)
        self.coverage_ = fitted.coverage
        fingerprints = Fingerprints.of(dataset.texts, groups)
        self._bundle = Bundle(config, fitted.model, None, fingerprints)

    def _plan(
        self,
        given: GivenTargets,
        texts: Sequence[str],
        unlabelled: Iterable[str] | None,
        context: RunContext,
    ) -> ModelPlan:
        """Resolve the settings of the family."""
        check_family(self.model)
        check_device(self.model, self.device, context.progress)
        recipe = choose_recipe(self.recipe, self.teacher)
        settings = resolve_settings(recipe, self._overrides(), self.vectors, families=[self.model])
        teaching = self._teaching(settings, given, texts, unlabelled, context.progress)
        settings, vectors = resolve_vectors(self.vectors, settings, context.progress)
        return ModelPlan(self.model, settings, vectors, teaching, str(recipe))

    def _search_options(self) -> SearchOptions:
        return SearchOptions(
            minutes=self.minutes,
            preset=self.preset,
            max_ms=self.max_ms,
            max_mb=self.max_mb,
            objective=self.objective,
            trials=self.trials,
        )

    def _search(
        self,
        dataset: Dataset,
        given: GivenTargets,
        context: RunContext,
        groups: Sequence[str] | None,
        unlabelled: Iterable[str] | None,
    ) -> None:
        """Search family and settings, and fit the best trial within the limits."""
        idle = {name: getattr(self, name) for name in _OF_ONE_FAMILY} | {"unlabelled": unlabelled}
        for name, value in idle.items():
            if value is not None:
                raise SettingsError(f"{name} has no effect with model='{AUTO}': leave it out")
        config = plan_search(
            self._search_options(),
            context,
            recipe=self.recipe,
            overrides=self._overrides(),
            vectors=self.vectors,
        ).for_labels(None if dataset.multilabel else np.bincount(dataset.targets).tolist())
        joined = find_near_duplicates(dataset.texts, dataset.groups).joined.groups
        rows, labels = replace(dataset, groups=joined), tuple(given.names)
        with searching(config, rows, labels, then="is trained now") as found:
            for rank, trial in enumerate(found.ranking):
                limited = context_for(trial.family, context)
                self._fit_one(config.plan_of(spec_of(trial)), dataset, given, limited, groups)
                latency, megabytes = measure_bundle(self._bundle, dataset.texts, self.threads)
                broken = config.over_limits(latency, megabytes)
                if not broken:
                    result = found.result(config, rank)
                    self.search_ = replace(result, latency_ms=latency, megabytes=megabytes)
                    return
                found = found.with_broken_limits(trial, broken)
        raise SettingsError(
            f"no model is within {config.limits_text()} when fitted on all texts; relax the"
            " limits, or increase minutes"
        )

    def _teaching(
        self,
        settings: Settings,
        given: GivenTargets,
        texts: Sequence[str],
        unlabelled: Iterable[str] | None,
        progress: Progress,
    ) -> TeacherConfig | None:
        """Find the teachers, and the texts without labels for them."""
        more = None if unlabelled is None else checked_texts(unlabelled, may_be_empty=True)
        teaching = teacher_config(
            settings if FAMILIES[self.model].can_be_taught else None,
            self.teaching_minutes,
            has_unlabelled=bool(more),
            progress=progress,
        )
        if teaching is None:
            return None
        teaching.check_labels(given.names, multilabel=given.targets.ndim == 2)
        if more:
            teaching = replace(teaching, unlabelled=Unlabelled.beside(texts, None, more))
        return teaching

    def predict(self, X: Iterable[str]) -> NDArray[Any]:  # noqa: N803
        """Predict the most probable label of each text, or its labels.

        Args:
            X: The texts, in any form that `fit` accepts; a single string is one text.

        Returns:
            The most probable label of each text: array [n], of the type of the labels in `fit`. If
            a text can have several labels: an indicator matrix, int64 [n, classes], 1 for each
            label whose probability is at least its threshold; the columns are in the order of
            `classes_`.

        Raises:
            DataError: `X` contains something other than strings, or an empty text.
        """
        check_is_fitted(self, "predictor_")
        output = predicted(self.predictor_, X)
        if self.predictor_.config.multilabel:
            return output.given().astype(np.int64)
        return np.asarray(self.classes_[output.classes()])

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Predict the probability of each label for each text.

        Args:
            X: The texts, in any form that `fit` accepts; a single string is one text.

        Returns:
            float64 [n, classes]; the columns are in the order of `classes_`. Each row sums to 1,
            unless a text can have several labels.

        Raises:
            DataError: `X` contains something other than strings, or an empty text.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Predict the natural logarithm of the probability of each label for each text.

        Args:
            X: The texts, in any form that `fit` accepts; a single string is one text.

        Returns:
            float64 [n, classes]; the columns are in the order of `classes_`.

        Raises:
            DataError: `X` contains something other than strings, or an empty text.
        """
        check_is_fitted(self, "predictor_")
        return self.predictor_.log_proba(X)

    def score(
        self,
        X: Iterable[str],  # noqa: N803
        y: Any,
        sample_weight: Iterable[float] | None = None,
    ) -> float:
        """Compute the accuracy of `predict`.

        Args:
            X: The texts, in any form that `fit` accepts.
            y: The labels, in any form that `fit` accepts. The columns of a frame are matched with
                `classes_` by name.
            sample_weight: The weight of each text, 0 or more; None for equal weights.

        Returns:
            The fraction of texts whose label is correct, 0 to 1. If a text can have several labels,
            all of them have to be (subset accuracy).

        Raises:
            DataError: `X` contains something other than strings, or an empty text; or texts, labels
                and weights differ in number, or labels in type from those of `fit`.
        """
        check_is_fitted(self, "predictor_")
        output = predicted(self.predictor_, X)
        several = self.predictor_.config.multilabel
        classes = output.given().astype(np.int64) if several else output.classes()
        is_correct = match_targets(y, classes, self.classes_)
        if not len(is_correct):
            raise DataError("there are no texts to compute an accuracy of")
        return float(np.average(is_correct, weights=_weights(sample_weight, len(is_correct))))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Save the fitted model in a folder, for `wordgate.load` and the command line.

        Args:
            path: The folder to write.
            overwrite: Whether to replace an existing model.

        Raises:
            BundleError: `path` exists and may not be replaced.
        """
        check_is_fitted(self, "predictor_")
        write_bundle(self._bundle, path, overwrite=overwrite)

    def __sklearn_tags__(self) -> Any:
        """Declare to scikit-learn that this estimator takes texts, not numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        return tags

    def _overrides(self) -> dict[str, object]:
        named: dict[str, object] = {
            "teacher.models": as_names(self.teacher),
            "class_weight": self.class_weight,
        }
        fields = setting_fields()
        for name in ("hidden_size", "embedding_size", "learning_rate", "epochs"):
            own = f"{self.model}.{name}"
            named[own if own in fields else f"lstm.{name}"] = getattr(self, name)
        overrides = {**flat_overrides(self.settings), **given_options(**named)}
        for name in _OF_FILES & overrides.keys():
            raise SettingsError(
                f"{name} has no effect on WordgateClassifier, whose rows are arguments of fit:"
                " leave it out"
            )
        return overrides


def _warn_of_labels(given: GivenTargets) -> None:
    """Warn of labels that are nearly equal, or look like missing values."""
    written = []
    if given.targets.ndim == 1:
        written = [given.names[target] for target in given.targets.tolist()]
    for remark in alike_labels(given.names) + missing_labels(written, advice=""):
        warnings.warn(remark, stacklevel=3)


def _seed_of(random_state: Any) -> int:
    """Return the seed of a fit: the number, or one drawn from the generator."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(LARGEST_SEED, endpoint=True))
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(LARGEST_SEED, dtype=np.int64))
    return checked_seed(random_state, "random_state")


def _weights(sample_weight: Iterable[float] | None, n_texts: int) -> NDArray[np.float32] | None:
    """Return the weight of each text, float32 [n]."""
    if sample_weight is None:
        return None
    column = checked_column(sample_weight, "weights")
    if len(column) != n_texts:
        raise DataError(unequal(n_texts, len(column), "weight"))
    try:
        with np.errstate(over="ignore"):
            weights = np.array(column, np.float64).astype(np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"the weights of the texts are not numbers: {error}") from error
    check_text_weights(weights, "text")  # before the split, so that errors have their positions
    return weights
