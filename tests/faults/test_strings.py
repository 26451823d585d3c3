"""Any string gives tokens, ids and probabilities, the same in all implementations.

`many/strings.py` makes them, and lists the ways to ask.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wordgate
from wordgate.errors import DataError
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.values import is_empty
from wordgate.text.encoder import TextEncoder
from wordgate.text.tokenizers import get_tokenizer

pytestmark = pytest.mark.slow

STRINGS_A_CASE = 500


def test_any_string_reads_the_same_in_all_ways(many, how_many, found, count_model, lstm_model):
    for package in ("orjson", "prometheus_client"):
        pytest.importorskip(package, reason="needs the extra 'serve'")
    strings = how_many(1_000, 500_000)
    cases = strings // STRINGS_A_CASE
    worked = many("strings.py", cases, count_model.folder, lstm_model.folder)
    assert worked.failures == []
    assert worked.outcomes == {"the same in all ways": cases}
    found(
        f"{strings:,} strings through tokenizers, encoder, predictor, score, server",
        f"the same ids in training and prediction, the same answers; {worked.figure()}",
    )


ANY = st.text(st.characters(), max_size=60)  # surrogates that stand alone are among them


@pytest.fixture(scope="module")
def model(lstm_model):
    return wordgate.load(lstm_model.folder)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(ANY, min_size=1, max_size=10))
def test_texts_that_hypothesis_draws_are_read_the_same(model, texts):
    clean = [without_surrogates(text) for text in texts]
    for name in ("messages", "keras"):
        assert all(all(get_tokenizer(name)(text)) for text in texts)
        encoder, fitted = TextEncoder.fit(clean, tokenizer=name, max_tokens=20)
        assert np.array_equal(fitted.ids, encoder.encode(clean).ids)
    full = [text for text in texts if not is_empty(text)]
    together = model.predict_proba(full)
    assert np.allclose(together.sum(axis=1), 1.0)
    if full != texts:
        with pytest.raises(DataError, match="so it cannot have a label: leave it out"):
            model.predict_proba(texts)
    for text, proba in zip(full, together, strict=True):
        assert np.allclose(model.predict_proba([text])[0], proba, atol=1e-6)


def test_a_string_of_any_length_takes_time_in_proportion(model):
    """A megabyte each of what made tokenizers slow; none takes more than seconds."""
    for piece in (
        "a\u0301",
        "\u0301",
        "🇬",
        "👩\u200d",
        "www.",
        "a@a.",
        "http://",
        "<a ",
        "&#1",
        "x.",
    ):
        assert np.isfinite(model.predict_proba([piece * (10**6 // len(piece))])).all()
