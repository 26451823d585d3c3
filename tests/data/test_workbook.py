"""Workbooks of Excel and LibreOffice, of which one sheet is read."""

import datetime
import zipfile

import pytest

from wordgate.data import read_table
from wordgate.errors import MissingExtraError
from wordgate.tables import open_source, open_table, source
from wordgate.tables.workbook import cell_text

openpyxl = pytest.importorskip("openpyxl", reason="needs openpyxl")
pytestmark = pytest.mark.needs("python_calamine")

HEAD = ["id", "text", "label"]
ROWS = [[1, "We love it", "good"], [2.0, "We hate it", "bad"], [3, "We love this lamp", "good"]]


@pytest.fixture
def workbook(tmp_path, monkeypatch):
    """Write a workbook of sheets, given by their names as rows, and give its name."""
    monkeypatch.chdir(tmp_path)

    def write(name="book.xlsx", **sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
            if title == "Hidden":
                sheet.sheet_state = "hidden"
        book.save(tmp_path / name)
        return name

    return write


def test_a_sheet_is_read_as_a_csv_file_of_its_cells_is(workbook, tmp_path):
    table = read_table(workbook(Data=[HEAD, *ROWS]))
    lines = "id,text,label\n1,We love it,good\n2,We hate it,bad\n3,We love this lamp,good\n"
    (tmp_path / "a.csv").write_text(lines)
    csv = read_table("a.csv")
    assert (table.texts, table.labels, table.rows) == (csv.texts, csv.labels, csv.rows)
    assert table.reading.columns == csv.reading.columns
    assert table.reading.format == "xlsx"
    assert table.reading.lines()[0] == "read book.xlsx: XLSX"


def test_a_title_and_rows_without_cells_are_passed_over(workbook):
    rows = [["Reviews of May"], [], HEAD, ROWS[0], [None, "", "  "], ROWS[1], ["4", "x", None]]
    opened = open_table(open_source(workbook(Data=rows), workbooks=True), given=("text",))
    [batch] = opened.reader.batches()
    assert opened.reader.names == HEAD
    assert list(batch.lines) == [4, 6, 7]  # the numbers that the program shows
    assert batch.records[-1] == ["4", "x", ""]
    assert opened.reader.header_reason.endswith("; rows left out before it: 1")


def test_a_sheet_without_a_header_has_none(workbook):
    table = read_table(workbook(Data=ROWS * 3), text=2, label=3)
    assert (len(table), table.reading.header) == (9, False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (0.1, "0.1"), (-2.5e-7, "-2.5e-07"), (1234567890123.0, "1234567890123"),
        (True, "true"), ("007", "007"), ("", ""), (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.datetime(2024, 1, 2, 3, 4, 5), "2024-01-02 03:04:05"),
        (datetime.time(3, 4), "03:04:00"), (datetime.timedelta(hours=30), "30:00:00"),
    ],
)  # fmt: skip
def test_cells_are_written_as_they_are_read(workbook, value, text):
    assert cell_text(value) == text
    opened = open_table(open_source(workbook(Data=[["id", "text"], [value, "x"]]), workbooks=True))
    assert next(opened.reader.batches()).records == [[text, "x"]]


def test_a_sheet_of_one_column_gets_no_advice_on_delimiters(workbook, message):
    rows = [["text"], *([f"a lamp {i}"] for i in range(4))]
    assert message(workbook(Data=rows)).endswith("\nLabels need a column of their own.")


def test_cells_merged_over_rows_have_their_value_in_each(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Lamps of May"])
    book.active.append(["label", "text"])
    for i in range(8):
        book.active.append([(None if i % 4 else ("ok", "no")[i // 4]), f"a lamp {i}"])
    for cells in ("A1:B1", "A3:A6", "A7:A10", "D1:E9", "A90:B99"):  # the last two are empty
        book.active.merge_cells(cells)
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert table.labels == ["ok"] * 4 + ["no"] * 4
    reported = table.reading.lines()[0]
    assert reported.endswith("a.xlsx: XLSX, 2 cells merged across rows, repeated in each row")


def test_a_question_about_columns_names_the_sheet(workbook, message):
    name = workbook(Notes=[["Read me"]], Data=[HEAD, *ROWS])
    assert message(name).startswith(
        "cannot tell which column of 'book.xlsx' (sheet 'Notes', the first of 2 with values: for"
        " another, give its name, as in 'book.xlsx#Data') contains the label"
    )


def test_the_first_sheet_with_cells_is_read_and_reported(workbook, message):
    name = workbook(Hidden=[["no"]], Empty=[], First=[HEAD, *ROWS], Second=[HEAD, *ROWS[:2]])
    reading = read_table(name).reading
    assert reading.unusual_lines()[0] == (
        "read book.xlsx: XLSX, sheet 'First', the first of 2 with values: for another, give its"
        " name, as in 'book.xlsx#Second'"
    )
    assert len(read_table("book.xlsx#Second")) == 2
    assert message("book.xlsx#Secnd") == (
        "'book.xlsx' has no sheet 'Secnd'; did you mean 'Second'?"
    )
    assert message("book.xlsx#Empty") == (
        "'book.xlsx' has no cells with a value in the sheet 'Empty'"
    )


def test_anything_but_a_workbook_is_refused(
    workbook, tmp_path, hide_packages, monkeypatch, message
):
    name = workbook(Data=[HEAD, *ROWS])
    whole = (tmp_path / name).read_bytes()
    (tmp_path / "cut.xlsx").write_bytes(whole[: len(whole) // 2])
    assert message("cut.xlsx") == "'cut.xlsx' is a zip archive: unpack it"
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0 and so on")
    assert message("old.xls").startswith("'old.xls' cannot be read as a workbook (")
    assert message(name, encoding="utf-8") == "an encoding has no effect on 'book.xlsx', a workbook"
    assert message("none.xlsx#Data") == "no file 'none.xlsx#Data'"
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(10**6))
    monkeypatch.setattr(source, "UNPACKED_AT_LEAST", 1000)
    assert "may be a decompression bomb" in message("bomb.xlsx")
    hide_packages("python_calamine")
    with pytest.raises(MissingExtraError, match=r"^reading the workbook 'book\.xlsx' needs the"):
        read_table(name)


def test_libreoffice_is_read_too(tmp_path):
    cells = [HEAD, *ROWS]
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
            if isinstance(cell, int | float)
            else '<table:table-cell office:value-type="string">'
            f"<text:p>{cell}</text:p></table:table-cell>"
            for cell in row
        )
        + "</table:table-row>"
        for row in cells
    )
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f"<?xml version='1.0'?><office:document-content{names}><office:body><office:spreadsheet>"
        f'<table:table table:name="A">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content)
    table = read_table(tmp_path / "a.ods")
    assert (table.texts, table.reading.format) == ([row[1] for row in ROWS], "ods")
