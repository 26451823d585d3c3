"""What people call their columns, and what labels they write: evidence for the inference."""

from __future__ import annotations

import re

TEXT_NAMES = (
    "text", "texts", "tweet", "tweets", "twit", "review", "reviews", "sentence", "message",
    "content", "comment", "body", "post", "utterance", "document", "query", "question",
    "headline", "title", "description", "phrase", "snippet", "sms",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "sentiment", "target", "class", "category", "polarity", "emotion",
    "intent", "rating", "stars", "score", "y",
)  # fmt: skip
# In this order: what says "group" outright, what identifies a thing, who wrote it.
GROUP_NAMES = (
    "group", "groups", "id", "ids", "uid", "uuid", "guid", "no", "number", "thread",
    "conversation", "session", "user", "username", "author", "customer",
)  # fmt: skip
SPLIT_NAMES = ("split", "part", "fold", "subset")
LABEL_VALUES = frozenset(
    (
        "positive", "negative", "neutral", "mixed", "irrelevant", "pos", "neg", "neu", "spam",
        "ham", "toxic", "hate", "offensive", "joy", "anger", "fear", "sadness", "surprise",
        "love", "disgust", "sarcastic",
    )
)  # fmt: skip
KNOWN_NAMES = frozenset((*TEXT_NAMES, *LABEL_NAMES, *GROUP_NAMES, *SPLIT_NAMES))

_NUMBER = re.compile(r"[-+]?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def is_number(cell: str) -> bool:
    """Tell whether a cell is a plain number, as in ``2401`` or ``-0.5e3``."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def rank(name: str | None, known: tuple[str, ...]) -> int | None:
    """Place a column's name among known names.

    A name counts in full (``label``) or by its last word (``airline_sentiment``,
    ``tweetId``); the full name ranks before any last word.

    Args:
        name: The column's name, None without a header.
        known: Known names, the most telling first.

    Returns:
        0 for the most telling; None where the name tells nothing.
    """
    if name is None:
        return None
    whole = name.strip().lower()
    if whole in known:
        return known.index(whole)
    words = _NAME_WORD.findall(name)
    if words and words[-1].lower() in known:
        return len(known) + known.index(words[-1].lower())
    return None
