"""From what a user asked for to what a training takes: settings, and word vectors to begin with."""

from collections.abc import Mapping
from pathlib import Path

from wordgate.errors import SettingsError
from wordgate.progress import Progress
from wordgate.settings import Settings, load_settings
from wordgate.vectors.pretrained import Pretrained


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
    if "embedding_size" in overrides:
        raise SettingsError(
            "embedding_size has no effect with --vectors, which bring their own size: leave it out,"
            " or widen them by vectors_extra_size"
        )
    pretrained = Pretrained.open(vectors, progress)
    return settings.with_vectors_of(pretrained.size), pretrained
