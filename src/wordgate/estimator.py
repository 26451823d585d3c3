"""A scikit-learn estimator for the models of wordgate."""

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
from wordgate.settings import checked_seed, flat_overrides, setting_fields
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
from sklearn.utils.validation import check_is_fitted  # noqa: E402

_OF_FILES = {"split", "test_size", "stratify", "empty_texts"}
"""Settings of reading and splitting files, which have no effect here."""


class WordgateClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn classifier for texts.

    It works with pipelines, `clone`, `cross_val_score` and `GridSearchCV`. `fit` splits a
    validation set off the training texts, by whole groups if there are groups.

    Args:
        model: The family: ``count``, ``logreg``, ``mlp``, ``lstm`` or ``transformer``.
        recipe: The name of a recipe, or the path of a ``.toml`` file; None for ``taught`` with a
            teacher, else ``default``.
        settings: Values of single settings by name, such as ``{"lstm.pooling": "last"}``, which
            override the recipe.
        vectors: A file of pretrained word vectors, or the name of a public one.
        teacher: The teacher of an LSTM or MLP (Hinton et al. 2015): a transformer to fine-tune
            first (a folder, ``minilm``, or ``OWNER/NAME``), the folder of a saved model, or a list
            of several.
        teaching_minutes: Time limit in minutes for fine-tuning the teacher and labelling; None for
            no limit.
        hidden_size: Number of hidden units. This and the next three arguments override `settings`
            and the recipe, unless they are None.
        embedding_size: Dimensions of the word vectors; not with `vectors`, which have their own.
        learning_rate: Maximum learning rate of Adam.
        epochs: Maximum number of epochs.
        seed: Random seed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads for training and prediction; None for the environment
            variable WORDGATE_THREADS, then OMP_NUM_THREADS (which joblib sets for its workers),
            then the number of cores.
        verbose: Whether to show progress on standard error.

    Attributes:
        classes_: The labels, sorted, in the order of the columns of `predict_proba`: array
            [classes].
        predictor_: The fitted `Predictor`.
        history_: One entry per epoch, with losses (in nats), accuracies and seconds.
        coverage_: How many words have a pretrained vector; None without `vectors`.
        taught_: The teacher and its predictions; None without `teacher`.
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
        seed: int = 0,
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
        self.seed = seed
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
        """Train the model.

        Args:
            X: The texts: a list, an array, a pandas or polars Series, or a frame, data set or
                mapping with one column. No text may be empty.
            y: The labels, of any sortable type, in any of these forms.
            groups: Groups whose rows are kept together when the validation set is split off, in
                any of these forms. A row whose group is missing or blank is a group of its own,
                together with its exact duplicates.
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
        classes, targets = _numbered(y, len(texts))
        names = _names(classes)
        written = [names[target] for target in targets.tolist()]
        for remark in alike_labels(names) + missing_labels(written, advice=""):
            warnings.warn(remark, stacklevel=2)
        seed, n_threads = checked_seed(self.seed), choose_threads(self.threads)
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
        """Predict the most probable label of each text.

        Args:
            X: The texts, in any form that `fit` accepts; a single string is one text.

        Returns:
            The labels: array [n], of the type of the labels in `fit`.

        Raises:
            DataError: `X` contains something other than strings, or an empty text.
        """
        best = self.predict_log_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Predict the probability of each label for each text.

        Args:
            X: The texts, in any form that `fit` accepts; a single string is one text.

        Returns:
            float64 [n, classes]; the columns are in the order of `classes_`.

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
