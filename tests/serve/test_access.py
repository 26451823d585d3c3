import pytest

from wordgate.errors import SettingsError
from wordgate.serve.access import access, is_loopback
from wordgate.serve.limits import Limits


def test_on_the_loopback_device_only_its_names_are_answered_to():
    usual = {"localhost", "127.0.0.1", "[::1]"}
    assert access("127.0.0.1", None, [], []).hosts == usual
    assert access("::1", None, [], []).hosts == usual
    assert access("127.0.0.2", None, ["Model.example"], []).hosts == {
        *usual, "127.0.0.2", "model.example",
    }  # fmt: skip


def test_elsewhere_any_name_is_answered_to_unless_some_are_named():
    assert access("0.0.0.0", None, [], []).hosts is None
    assert access("0.0.0.0", None, ["model.example"], []).hosts == {"model.example"}


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("LocalHost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("model.example", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(host, is_local):
    assert is_loopback(host) is is_local


@pytest.mark.parametrize(
    ("key", "why"),
    [("", "is empty"), ("two words", "is not a valid key"), ("kéy", "is not a valid key")],
)
def test_a_key_that_no_header_carries_is_refused(key, why):
    with pytest.raises(SettingsError, match=f"WORDGATE_API_KEY {why}"):
        access("127.0.0.1", key, [], [])


@pytest.mark.parametrize(
    "host", ["", "model.example:8000", "https://model.example", "model.example/", "::1", "*"]
)
def test_a_host_that_no_request_could_name_is_refused(host):
    with pytest.raises(SettingsError, match=r"is not a host name; write it without scheme and"):
        access("127.0.0.1", None, [host], [])


def test_an_address_of_ipv6_is_a_host_in_brackets():
    assert access("0.0.0.0", None, ["[2001:DB8::1]"], []).hosts == {"[2001:db8::1]"}


@pytest.mark.parametrize("origin", ["*", "example.com", "https://", "https://a.example/", "null"])
def test_an_origin_must_be_one(origin):
    with pytest.raises(SettingsError, match="is not an origin; write it as https://"):
        access("127.0.0.1", None, [], [origin])


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_texts": 0}, "--max-texts is 0; it must be a whole number of at least 1"),
        ({"timeout": float("nan")}, "--timeout is nan; it must be a number of at least 0.001"),
        ({"batch_wait": float("inf")}, "--batch-wait is inf; it must be a number of at least 0"),
        (
            {"max_queue": 999},
            "--max-queue 999 is below --max-texts 1000: a request with this many texts could never"
            " be"
            " accepted",
        ),
        (
            {"max_body_bytes": 10**9},
            "--max-buffered-bytes 67108864 is below --max-body-bytes 1000000000: a body of that"
            " size could never be accepted",
        ),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits, message):
    with pytest.raises(SettingsError) as caught:
        Limits(**limits)
    assert str(caught.value) == message
