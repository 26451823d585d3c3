"""A scikit-learn estimator over wordgate's models."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config, environment
from wordgate.bundle.folder import Bundle, write_bundle
from wordgate.data.dataset import Dataset
from wordgate.data.labels import alike_labels, missing_labels
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.dedup.keys import group_keys
from wordgate.errors import DataError, SettingsError
from wordgate.experiments.reading import Unlabelled
from wordgate.experiments.resolving import (
    as_names,
    choose_recipe,
    given_options,
    resolve_settings,
    resolve_vectors,
)
from wordgate.experiments.splits import hold_out
from wordgate.experiments.students import fit_model, teacher_config, vectors_of
from wordgate.families import FAMILIES
from wordgate.prediction.predictor import Predictor
from wordgate.runtime.cpu import choose_threads, limited_blas
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Console, Progress, Silent
from wordgate.settings import LARGEST_SEED, checked_seed, flat_overrides, setting_fields
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.values import (
    checked_column,
    checked_groups,
    checked_texts,
    is_empty,
    is_missing,
)
from wordgate.training.families import check_device, check_family
from wordgate.training.fitting import FitData, RunContext

require_extra("train", "WordgateClassifier")
from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402
from sklearn.utils import check_random_state  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

_OF_FILES = {"split", "test_size", "stratify", "empty_texts"}
"""The settings that say how a file is read and split."""


class WordgateClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A text classifier that reads word order, for scikit-learn's tools.

    It works in pipelines, `clone`, `cross_val_score` and `GridSearchCV`. Part of what `fit` is
    given is held out for validation, in whole groups if groups are given.

    Args:
        model: The family: ``count``, ``logreg``, ``mlp``, ``lstm`` or ``transformer``.
        recipe: The recipe's name, or the path of a ``.toml`` file like the recipes'; None for
            ``taught`` with a teacher, else ``default``.
        settings: Single settings that beat the recipe's.
        vectors: A file of pretrained word vectors, or the name of a public one.
        teacher: What teaches an LSTM or MLP: a transformer to fine-tune first (a folder,
            ``minilm``, or ``OWNER/NAME``), the folder of a saved model, or a list of several.
        teaching_minutes: How long fitting the teacher and labelling may take; None for no limit.
        hidden_size: Beats the recipe's and that of `settings`, like those that follow; None leaves
            it.
        embedding_size: Size of the word vectors; not with `vectors`, which have their own.
        learning_rate: Adam's rate at its highest.
        epochs: Passes over the training texts.
        random_state: The random seed, as a number; or a numpy `RandomState` or `Generator`, or None
            for numpy's global one, of which each `fit` draws a seed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: In how many threads to fit and to predict on the processor; None for what the
            environment variable WORDGATE_THREADS says, else OMP_NUM_THREADS, which joblib sets for
            its workers, else for as many as there are cores.
        verbose: Whether to show the epochs on standard error.

    Attributes:
        classes_: The labels, sorted, in the order of the probabilities' columns.
        predictor_: The fitted model.
        history_: One record an epoch.
        coverage_: How many words had a pretrained vector; None without any.
        taught_: How the model was taught; None without `teacher`.
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
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.verbose = verbose

    def fit(
        self,
        X: Iterable[str],  # noqa: N803
        y: Iterable[Any],
        groups: Iterable[Any] | None = None,
        unlabelled: Iterable[str] | None = None,
    ) -> "WordgateClassifier":
        """Fit the model.

        Args:
            X: The texts: a list, an array, a pandas or polars Series, or a frame, data set or
                mapping of one column. None may be empty.
            y: Their labels, of any type that can be sorted, in any of these forms.
            groups: Groups whose rows must not be parted between training and validation, likewise.
                A row whose group is missing or blank is a group of its own, with its exact copies.
            unlabelled: Texts without labels, for the teacher to label.

        Returns:
            Itself.

        Raises:
            DataError: Texts and labels don't fit together, there is only one label, or the word
                vectors can't be found or read.
            SettingsError: A setting is unknown, out of range or without effect.
        """
        texts = checked_texts(X)
        classes, targets = _numbered(y, len(texts))
        names = _names(classes)
        written = [names[target] for target in targets.tolist()]
        for remark in alike_labels(names) + missing_labels(written, advice=""):
            warnings.warn(remark, stacklevel=2)
        seed, n_threads = _seed_of(self.random_state), choose_threads(self.threads)
        progress: Progress = Console(verbose=True) if self.verbose else Silent()
        check_family(self.model)
        check_device(self.model, self.device, progress)
        recipe = choose_recipe(self.recipe, self.teacher)
        settings = resolve_settings(recipe, self._overrides(), self.vectors, families=[self.model])
        more = None if unlabelled is None else checked_texts(unlabelled, may_be_empty=True)
        teaching = teacher_config(
            settings if FAMILIES[self.model].can_be_taught else None,
            self.teaching_minutes,
            has_unlabelled=bool(more),
            progress=progress,
        )
        if teaching is not None:
            teaching.check_labels(names)
            if more:
                teaching = replace(teaching, unlabelled=Unlabelled.beside(texts, None, more))
        settings, vectors = resolve_vectors(self.vectors, settings, progress)
        named = checked_groups(groups, len(texts))
        dataset = Dataset(texts, targets, None if named is None else group_keys(texts, named))
        vocabulary_of = dataset if settings.text.vocabulary_from == "all" else None
        parts = hold_out(dataset, names, settings.valid_size, seed)
        fit_data = FitData(*parts, names, vocabulary_of, vectors)
        no_test = Dataset([], np.zeros(0, np.int64))
        context = RunContext(seed, progress, self.device, self.threads)
        with limited_blas(n_threads):
            calibrated, self.taught_ = fit_model(
                self.model, fit_data, no_test, settings, teaching, context
            )
        fitted = calibrated.fitted
        config = Config(
            family=self.model,
            labels=tuple(names),
            seed=seed,
            recipe=str(recipe),
            settings=(fitted.settings or settings).model_dump(mode="json"),
            set_by_user=tuple(sorted(settings.set_by_user)),
            data={"source": "WordgateClassifier.fit", "n_kept": len(texts)},
            vectors=began.name if (began := vectors_of(vectors, self.taught_)) else None,
            temperature=calibrated.temperature,
            environment=environment("torch", "scikit-learn") | dict(fitted.engine),
        )
        self.classes_ = classes
        self.predictor_ = Predictor(fitted.model, config)
        self.history_ = list(fitted.history)
        self.coverage_ = fitted.coverage
        self._bundle = Bundle(config, fitted.model, None, Fingerprints.of(texts, named))
        return self

    def predict(self, X: Iterable[str]) -> NDArray[Any]:  # noqa: N803
        """Give each text its most probable label, as an array [n] of the labels' own type.

        Args:
            X: The texts, in any form that `fit` takes; a single string is one text.
        """
        best = self.predict_log_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Give float64 [n, classes]; the columns follow `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Give float64 [n, classes]; the columns follow `classes_`."""
        check_is_fitted(self, "predictor_")
        return self.predictor_.log_proba(X)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the fitted model as a bundle, which `wordgate.load` and the commands read.

        Raises:
            BundleError: There is something at `path` that may not be replaced.
        """
        check_is_fitted(self, "predictor_")
        write_bundle(self._bundle, path, overwrite=overwrite)

    def __sklearn_tags__(self) -> Any:
        """Declare to scikit-learn that this estimator takes texts, not numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _overrides(self) -> dict[str, object]:
        named: dict[str, object] = {"teacher.models": as_names(self.teacher)}
        fields = setting_fields()
        for name in ("hidden_size", "embedding_size", "learning_rate", "epochs"):
            own = f"{self.model}.{name}"
            named[own if own in fields else f"lstm.{name}"] = getattr(self, name)
        overrides = {**flat_overrides(self.settings), **given_options(**named)}
        for name in _OF_FILES & overrides.keys():
            raise SettingsError(
                f"{name} has no effect on WordgateClassifier, which is given its rows: leave it out"
            )
        return overrides


def _seed_of(random_state: Any) -> int:
    """Give the seed of a fit: a number as it is, else one that the generator draws.

    Raises:
        SettingsError: It is neither a seed nor a generator.
    """
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(LARGEST_SEED, endpoint=True))
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(LARGEST_SEED, dtype=np.int64))
    return checked_seed(random_state, "random_state")


def _numbered(y: Iterable[Any], n_texts: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Give the distinct labels, sorted, and the number of each text's label, int64 [n]."""
    labels = checked_column(y, "labels")
    if len(labels) != n_texts:
        raise DataError(f"there are {n_texts:,} texts but {len(labels):,} labels")
    for position, label in enumerate(labels):
        if is_missing(label) or (isinstance(label, str) and is_empty(label)):
            plain = label.item() if isinstance(label, np.generic) else label
            raise DataError(f"label {position + 1} of {n_texts} is {plain!r}, which is no label")
        if isinstance(label, list | tuple | dict | set | frozenset):
            raise DataError(
                f"one label for each text is needed, as a word or a number; label {position + 1} of"
                f" {n_texts} is {label!r}"
            )
    column = np.asarray(labels)
    if column.dtype.kind == "U" and not all(isinstance(label, str) for label in labels):
        column = np.asarray(labels, object)  # words and numbers, which numpy would make words of
    if column.ndim != 1:
        raise DataError(f"one label for each text is needed, not {labels[0]!r}")
    try:
        classes, targets = np.unique(column, return_inverse=True)
    except TypeError as error:
        raise DataError(f"the labels can't be sorted: {error}") from error
    if len(classes) < 2:
        shown = f"; all are {str(classes[0])!r}" if len(classes) else ""
        raise DataError(f"a classifier needs two labels or more{shown}")
    return classes, targets.astype(np.int64)


def _names(classes: NDArray[Any]) -> list[str]:
    """Name the labels as they are written in a folder and answered over HTTP."""
    written: dict[str, Any] = {}
    for label in classes:
        written_as = (
            label.decode("utf-8", "backslashreplace") if isinstance(label, bytes) else label
        )
        name = without_surrogates(str(written_as))
        if name in written:
            raise DataError(
                f"the labels {written[name]!r} and {label!r} are written alike, as '{name}': give"
                " one of them another name"
            )
        written[name] = label
    return list(written)
