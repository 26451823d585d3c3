"""The pages in a real browser, wide and narrow."""

import pytest
from tests.report.conftest import PAGES

CUT_OFF = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
  const view = svg.viewBox.baseVal;
  return [...svg.querySelectorAll('text')].filter(text => {
    const box = text.getBBox();
    return box.x < -0.5 || box.y < -0.5 || box.x + box.width > view.width + 0.5
      || box.y + box.height > view.height + 0.5;
  }).map(text => text.textContent);
})"""


@pytest.fixture(scope="module")
def tab(browser):
    """A tab that all pages are opened in: to open one takes longer than to look at a page."""
    tab = browser.new_page()
    yield tab
    tab.close()


@pytest.fixture
def messages(tab):
    """What the browser says, and what it asks for."""
    messages = []
    listeners = {
        "console": lambda message: messages.append(message.text),
        "pageerror": lambda error: messages.append(str(error)),
        "request": lambda asked: messages.append(asked.url),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    yield messages
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)


@pytest.mark.parametrize("which", PAGES)
def test_nothing_is_fetched_overflows_or_is_cut_off(which, tab, messages, tmp_path, pages):
    path = tmp_path / "report.html"
    path.write_text(pages[which](), encoding="utf-8")
    for width in (1280, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto(path.as_uri())
        assert [one for one in messages if one not in (path.as_uri(), "data:,")] == []
        tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        taken, room = tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert taken <= room
        assert tab.evaluate(CUT_OFF) == []
        sizes = tab.evaluate("[...document.querySelectorAll('svg')].map(one => one.clientWidth)")
        assert min(sizes) >= 340  # drawn for 360: its text stays about as large as it is set


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["model", "comparison", "search"])
def test_axe_finds_no_trouble(which, scheme, browser, make_report, comparison, search, how_many):
    tried_always = (("model", "dark"), ("comparison", "light"), ("search", "dark"))
    if how_many((which, scheme) in tried_always, False):
        pytest.skip("tried by make faults")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page = browser.new_page(color_scheme=scheme)
    labels = [f"label {i} of a long list of labels" for i in range(20)]
    others = {"comparison": comparison, "search": search}
    page.set_content(others.get(which) or make_report(labels, n=600).page())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    page.close()
