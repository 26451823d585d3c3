import pytest

from wordgate.errors import SettingsError
from wordgate.text.tokenizers import TOKENIZERS, get_tokenizer


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_tokenizer_is_found_by_its_name(name):
    assert get_tokenizer(name).name == name


def test_an_unknown_name_meets_the_nearest_known_one():
    with pytest.raises(SettingsError) as caught:
        get_tokenizer("message")
    assert str(caught.value) == "no tokenizer 'message'; did you mean 'messages'?"


def test_a_name_like_none_meets_all_of_them():
    with pytest.raises(SettingsError) as caught:
        get_tokenizer("xyz")
    assert str(caught.value) == "no tokenizer 'xyz'; available: messages, keras"
