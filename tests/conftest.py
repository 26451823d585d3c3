"""What several tests share: where the real data lies, and the skip where it doesn't."""

import os
from pathlib import Path

import pytest

from wordgate.training.threads import wait_asleep

wait_asleep()  # before any test imports torch: a busy machine would spin for minutes

REAL_DATA = Path(
    os.environ.get("WORDGATE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")
)


def _real(name: str) -> Path:
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"the real data file {name} is not at {REAL_DATA} (WORDGATE_REAL_DATA)")
    return path


@pytest.fixture(scope="session")
def twitter_training() -> Path:
    """The Kaggle tweets: 74,682 rows without a header, columns id, entity, label, text."""
    return _real("twitter_training.csv")


@pytest.fixture(scope="session")
def twitter_validation() -> Path:
    """1,000 rows whose ids all stand in the training file."""
    return _real("twitter_validation.csv")


@pytest.fixture(scope="session")
def movie_reviews() -> Path:
    """10,662 one-sentence reviews with a header: text,label."""
    return _real("movie_reviews.csv")
