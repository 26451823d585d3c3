"""`wordgate audit` in a terminal, as JSON, and as a page."""

import json
import re

import pytest

from wordgate.cli.main import exit_code

pytestmark = pytest.mark.needs("sklearn")

TEXTS = [
    "the kettle was delivered late and broken on a very wet friday",
    "the kettle was delivered late and broken on a very dry friday",
    "we loved every minute of our long stay in <b>Solamere</b> & beyond",
    "we loved every minute of our short stay in <b>Solamere</b> & beyond",
    "nobody ever answered \x1b[31m my three letters about the missing invoice",
    "my sisters were thrilled with the balcony and its small green table",
    "so so",
]
TAGS = ("div", "section", "table", "td", "tr", "mark", "small")
LABELS = ["bad", "bad", "good", "good", "bad", "good", "bad"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "texts.csv"
    rows = [f'{label},"{text}"' for label, text in zip(LABELS, TEXTS, strict=True)]
    path.write_text("\n".join(["label,text", *rows]), encoding="utf-8")
    return path


def test_a_terminal_shows_subjects_pairs_and_advice(file, capsys):
    assert exit_code(["audit", str(file)]) == 0
    out, err = capsys.readouterr()
    assert [line.split("  ")[0] for line in out.splitlines() if line[:1].isupper()] == [
        "TEXTS",
        "LABELS",
        "DUPLICATES",
        "GROUPS",
        "LEAKAGE BY KIND OF SPLIT",
        "EXAMPLES OF NEAR DUPLICATES",
        "RECOMMENDATION",
    ]
    assert "4 of 7 rows (57.1%) have a duplicate:" in out
    assert "[-wet-] {+dry+} friday" in out or "[-long-] {+short+} stay" in out
    assert "Use --split grouped, which is the default." in out
    assert "\x1b" not in out
    assert err.startswith(f"Reading {file} ...\n")
    assert f"\nread {file}" in err


def test_json_is_one_object(file, capsys):
    assert exit_code(["audit", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_rows"] == 7
    assert found["duplicates"]["near_pairs"] == 2
    assert [leak["split"] for leak in found["leaks"]] == [
        "random",
        "grouped by exact text",
        "grouped by duplicates",
    ]


def test_the_page_escapes_texts_and_fetches_nothing(file, tmp_path, capsys):
    page = tmp_path / "audit.html"
    assert exit_code(["audit", str(file), "--html", str(page)]) == 0
    assert f"Web page: {page}" in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    assert "<b>" not in html
    assert "&lt;b&gt;Solamere&lt;/b&gt; &amp; beyond" in html
    assert "<script" not in html
    assert "http:" not in html
    assert "https:" not in html
    assert 'content="width=device-width' in html
    assert '<mark class="first">' in html
    assert re.findall("<h2>(.*?)</h2>", html) == [
        "Recommendation", "Texts", "Labels", "Duplicates", "Groups", "Leakage by kind of split",
        "Examples of near duplicates", "How the data was read",
    ]  # fmt: skip
    assert [html.count(f"<{tag}") for tag in TAGS] == [html.count(f"</{tag}>") for tag in TAGS]


def test_a_page_in_no_folder_is_refused_before_the_work(file, tmp_path, capsys):
    assert exit_code(["audit", str(file), "--html", str(tmp_path / "gone" / "a.html")]) == 1
    assert capsys.readouterr().err == (
        f"wordgate: there is no folder '{tmp_path / 'gone'}' to write 'a.html' into\n"
    )


def test_texts_without_labels_are_audited(tmp_path, capsys):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(["text", *(f'"{text}"' for text in TEXTS)]), encoding="utf-8")
    assert exit_code(["audit", str(path)]) == 0
    assert "No labels were found." in capsys.readouterr().out
