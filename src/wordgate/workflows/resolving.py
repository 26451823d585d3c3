"""From what a user asked for to what a training takes: settings, and word vectors to begin with."""

from collections.abc import Mapping
from pathlib import Path

from wordgate.errors import SettingsError
from wordgate.progress import Progress
from wordgate.settings import Settings, load_settings
from wordgate.vectors.pretrained import Pretrained

_IN_PLACE = {
    "embedding_size": "vectors_extra_size, by which they are wider than in their file",
    "embedding_learning_rate": "vectors_learning_rate, or vectors_drawn_learning_rate",
}
"""What to set where there are pretrained vectors."""


def resolve(
    recipe: str | Path,
    overrides: Mapping[str, object],
    vectors: str | Path | None,
    *,
    family: str,
    progress: Progress,
) -> tuple[Settings, Pretrained | None]:
    """Read a recipe and see what kind of word vectors were given.

    Args:
        recipe: The recipe's name, or the path of a ``.toml`` file.
        overrides: Single settings that beat the recipe's.
        vectors: A file of word vectors or the name of a public one; None to draw them.
        family: The family of the model.
        progress: Where a download is told.

    Returns:
        The settings, with the size of the word vectors, and these.

    Raises:
        SettingsError: Recipe or settings are unknown, or the word vectors leave one without effect
            or have none themselves.
        DataError: The word vectors can't be found, fetched or read.
        MissingExtraError: They need fetching, and kagglehub isn't installed.
    """
    settings = load_settings(recipe, overrides)
    if vectors is None:
        return settings, None
    if family == "count":
        raise SettingsError(f"--vectors {vectors} has no effect: word counts read no word vectors")
    for setting, instead in _IN_PLACE.items():
        if setting in overrides:
            raise SettingsError(f"{setting} has no effect with --vectors; set {instead}")
    pretrained = Pretrained.open(vectors, progress)
    return settings.with_vectors_of(pretrained.size), pretrained
