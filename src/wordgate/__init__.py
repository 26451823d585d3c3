"""Train, evaluate and save text classifiers that read word order.

>>> import wordgate
>>> training = wordgate.train("tweets.csv", out="model")    # doctest: +SKIP
>>> wordgate.load("model").predict(["a text"])              # doctest: +SKIP
"""

TYPE_CHECKING = False  # typing's own takes a while, in which a Ctrl-C would end in a traceback
if TYPE_CHECKING:
    from typing import Any

    from wordgate.errors import (
        BundleError,
        DataError,
        MissingExtraError,
        SettingsError,
        WordgateError,
    )
    from wordgate.estimator import WordgateClassifier
    from wordgate.evaluation.comparison import Comparison
    from wordgate.experiments.audit import audit
    from wordgate.experiments.compare import compare
    from wordgate.experiments.distill import Distilled, distill
    from wordgate.experiments.evaluate import evaluate
    from wordgate.experiments.export import Exported, export_onnx
    from wordgate.experiments.train import Training, train
    from wordgate.interchange.keras import import_keras
    from wordgate.prediction.explanation import Explanation
    from wordgate.prediction.predictor import Predictor, load
    from wordgate.scoring.scoring import Scored, score
    from wordgate.split.audit import Audit
    from wordgate.split.folds import GroupedSplit

    __version__: str

__all__ = [
    "Audit",
    "BundleError",
    "Comparison",
    "DataError",
    "Distilled",
    "Explanation",
    "Exported",
    "GroupedSplit",
    "MissingExtraError",
    "Predictor",
    "Scored",
    "SettingsError",
    "Training",
    "WordgateClassifier",
    "WordgateError",
    "audit",
    "compare",
    "distill",
    "evaluate",
    "export_onnx",
    "import_keras",
    "load",
    "score",
    "train",
]

_HOMES = {
    "Audit": "wordgate.experiments.audit",
    "BundleError": "wordgate.errors",
    "Comparison": "wordgate.evaluation.comparison",
    "DataError": "wordgate.errors",
    "Distilled": "wordgate.experiments.distill",
    "Explanation": "wordgate.prediction.explanation",
    "Exported": "wordgate.experiments.export",
    "GroupedSplit": "wordgate.split.folds",
    "MissingExtraError": "wordgate.errors",
    "Predictor": "wordgate.prediction.predictor",
    "Scored": "wordgate.scoring.scoring",
    "SettingsError": "wordgate.errors",
    "Training": "wordgate.experiments.train",
    "WordgateClassifier": "wordgate.estimator",
    "WordgateError": "wordgate.errors",
    "audit": "wordgate.experiments.audit",
    "compare": "wordgate.experiments.compare",
    "distill": "wordgate.experiments.distill",
    "evaluate": "wordgate.experiments.evaluate",
    "export_onnx": "wordgate.experiments.export",
    "import_keras": "wordgate.interchange.keras",
    "load": "wordgate.prediction.predictor",
    "score": "wordgate.scoring.scoring",
    "train": "wordgate.experiments.train",
}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first used, so that `wordgate --help` stays quick."""
    from importlib import import_module

    if name == "__version__":
        return import_module("importlib.metadata").version("wordgate")
    if name not in _HOMES:
        raise AttributeError(f"module 'wordgate' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Name what there is, the names not yet imported included."""
    return sorted({*globals(), *__all__, "__version__"})
