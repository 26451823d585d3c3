"""Train, evaluate, save and use text classifiers.

>>> import wordgate
>>> training = wordgate.train("tweets.csv", out="model")    # doctest: +SKIP
>>> wordgate.load("model").predict(["a text"])              # doctest: +SKIP
"""

TYPE_CHECKING = False  # typing's own takes a while, in which a Ctrl-C would end in a traceback
if TYPE_CHECKING:
    from typing import Any

    from wordgate.bundle.metrics import Metrics
    from wordgate.data import Table, read_table
    from wordgate.errors import (
        BundleError,
        DataError,
        MissingExtraError,
        SettingsError,
        WordgateError,
    )
    from wordgate.estimator import WordgateClassifier
    from wordgate.evaluation.comparison import Comparison, ModelResult, PairedTest
    from wordgate.evaluation.search import SearchResult
    from wordgate.experiments.audit import audit
    from wordgate.experiments.compare import compare
    from wordgate.experiments.compare_models import ModelComparison, compare_models
    from wordgate.experiments.distill import Distilled, distill
    from wordgate.experiments.evaluate import Evaluation, evaluate
    from wordgate.experiments.export import Exported, export_onnx
    from wordgate.experiments.train import Training, train
    from wordgate.experiments.tune import Tuned, tune
    from wordgate.interchange.keras import import_keras
    from wordgate.prediction.explanation import Explanation
    from wordgate.prediction.predictor import Predictor, load
    from wordgate.runtime.progress import Console, Progress, Silent
    from wordgate.scoring.results import Scored
    from wordgate.scoring.score import score
    from wordgate.split.audit import Audit
    from wordgate.split.folds import GroupedSplit

    __version__: str

__all__ = [
    "Audit",
    "BundleError",
    "Comparison",
    "Console",
    "DataError",
    "Distilled",
    "Evaluation",
    "Explanation",
    "Exported",
    "GroupedSplit",
    "Metrics",
    "MissingExtraError",
    "ModelComparison",
    "ModelResult",
    "PairedTest",
    "Predictor",
    "Progress",
    "Scored",
    "SearchResult",
    "SettingsError",
    "Silent",
    "Table",
    "Training",
    "Tuned",
    "WordgateClassifier",
    "WordgateError",
    "audit",
    "compare",
    "compare_models",
    "distill",
    "evaluate",
    "export_onnx",
    "import_keras",
    "load",
    "read_table",
    "score",
    "train",
    "tune",
]

_NAMES = {
    "wordgate.bundle.metrics": ("Metrics",),
    "wordgate.data": ("Table", "read_table"),
    "wordgate.errors": (
        "BundleError",
        "DataError",
        "MissingExtraError",
        "SettingsError",
        "WordgateError",
    ),
    "wordgate.estimator": ("WordgateClassifier",),
    "wordgate.evaluation.comparison": ("Comparison", "ModelResult", "PairedTest"),
    "wordgate.evaluation.search": ("SearchResult",),
    "wordgate.experiments.audit": ("Audit", "audit"),
    "wordgate.experiments.tune": ("Tuned", "tune"),
    "wordgate.experiments.compare": ("compare",),
    "wordgate.experiments.compare_models": ("ModelComparison", "compare_models"),
    "wordgate.experiments.distill": ("Distilled", "distill"),
    "wordgate.experiments.evaluate": ("Evaluation", "evaluate"),
    "wordgate.experiments.export": ("Exported", "export_onnx"),
    "wordgate.experiments.train": ("Training", "train"),
    "wordgate.interchange.keras": ("import_keras",),
    "wordgate.prediction.explanation": ("Explanation",),
    "wordgate.prediction.predictor": ("Predictor", "load"),
    "wordgate.runtime.progress": ("Console", "Progress", "Silent"),
    "wordgate.scoring.results": ("Scored",),
    "wordgate.scoring.score": ("score",),
    "wordgate.split.folds": ("GroupedSplit",),
}
_ENGINES = ("ray", "spark")
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first used, so that `wordgate --help` stays quick."""
    from importlib import import_module

    if name == "__version__":
        return import_module("importlib.metadata").version("wordgate")
    if name in _ENGINES:
        return import_module(f"wordgate.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'wordgate' has no attribute '{name}'")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """List what there is, the names not yet imported included."""
    return sorted({*globals(), *__all__, "__version__"})
