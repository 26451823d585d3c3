"""The page of a model of several labels per text, in a real browser."""

import csv
import importlib.util
import io
from pathlib import Path

import pytest
from tests.serve.conftest import listening

BOTH, NONE = "It was cheap and fast, and not broken.", "I love this game."


@pytest.fixture(scope="module")
def site():
    """The address of a server of a model of four topics; ends in a slash."""
    spec = importlib.util.spec_from_file_location("standin", Path(__file__).with_name("standin.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.serving(module.Topics()) as address:
        yield address


@pytest.fixture
def page(tab, site):
    """The page, with a text that has been explained; the console said nothing at the end."""
    with listening(tab) as (messages, _):
        tab.goto(site)
        tab.wait_for_selector("html.ready")
        write(tab, BOTH)
        yield tab
    assert messages == []


def write(page, text):
    """Type a text and wait until it has been explained."""
    page.fill("#text", text)
    explained(page, text)


def explained(page, text):
    page.wait_for_function(
        "text => document.getElementById('sentence').textContent === text"
        " && !document.getElementById('reading').classList.contains('stale')",
        arg=text,
    )


def test_all_labels_that_are_given_are_shown_and_every_bar_has_its_threshold(page):
    assert page.locator("#answer .given-label").all_inner_texts() == ["price", "quality", "speed"]
    bars = page.locator("#bars li")
    assert bars.locator(".bar-name").all_inner_texts() == ["price", "quality", "service", "speed"]
    assert page.locator("#bars .given .bar-name").all_inner_texts() == ["price", "quality", "speed"]
    places = bars.locator(".bar-threshold").evaluate_all("all => all.map((one) => one.style.left)")
    assert places == ["50%", "30%", "60%", "50%"]
    assert "not predicted, below 60" in bars.nth(2).locator(".bar-share").text_content()
    assert page.locator("#abstain").is_hidden()
    assert "predicts any of price, quality, service and speed" in page.inner_text("#lede")


def test_a_text_may_have_no_label(page):
    write(page, NONE)
    assert page.inner_text("#answer") == "none"
    assert page.inner_text("#answer-note") == "No probability reaches its label’s threshold."
    assert page.locator("#bars .given").count() == 0


def test_another_label_is_explained_when_it_is_chosen(page):
    words = page.locator(".sentence .for")
    assert words.all_inner_texts() == ["cheap"]
    page.select_option("#explained", "speed")
    page.wait_for_function("() => document.querySelector('.sentence .for')?.textContent === 'fast'")
    words.first.hover()
    assert "Without it, speed would fall by 70 points." in page.inner_text("#tip")
    assert "supports speed" in page.inner_text("#reading-key")
    write(page, "So fast, so cheap")
    assert words.all_inner_texts() == ["fast"]


def test_many_texts_have_their_labels_counted_and_written(page):
    page.fill("#paste", f"{BOTH}\n{NONE}\nso slow, so cheap")
    page.click("#go")
    page.wait_for_selector("#download")
    counts = page.locator("#results .counts li")
    names = counts.locator(".bar-name").all_inner_texts()
    assert names == ["price", "quality", "service", "speed", "no label"]
    numbers = [reported.split()[0] for reported in counts.locator(".bar-share").all_inner_texts()]
    assert numbers == ["2", "1", "0", "2", "1"]
    cells = page.locator("#results .cell-label").all_inner_texts()
    assert [cell.split() for cell in cells] == [
        ["price", "quality", "speed"], ["no", "label"], ["price", "speed"],
    ]  # fmt: skip
    with page.expect_download() as download:
        page.click("#download")
    content = Path(download.value.path()).read_text(encoding="utf-8-sig")
    head, *rows = csv.reader(io.StringIO(content, newline=""))
    assert head[:3] == ["text", "labels", "probability_price"]
    assert [row[1] for row in rows] == ["price;quality;speed", "", "price;speed"]
