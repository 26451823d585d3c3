"""The page reads tables as `wordgate score` does, and reports ambiguities."""

import re

import pytest

from wordgate.bundle.config import Config
from wordgate.scoring.input import open_input
from wordgate.scoring.options import ScoreOptions
from wordgate.tables import header

MODEL = Config(family="lstm", labels=("a", "b"), seed=0, recipe="default", settings={}, data={},
               environment={})  # fmt: skip
READ = """async ([name, bytes]) => {
  const { readFile } = await import('/page/files.js');
  const { textColumn } = await import('/page/header.js');
  try {
    const table = await readFile(new File([new Uint8Array(bytes)], name));
    const { columns, hasNames, records, troubles, remarks } = table;
    const whole = records.filter((_, i) => !troubles[i]);
    const { column, why } = textColumn(hasNames ? columns : null, whole);
    const texts = records.map((record, i) => (troubles[i] ? null : record[column]));
    return { header: hasNames, column: column + 1, texts, why, remarks, troubles };
  } catch (error) {
    return { refused: error.message, unknown: error.constructor.name };
  }
}"""
ROWS = "\n".join(f"{i},pos,a text of many words {i}" for i in range(9))
TABLES = {
    "a header": f"id,label,text\n{ROWS}\n".encode(),
    "none": f"{ROWS}\n".encode(),
    "quotes": b'id,text\n1,"one ""two"", three"\n2,"four, five"\n3,"she said ""no"""\n',
    "quotes behind commas": b'text,label\n"yes, and, ""so"", he said",pos\n"no, ""not"", so",neg\n',
    "a quote inside": b'id,text\n1,it is 5" wide\n2,and 6" tall\n',
    "lines in fields": b'id,text\n1,"one\ntwo, three"\n2,"four\n\nfive"\n3,six\n',
    "CRLF": b'id,text\r\n1,"one\r\ntwo"\r\n2,three four\r\n',
    "CR": b"id,text\r1,one two\r2,three four\r",
    "semicolons": b"text;stars\none, two;1,5\nthree;2,5\nfour, five, six;3,5\n",
    "tabs": b"id\ttext\n1\tone, two\n2\tthree, four\n",
    "bars": b"id|text\n1|one, two\n2|three\n",
    "a byte order mark": b"\xef\xbb\xbftext,label\none two,pos\nthree,neg\n",
    "UTF-16": "text,label\none élan 😀,pos\nthree,neg\n".encode("utf-16"),
    "UTF-16, big end first": "\ufefftext\tlabel\n昨天,我\tpos\nthree\tneg\n".encode("utf-16-be"),
    "one column": b"text\nwell, this is one\nand, well, so is this\nand this\n",
    "one column, no header": b"hello there\nwell, and, so it is\nand this\n",
    "one column, blank lines": b"text\none two\n\nthree\n",
    "a telling last word": b"tweetId,tweetText,user_name\n1,hello there,ann\n2,bye,ann\n",
    "no telling name": b"when,what,who\n1,a long remark on it,me\n2,another long remark,you\n",
    "numbers and texts": b"2401,Lands,Positive,I am coming\n2402,Lamp,Negative,so go away\n" * 3,
    "rows of other widths": b"id,text\n1,one two\n2,three,four\n3\n4,five\n",
    "repeated header": b"id,text\n1,one two\nid,text\n2,three\n",
    "a line of dashes": b"id,text\n---,---\n1,one two\n2,three\n",
    "a named separator": b"sep=;\nid;text\n1;one\n2;two, three\n",
    "empty cells": b"id,text\n1,\n2,one two\n,three\n",
    "no end of line": b"id,text\n1,one two\n2,",
    "scripts": "id,text\n1,昨天我去了\n2,مرحبا بالعالم\n3,👩‍👩‍👧 yes\n".encode(),
    "another language": b"nr,notiz,art\n1,ein langer Text,gut\n2,wieder so einer,schlecht\n" * 4,
}  # fmt: skip
UNCLEAR = {
    "a stray quote": (b'id,text\n1,"Quote" he said\n2,two\n', "Line 2 has a quote"),
    "an open quote": (b'id,text\n1,one\n2,"two\n3,three\n', "Line 3 has a quote"),
    "spaces before quotes": (b'id, text\n1, "one, two"\n2, "three"\n', "spaces between “,” and"),
    "single quotes": (b"id,text\n1,'one, two'\n2,'three'\n", "fields are in single quotes"),
    "backslashes": (b"id,text\n1,one\\, two\n2,three\\, four\n3,five\n", "backslashes"),
    "joined lines": (
        b'id,label,text\n1,pos,one\n2,pos,"two\n3,neg,three"\n4,neg,four\n5,pos,six\n',
        "A quote in line 3 joins lines",
    ),
    "a title": (b"My tickets\nid,text\n1,one\n2,two\n", "Its first line has 1 field, most others"),
    "UTF-16 without a mark": ("id,text\n1,one\n".encode("utf-16-le"), "UTF-16 without a byte"),
    "UTF-32": ("id,text\n1,one\n".encode("utf-32"), "is UTF-32: save it as UTF-8"),
}  # fmt: skip


@pytest.fixture(scope="module")
def page(browser, site):
    page = browser.new_page()
    page.goto(site)
    yield page
    page.close()


@pytest.mark.parametrize("name", TABLES)
def test_it_reads_what_score_reads(name, page, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(TABLES[name])
    opened = open_input(path, MODEL, ScoreOptions(batch=1000))
    found = page.evaluate(READ, ["table.csv", list(TABLES[name])])
    reader, column = opened.table.reader, opened.text.number
    texts = [cell for batch in reader.batches() for cell in batch.column(column - 1)]
    assert "refused" not in found, found
    assert (found["header"], found["column"], found["texts"]) == (reader.header, column, texts)


@pytest.mark.parametrize("name", UNCLEAR)
def test_ambiguous_columns_are_refused(name, page):
    content, why = UNCLEAR[name]
    assert why in page.evaluate(READ, ["table.csv", list(content)])["refused"]


def test_rows_that_are_no_records_are_reported(page):
    found = page.evaluate(READ, ["table.csv", list(TABLES["rows of other widths"])])
    assert found["troubles"][1:3] == ["3 fields instead of 2", "1 field instead of 2"]


def test_an_unclear_header_or_text_column_is_reported(page):
    content = b"ja,nein danke\nvielleicht,doch nicht\nwohl,kaum etwas\n"
    found = page.evaluate(READ, ["table.csv", list(content)])
    assert found["remarks"] == [
        "It is unclear whether the first row contains column names; it is read as a text."
    ]
    content = b"a,b\nten words or so,ten other words\nthree more words,and three more\n"
    found = page.evaluate(READ, ["table.csv", list(content)])
    assert (found["column"], found["why"]) == (0, "Several columns could hold the texts.")


def test_an_unknown_encoding_is_asked_for(page):
    content = list("id,text\n1,Dvořák\n".encode("cp1250"))
    assert page.evaluate(READ, ["table.csv", content])["unknown"] == "EncodingUnknown"
    read = READ.replace("name))", "name), { encoding: 'windows-1250' })")
    assert page.evaluate(read, ["table.csv", content])["texts"] == ["Dvořák"]


def test_the_names_are_those_of_the_reader(page):
    names = page.evaluate("import('/page/header.js').then(one => ({ ...one }))")
    for kind in ("TEXT_NAMES", "LABEL_NAMES", "GROUP_NAMES", "SPLIT_NAMES"):
        assert tuple(names[kind]) == getattr(header, kind)


def test_the_encoding_and_the_column_can_be_chosen(page):
    content = "a;b\nzehn Wörter oder so;zehn andere Wörter\ndrei mehr Wörter;und drei mehr\n"
    page.evaluate(
        """bytes => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "old.csv"));
          const drop = new DragEvent("drop", { dataTransfer: transfer });
          document.getElementById("drop").dispatchEvent(drop);
        }""",
        list(content.encode("cp1252")),
    )
    page.wait_for_selector("#encoding")
    assert "not UTF-8" in page.inner_text("#many-status")
    assert page.locator("#go").is_disabled()
    page.select_option("#encoding", "windows-1252")
    page.wait_for_selector(".choosers select")
    assert "Choose the one with the texts" in page.inner_text("#source")
    assert page.locator("#go").is_disabled()
    page.select_option(".choosers select >> nth=0", label="column 2")
    assert re.search("zehn andere Wörter", page.inner_text(".preview"))
    assert page.locator("#go").is_enabled()
