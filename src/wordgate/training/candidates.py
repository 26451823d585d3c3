"""The two LSTMs that may be trained: a strongly and a lightly regularised one.

What generalises best differs between data sets: few or repeated texts want a small network whose
word vectors move slowly, many different texts or many labels a larger and faster one. Validation
chooses between them as it chooses between epochs.
"""

from dataclasses import dataclass

from wordgate.evaluation.metrics import Epoch
from wordgate.models.network import Network
from wordgate.settings import Settings


@dataclass(frozen=True)
class Candidate:
    """What the training of a candidate came to.

    Attributes:
        history: Its epochs.
        best_epoch: The number of the best one, from 1.
        network: The network after it.
    """

    history: list[Epoch]
    best_epoch: int
    network: Network

    @property
    def best(self) -> Epoch:
        """The best epoch."""
        return self.history[self.best_epoch - 1]


def lstm_candidates(settings: Settings) -> list[Settings]:
    """Give the settings of each LSTM to train, the most regularised first."""
    alone = settings.model_copy(update={"lighter_candidate": False})
    return [alone, alone.lighter()] if settings.lighter_candidate else [alone]
