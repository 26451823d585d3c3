"""The time of a search: presets, and what a fit is expected to take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from wordgate.errors import SettingsError, did_you_mean

PRESETS = {"quick": 3.0, "good": 15.0, "best": 60.0}
"""Minutes by the name of a preset."""
DEFAULT_PRESET = "good"
_MOST_SLOWNESS = 4.0  # more is rather the start-up of a small fit
OTHER_SETTINGS = 1.3
"""How much longer a fit with other settings may take than those before."""


def choose_minutes(minutes: float | None, preset: str | None) -> float:
    """Give the minutes of a search; those of the preset `good` where nothing is said."""
    if minutes is not None and preset is not None:
        raise SettingsError("--minutes and --preset both limit the time: leave one out")
    if minutes is None:
        preset = preset or DEFAULT_PRESET
        if preset not in PRESETS:
            raise SettingsError(f"no preset '{preset}'{did_you_mean(preset, PRESETS)}")
        return PRESETS[preset]
    if not 0 < minutes < float("inf"):
        raise SettingsError(f"minutes is {minutes}; it must be more than 0")
    return minutes


@dataclass(frozen=True)
class _Guess:
    """What a fit takes, by a first guess: seconds, those per character, and its longest text."""

    seconds: float
    per_character: float
    longest: int
    least_characters: float = 0.0  # what it reads at least, however small the data


_GUESSES = {
    "count": _Guess(0.2, 2.5e-6, 100_000),
    "logreg": _Guess(1.0, 1.0e-6, 1500),
    "mlp": _Guess(3.0, 2.0e-6, 1500),
    "lstm": _Guess(5.0, 4.0e-6, 1500),
    "transformer": _Guess(5.0, 1.6e-4, 600, 6e5),
    "taught": _Guess(60.0, 3.2e-4, 600, 6e5),
}
"""On two cores of 2020; the fits of the family `count` tell how much slower it is here."""


@dataclass
class Costs:
    """What fits take, learned from those that were made.

    Attributes:
        texts: The training texts of an inner fold.
    """

    texts: Sequence[str]
    _seen: dict[str, list[float]] = field(default_factory=dict)
    _slowness: float = 1.0

    def record(self, name: str, share: float, seconds: float) -> None:
        """Learn what a fit on a share of the rows took."""
        seen = self._seen.setdefault(name, [])
        seen.append(seconds / share)
        if name == "count":  # the first of which loads packages, too
            slowness = min(seen) / self._guessed(name, 1.0)
            self._slowness = min(max(slowness, 1.0), _MOST_SLOWNESS)

    def seconds(self, name: str, share: float = 1.0) -> float:
        """Expect the seconds of a fit on a share of an inner fold's training rows, or more."""
        seen = self._seen.get(name)
        if seen:
            return share * max(median(seen), median(seen[-3:]))
        return self._slowness * self._guessed(name, share)

    def is_known(self, name: str) -> bool:
        """Tell whether any fit of a family has been made."""
        return name in self._seen

    def _guessed(self, name: str, share: float) -> float:
        guess = _GUESSES[name]
        n_characters = sum(min(len(text), guess.longest) for text in self.texts) * share
        return guess.seconds + guess.per_character * max(n_characters, guess.least_characters)
