"""The page of `wordgate serve` in a real browser.

Most tests have a small server beside it that answers as the real one does, from a lexicon, so that
what the page shows is known; the last ones have the real server.
"""

import csv
import io
import json
import os
import re
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.serve.conftest import listening

GOOD, BAD = "I love this game so much!", "I hate this broken game."
LONG = "I love this and I hate that, but it was worth every week of waiting for it. " * 4


@pytest.fixture
def visit(browser, tab, site):
    """Open the page; at the end nothing was asked of elsewhere, and the console said nothing.

    What the browser itself says of an answer that a test made fail is no trouble of the page.
    A page that a test prepares has a tab and a session of its own.
    """
    with ExitStack() as stack:
        heard = [stack.enter_context(listening(tab))]

        def open_page(width=1280, scheme="light", *, prepare=None, address=site):
            page = tab
            if prepare is not None:
                page = stack.enter_context(closing(browser.new_page(reduced_motion="reduce")))
                page.set_default_timeout(60_000)
                heard.append(stack.enter_context(listening(page)))
                prepare(page)
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.goto(address)
            return page

        yield open_page
    for shown, asked in heard:
        assert [one for one in shown if not one.startswith("Failed to load resource")] == []
        ours = (site, "http://127.0.0.1", "blob:")
        assert [one for one in asked if not one.startswith(ours)] == []


@pytest.fixture
def page(visit):
    return opened(visit())


def opened(page):
    """Wait until the first sentence has been read."""
    page.wait_for_selector("html.ready")
    page.wait_for_selector(".sentence .word")
    return page


def write(page, text):
    """Type a text and wait until it has been explained."""
    page.fill("#text", text)
    page.wait_for_function(
        "text => document.getElementById('sentence').textContent === text"
        " && !document.getElementById('reading').classList.contains('stale')",
        arg=text,
    )


def refuse(page, path, status, code, message, headers=None, times=None):
    """Have the server say no."""
    body = json.dumps({"error": {"code": code, "message": message}})
    page.route(
        f"**/{path}",
        lambda route: route.fulfill(
            status=status,
            body=body,
            headers={"Content-Type": "application/json", **(headers or {})},
        ),
        times=times,
    )


def test_the_page_opens_with_a_sentence_read(page):
    assert page.inner_text("#text-status") == ""
    assert page.locator(".sentence .word").count() > 5
    assert page.locator("#chart .plot svg").count() == 1
    assert page.locator("#bars li").count() == 3


def test_the_verdict_follows_what_is_typed(page):
    write(page, GOOD)
    assert page.inner_text("#answer") == "Positive"
    page.locator("#text").press("End")
    page.locator("#text").press("Control+A")
    page.keyboard.type(BAD, delay=5)
    page.wait_for_function("() => document.getElementById('answer').textContent === 'Negative'")
    shares = page.locator("#bars .bar-share").all_inner_texts()
    assert 98 <= sum(int(re.search(r"\d+", share)[0]) for share in shares) <= 102
    page.fill("#text", "  ")
    assert page.inner_text("#answer-note") == "Enter a text."
    assert page.locator("#reading").is_hidden()


DEAF_AND_SLOW = """
const sent = window.fetch;
window.fetch = async (url, given) => {  // deaf to its signal, and slow with the first sentence
  const answer = await sent(url, { ...given, signal: undefined });
  if (given.body?.includes("hate")) await new Promise((done) => setTimeout(done, 900));
  return answer;
};
"""


def test_a_late_answer_never_overwrites_a_newer_one(visit):
    page = opened(visit(prepare=lambda page: page.add_init_script(DEAF_AND_SLOW)))
    with page.expect_response("**/v1/predict"):
        page.fill("#text", BAD)
    write(page, GOOD)
    page.wait_for_timeout(900)
    assert page.inner_text("#answer") == "Positive"
    assert page.inner_text("#sentence") == GOOD


def test_each_words_side_shows_without_colour(page):
    write(page, "I love this but hate blargs")
    style = "one => getComputedStyle(one).textDecorationStyle"
    words = page.locator(".sentence .word")
    assert words.all_inner_texts() == ["I", "love", "this", "but", "hate", "blargs"]
    lines = {words.nth(i).inner_text(): words.nth(i).evaluate(style) for i in (1, 4)}
    assert page.inner_text("#answer") == "Negative"
    assert lines == {"love": "dashed", "hate": "solid"}
    unknown = page.locator(".sentence .unknown")
    assert unknown.all_inner_texts() == ["blargs"]
    assert "?" in unknown.evaluate("one => getComputedStyle(one, '::after').content")
    assert "unknown" in page.inner_text("#remarks")


def test_pointing_at_the_chart_shows_the_numbers_and_marks_the_word(page):
    write(page, GOOD)
    page.locator("#chart").scroll_into_view_if_needed()
    box = page.locator("#chart .start").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] - 50)
    assert "Before the first word" in page.inner_text("#tip")
    page.mouse.move(box["x"] + 300, box["y"] - 50)
    marked = page.locator(".sentence .pointed")
    assert marked.count() == 1
    tip = page.inner_text("#tip")
    assert marked.inner_text() in tip
    assert len(re.findall(r"(Negative|Neutral|Positive)\s+[<>]?\s?\d+", tip)) == 3
    page.mouse.move(5, 5)
    assert page.locator("#tip").is_hidden()
    assert marked.count() == 0


def test_pointing_at_a_word_marks_it_in_the_chart(page):
    write(page, GOOD)
    page.locator(".sentence .word").nth(1).hover()
    assert page.locator("#chart .band").get_attribute("visibility") == "visible"
    assert "Without it" in page.inner_text("#tip")
    assert "“love”" in page.inner_text("#spoken")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_the_arrow_keys_go_through_the_chart(page):
    write(page, GOOD)
    chart = page.get_by_role("slider", name="Prediction after each word")
    chart.focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert chart.get_attribute("aria-valuenow") == "2"
    reported = chart.get_attribute("aria-valuetext")
    assert reported.startswith("Word 2 of 7, “love”: ")
    assert page.locator(".sentence .pointed").inner_text() == "love"
    page.keyboard.press("End")
    assert page.locator(".sentence .pointed").inner_text() == "!"
    page.keyboard.press("Tab")
    assert page.locator("#tip").is_hidden()


def test_the_arrow_keys_go_through_the_sentence(page):
    write(page, GOOD)
    page.locator(".sentence .word").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "love"
    assert page.inner_text("#spoken").startswith("Word 2 of 7, “love”")


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_every_word_stands_in_the_chart_at_every_width(width, visit):
    page = opened(visit(width))
    outside = """all => all.map(one => one.getBoundingClientRect())
      .filter(box => box.left < 0 || box.right > innerWidth)"""
    for text in (GOOD, LONG, "love", "أنا أحب هذه اللعبة love كثيرا"):
        write(page, text)
        words = page.locator(".sentence .word").all_inner_texts()
        assert page.locator("#chart .middle").all_text_contents() == ["start", *words]
        assert page.locator("#chart text").evaluate_all(outside) == [], text
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), text


def test_each_line_of_the_chart_takes_the_course_up(visit):
    page = opened(visit(390))
    write(page, LONG)
    course = page.locator("#chart .verdict-line").evaluate_all(
        "all => all.map(one => one.getAttribute('d').match(/-?[\\d.]+ -?[\\d.]+/g))"
    )
    bases = page.locator("#chart .base").evaluate_all(
        "all => all.map(one => Number(one.getAttribute('y1')))"
    )
    places = [[tuple(map(float, point.split())) for point in line] for line in course]
    assert len(places) == len(bases) > 5
    for line, following, base, below in zip(places, places[1:], bases, bases[1:], strict=False):
        assert base - line[-1][1] == pytest.approx(below - following[0][1], abs=0.11)
        assert line[-1][0] > line[-2][0] > following[0][0]


def test_lines_are_named_beside_them_and_no_two_classes_look_alike(page):
    write(page, GOOD)
    names = page.locator("#chart svg > text:not(.middle):not(.quiet)")
    assert set(names.all_text_contents()) == {"Neutral", "Negative", "Positive"}
    colours = page.locator("#bars .bar-fill").evaluate_all(
        "all => all.map(one => getComputedStyle(one).backgroundColor)"
    )
    greys = [one for one in colours if len(set(re.findall(r"\d+", one))) == 1]
    assert (len(set(colours)), greys) == (3, [])


def test_the_gates_are_shown_when_asked_for(page):
    write(page, GOOD)
    assert page.locator("#chart .gate").count() == 0
    page.get_by_label("Show the gates and the memory").check()
    assert page.locator("#chart .gate").count() == 3 * 7
    assert page.locator("#chart .memory").count() == 7
    page.get_by_role("slider", name="Prediction after each word").focus()
    page.keyboard.press("End")
    assert "Gates open" in page.inner_text("#tip")
    write(page, BAD)
    assert page.locator("#chart .gate").count() == 3 * 6


def test_examples_stand_in_one_row_on_a_phone(visit):
    page = opened(visit(390))
    tops = page.locator("#tries .try").evaluate_all("all => all.map(one => one.offsetTop)")
    assert len(set(tops)) == 1
    page.locator("#tries .try").last.click()
    assert page.input_value("#text") == "It starts at ten and ends at noon."
    page.click("#clear")
    assert page.input_value("#text") == ""


def test_a_touch_shows_the_numbers_too(browser, site):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(site)
    opened(page)
    page.locator(".sentence .word").nth(10).tap()
    assert "Without it" in page.inner_text("#tip")
    page.locator("#chart .middle").nth(3).scroll_into_view_if_needed()
    box = page.locator("#chart .middle").nth(3).bounding_box()
    page.touchscreen.tap(box["x"] + 3, box["y"] - 40)
    page.wait_for_function("document.getElementById('tip').textContent.includes(' of ')")
    assert "waited" not in page.inner_text("#tip")
    assert "all" in page.inner_text("#tip")
    page.locator("#chart-title").tap()
    assert page.locator("#tip").is_hidden()
    context.close()


def test_a_table_says_the_same_as_the_chart(page):
    write(page, GOOD)
    page.locator("#chart-table summary").click()
    rows = page.locator("#chart-table tbody tr")
    assert rows.count() == 8
    assert rows.nth(2).locator("th").inner_text() == "love"
    assert page.locator("#chart-table thead th").all_inner_texts()[-1] == "memory change"
    assert page.inner_text("#chart-means") != ""


ANY_TEXT = (
    "<script>document.title = 'run'</script> <b>love</b> &amp; <img src=x onerror=alert(1)>",
    "😀👍🏽 I love 👩‍👩‍👧 this 🇬🇧 game",
    "أنا أحب هذه اللعبة love كثيرا",
    "Pneumono" * 30 + " is not good",
    "I\nlove\t this",
)


@pytest.mark.parametrize("width", [1280, 390])
def test_any_text_stands_as_it_was_written(width, visit):
    page = opened(visit(width))
    for text in ANY_TEXT:
        write(page, text)
        assert page.title() == "wordgate · Negative, Neutral and Positive"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), text
        words = page.locator(".sentence .word").all_inner_texts()
        assert all(word in text for word in words)
        assert {"love", "good"} & set(words)


def test_the_course_of_a_text_from_right_to_left_runs_so(page):
    write(page, "أنا أحب هذه اللعبة")
    marks = page.locator("#chart .middle")
    start, last = marks.first.bounding_box(), marks.last.bounding_box()
    assert last["x"] < start["x"]


def test_below_the_threshold_there_is_no_answer(page):
    write(page, GOOD)
    page.fill("#abstain", "99")
    assert page.inner_text("#answer-eyebrow") == "Abstains"
    assert "Positive has" in page.inner_text("#answer-note")
    page.fill("#abstain", "70")
    assert page.inner_text("#abstain-means").replace("\u202f", " ") == (
        "Less probable texts get no label. On unseen texts, 40% got a label, and 83% of"
        " these labels were correct."
    )


def test_the_card_has_the_honest_score(page):
    card = page.inner_text("#card").replace("\u202f", " ")
    assert "65.0%" in card
    assert "2,004 unseen groups" in card
    assert "63.2% to 66.9%" in card
    assert "\ncount\n" in card
    assert "inflated" not in card


def test_a_leaked_score_is_called_so(visit, standin):
    class Leaked(standin.Lexicon):
        def facts(self):
            facts = super().facts()
            facts["scores"] |= {"split": "random", "leaked_by_group": 12202}
            return facts

    with standin.serving(Leaked()) as address:
        page = opened(visit(address=address))
        assert "inflated: 12,202 of these texts" in page.inner_text("#card")
        assert "never seen" not in page.inner_text("#lede")


def test_the_server_busy_is_reported_and_asked_again(page):
    refuse(page, "v1/predict", 503, "overloaded", "Too much waits.", {"Retry-After": "1"}, times=1)
    page.fill("#text", GOOD)
    page.wait_for_function("() => document.getElementById('text-status').textContent !== ''")
    assert page.inner_text("#text-status") == "Too much waits. Trying again in 1 s …"
    write(page, GOOD)
    assert page.inner_text("#text-status") == ""


def test_a_server_out_of_reach_is_asked_again(page):
    page.route("**/v1/predict", lambda route: route.abort(), times=1)
    page.fill("#text", BAD)
    page.wait_for_function("() => document.getElementById('text-status').textContent !== ''")
    assert page.inner_text("#text-status") == "The server cannot be reached. Trying again in 1 s …"
    write(page, BAD)
    assert page.inner_text("#answer") == "Negative"


def test_a_refusal_is_reported_in_the_servers_words(page):
    refuse(page, "v1/explain", 504, "timed_out", "It took too long.", times=1)
    page.fill("#text", BAD)
    page.wait_for_selector("#text-status button")
    assert page.inner_text("#text-status").startswith("It took too long.")
    page.click("#text-status button")
    page.wait_for_function(
        "text => document.getElementById('sentence').textContent === text", arg=BAD
    )


def test_a_text_too_long_is_not_sent(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    limit = page.evaluate("fetch('v1/model').then(one => one.json())")["limits"]["max_text_length"]
    asked.clear()
    page.fill("#text", "a" * (limit + 1))
    page.wait_for_function("document.getElementById('text-status').textContent !== ''")
    assert "accepts at most" in page.inner_text("#text-status")
    page.wait_for_timeout(400)
    assert asked == []


def test_the_key_is_asked_for_once_and_kept(visit):
    def locked(page):
        def answer(route):
            if route.request.headers.get("authorization") == "Bearer open sesame":
                return route.continue_()
            return route.fulfill(status=401, json={"error": {"code": "unauthorized"}})

        page.route("**/v1/*", answer)

    page = visit(prepare=locked)
    page.wait_for_selector("#key[open]")
    page.fill("#key-value", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.getElementById('key-why').textContent.includes('key is wrong')"
    )
    page.wait_for_selector("#key[open]")
    page.fill("#key-value", "open sesame")
    page.click("#key button.main")
    opened(page)
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    opened(page)
    assert page.locator("#key").is_hidden()


def test_without_a_key_the_page_says_what_is_missing(visit):
    page = visit(prepare=lambda page: refuse(page, "v1/*", 401, "unauthorized", "A key is needed"))
    page.wait_for_selector("#key[open]")
    page.click("#key-cancel")
    page.wait_for_function(
        "() => document.getElementById('card').textContent.includes('key is needed')"
    )


def downloaded(page):
    """Take the download home; returns its bytes and its records."""
    with page.expect_download() as waited:
        page.click("#download")
    with open(waited.value.path(), "rb") as file:
        raw = file.read()
    return (
        waited.value.suggested_filename,
        raw,
        list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))),
    )


def label_all(page):
    page.click("#go")
    page.wait_for_selector("#download")


def test_pasted_lines_are_labelled_counted_and_taken_home(page):
    lines = [GOOD, BAD, "", "=HYPERLINK(1) love", "naïve “love”, 😀"]
    page.fill("#paste", "\n".join(lines))
    label_all(page)
    assert page.inner_text("#many-status") == "4 texts labeled."
    assert page.locator(".answers tbody tr").count() == 4
    counts = page.locator(".counts .bar-share").all_inner_texts()
    assert sum(int(one.split(" ")[0]) for one in counts) == 4
    name, raw, records = downloaded(page)
    assert name == "texts-labeled.csv"
    assert raw.startswith(b"\xef\xbb\xbftext,label,probability,probability_Negative,")
    assert [record[0] for record in records[1:]] == [GOOD, BAD, "'=HYPERLINK(1) love", lines[-1]]
    assert records[1][1] == "Positive"
    assert records[2][1] == "Negative"
    for record in records[1:]:
        shares = [float(cell) for cell in record[3:]]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert float(record[2]) == max(shares)


def dropped(page, name, content):
    """Drop a file on the box."""
    transfer = page.evaluate_handle(
        """([name, content]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([content], name));
          return transfer;
        }""",
        [name, content],
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def test_a_dropped_file_is_labelled_in_chunks_and_keeps_its_columns(page):
    sent = []
    page.on(
        "request",
        lambda request: request.url.endswith("/v1/predict") and sent.append(request.post_data_json),
    )
    rows = [["id", "label", "text"]]
    rows += [[str(i), "old", f'number {i}, said "{GOOD}"\nand left'] for i in range(300)]
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    dropped(page, "tickets.csv", file.getvalue())
    page.wait_for_selector(".choosers select")
    assert page.locator(".choosers select option:checked").inner_text() == "text"
    assert page.locator(".choosers input").is_checked()
    assert "300 rows" in page.inner_text(".file")
    label_all(page)
    assert max(len(one["texts"]) for one in sent) <= 64
    assert sum(len(one["texts"]) for one in sent) == 300
    assert page.locator(".answers tbody tr").count() == 200
    assert page.inner_text("#rest") == "and 100 more, all of them in the download."
    name, _, records = downloaded(page)
    assert name == "tickets-labeled.csv"
    assert records[0][:5] == ["id", "label", "text", "predicted_label", "probability"]
    assert [record[:3] for record in records[1:]] == rows[1:]


def test_empty_cells_have_no_label_and_the_others_are_labelled(page):
    cells = [GOOD, "", "  ", BAD, "\u3000", "\u200b"]
    dropped(page, "some.csv", "id,text\n" + "".join(f'{i},"{c}"\n' for i, c in enumerate(cells)))
    page.wait_for_selector(".choosers select")
    label_all(page)
    labels = [record[2] for record in downloaded(page)[2][1:]]
    assert labels == ["Positive", "", "", "Negative", "", ""]
    assert page.inner_text("#many").count("the text is empty") == 4


def test_the_column_can_be_chosen(page):
    dropped(page, "plain.csv", "1,I love this,a much longer cell than the one with the text\n" * 3)
    page.wait_for_selector(".choosers select")
    assert page.locator(".choosers input").is_checked() is False
    page.select_option(".choosers select", label="column 2")
    assert page.locator(".preview li").first.inner_text() == "I love this"
    label_all(page)
    assert page.locator(".cell-text").all_inner_texts() == ["I love this"] * 3


def test_files_of_each_kind_are_read(page):
    files = {
        "a.txt": f"{GOOD}\r\n\r\n{BAD}\r\n",
        "a.tsv": f"n\ttext\n1\t{GOOD}\n2\t{BAD}\n",
        "a.jsonl": f'{{"n": 1, "text": "{GOOD}"}}\n{{"text": "{BAD}"}}',
        "semicolons.csv": f"text;stars\n{GOOD};1,5\n{BAD};2,5\n",
    }
    for name, content in files.items():
        dropped(page, name, content)
        page.wait_for_selector(f".file >> text={name}")
        label_all(page)
        assert page.locator(".cell-text").all_inner_texts() == [GOOD, BAD]
        page.click(".file button")


def test_an_unreadable_file_is_reported(page):
    files = {
        "a.docx": (
            "x",
            "“a.docx” is not a .txt, .csv, .tsv or .jsonl file; this page reads no others.",
        ),
        "a.txt": ("\n\n", "“a.txt” contains no texts."),
        "a.jsonl": (
            '"good"\n{bad',
            "Line 2 is not JSON. A .jsonl file has one object or string per",
        ),
    }
    for name, (content, shown) in files.items():
        dropped(page, name, content)
        page.wait_for_function(
            "shown => document.getElementById('many-status').textContent.startsWith(shown)",
            arg=shown,
        )


def test_cancelling_keeps_what_is_done_and_can_be_continued(page):
    page.fill("#paste", "\n".join(f"{GOOD} {i}" for i in range(200)))
    seen = []

    def only_the_first(route):  # the others are never answered
        seen.append(route)
        if len(seen) == 1:
            route.continue_()

    page.route("**/v1/predict", only_the_first)
    page.click("#go")
    page.wait_for_function(
        "() => document.querySelector('#progress span')?.textContent === '64 of 200'"
    )
    page.click("#progress button")
    page.wait_for_selector("#download")
    assert page.inner_text("#many-status") == "Stopped after 64 texts."
    assert len(downloaded(page)[2]) == 65
    page.unroute("**/v1/predict")
    page.click("#progress button")
    page.wait_for_function(
        "() => document.getElementById('many-status').textContent.startsWith('200')"
    )
    assert [record[0] for record in downloaded(page)[2][1:]] == [f"{GOOD} {i}" for i in range(200)]


def test_a_busy_server_is_asked_again_for_many_texts(page):
    page.fill("#paste", GOOD)
    refuse(page, "v1/predict", 503, "overloaded", "Too much waits.", {"Retry-After": "0"}, times=1)
    label_all(page)
    assert page.inner_text("#many-status") == "1 text labeled."


def test_the_threshold_holds_for_many_texts_too(page):
    page.fill("#paste", f"{GOOD}\nnothing known here")
    label_all(page)
    page.fill("#abstain", "90")
    assert page.locator(".cell-label").all_inner_texts() == ["Positive", "abstained"]
    assert [record[1] for record in downloaded(page)[2][1:]] == ["Positive", ""]


def test_a_model_of_several_columns_shows_its_form(visit, standin):
    class Formed(standin.Lexicon):
        def facts(self):
            form = {"text_form": "entity | text", "text_columns": ["entity", "text"]}
            return {**super().facts(), **form}

    with standin.serving(Formed()) as address:
        page = opened(visit(address=address))
        assert "entity | text" in page.inner_text("#form-hint")
        dropped(page, "a.csv", f"text,Entity\n{GOOD},Lamp\n{BAD},\n")
        page.wait_for_selector(".choosers select")
        assert page.locator(".preview li").all_inner_texts() == [f"Lamp | {GOOD}", BAD]


def test_forty_labels_fit(visit, standin):
    class Many(standin.Lexicon):
        labels = tuple(f"a label of a long list, number {i}" for i in range(40))

        def _proba(self, words):
            parts = [1 + (7 * i + len(words)) % 40 for i in range(40)]
            return dict(zip(self.labels, (part / sum(parts) for part in parts), strict=True))

        def facts(self):
            return {**super().facts(), "labels": list(self.labels)}

    with standin.serving(Many()) as address:
        for width in (1280, 390):
            page = opened(visit(width, address=address))
            assert page.locator("#bars li").count() == 6
            assert "34 other labels" in page.inner_text("#bars")
            n_lines = page.locator("#chart .base").count()
            assert page.locator("#chart .line").count() == 40 * n_lines
            fills = "all => all.map(one => one.style.fill)"
            bars = page.locator("#bars .shape path").evaluate_all(fills)
            assert len(set(bars)) == 6
            assert set(page.locator("#chart .dot").evaluate_all(fills)) == set(bars)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_trouble_and_nothing_overflows(width, scheme, visit, how_many):
    if how_many((width, scheme) in ((1280, "dark"), (390, "light")), False):
        pytest.skip("tried by make faults")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page = opened(visit(width, scheme))
    write(page, f"{LONG} blargs")
    page.fill("#paste", f"{GOOD}\n{BAD}")
    label_all(page)
    page.locator("#chart-table summary").click()
    page.check("#gates")
    page.locator(".sentence .word").nth(3).hover()
    if folder := os.environ.get("WORDGATE_SCREENSHOTS"):  # to be looked at
        page.screenshot(path=Path(folder) / f"page-{width}-{scheme}.png", full_page=True)
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_csv_parser(page):
    parse = """([text, delimiter]) => import('/page/csv.js')
      .then(csv => csv.parse(text, delimiter).records)"""
    for text, delimiter, expected in [
        ('a,"b ""c"", d"\r\n"e\nf",g\r\n', ",", [["a", 'b "c", d'], ["e\nf", "g"]]),
        ("a,\n\n,b", ",", [["a", ""], [], ["", "b"]]),
        ("a\rb\r", ",", [["a"], ["b"]]),
        ('it"s,"open"', ",", [['it"s', "open"]]),
        ('a;"b;c"\n', ";", [["a", "b;c"]]),
    ]:
        assert page.evaluate(parse, [text, delimiter]) == expected


@pytest.fixture
def real_site(request):
    """The address of `wordgate serve` with a small LSTM."""
    for needed in ("wordgate.serve.server", "uvicorn", "httptools"):
        pytest.importorskip(needed, reason="needs the server and its extra")
    return f"http://127.0.0.1:{request.getfixturevalue('server').port}/"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_the_real_server_is_understood(width, visit, real_site):
    page = opened(visit(width, address=real_site))
    text = "We love this kettle, number 3, from the <b>zoo</b> 😀"
    write(page, text)
    assert page.inner_text("#answer") in ("good", "bad")
    page.check("#gates")
    assert page.locator("#chart .gate").count() > 0
    assert page.inner_text("#chart-means") != ""
    assert page.locator("#card .ruler-value").count() == 3
    dropped(page, "many.txt", "\n".join([text, "We hate it"] * 1500))
    page.wait_for_selector(".file")
    label_all(page)
    records = downloaded(page)[2]
    assert len(records) == 3001
    assert {record[1] for record in records[1:]} <= {"good", "bad"}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
