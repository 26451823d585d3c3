"""CSV files and similar ones, as people write them."""

import csv
import gzip

import pytest

from wordgate.data import read_table


def test_quoted_fields_span_lines_and_count_as_one_row(write):
    path = write(
        "a.csv", 'text,label\r\n"first line\r\nsecond, ""quoted""",good\r\nplain words,bad\r\n'
    )
    table = read_table(path)
    assert table.texts == ['first line\r\nsecond, "quoted"', "plain words"]
    assert table.rows == [1, 2]


def test_what_follows_a_nul_in_a_field_is_kept(write):
    path = write("a.csv", "text,label\nbefore\0after it,good\nplain words,bad\n")
    assert read_table(path).texts[0] == "before\0after it"


def test_a_cell_that_looks_like_a_huge_number_stays_text(write):
    path = write("a.csv", "text,label\n4e492493924924,good\nplain words,bad\n")
    assert read_table(path).texts[0] == "4e492493924924"


def test_a_very_long_field_is_read_and_the_csv_limit_put_back(write):
    before = csv.field_size_limit()
    path = write("a.csv", f"text,label\n{'word ' * 100_000},good\nplain words,bad\n")
    assert len(read_table(path).texts[0]) == 500_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("delimiter", "kind"), [(",", "csv"), (";", "csv"), ("\t", "tsv"), ("|", "csv")]
)
def test_the_delimiter_is_found_whatever_the_extension(write, delimiter, kind):
    rows = [["text", "label"], ["so, so", "bad"], ["one; two; three", "good"], ["a b c", "bad"]]
    quoted = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    table = read_table(write("a.dat", quoted))
    assert (table.reading.delimiter, table.reading.format) == (delimiter, kind)
    assert table.texts == ["so, so", "one; two; three", "a b c"]


def test_commas_in_unquoted_texts_of_a_tab_file_cut_nothing(write):
    path = write("a.tsv", "well, yes, fine\tgood\nno, not that\tbad\nok, then\tgood\n")
    assert read_table(path, text=1, label=2).texts == [
        "well, yes, fine",
        "no, not that",
        "ok, then",
    ]


def test_a_tab_beats_a_comma_that_stands_in_every_text(write):
    path = write("SMSSpamCollection", "ham\tyes, ok\nspam\twin, now\nham\twell, no\n")
    assert read_table(path).texts == ["yes, ok", "win, now", "well, no"]


def test_one_column_of_plain_sentences_is_not_cut_at_its_commas(write):
    path = write("a.csv", "text\nhello, you\nplain\nyes, no, maybe\n")
    table = read_table(path, labelled=False)
    assert table.texts == ["hello, you", "plain", "yes, no, maybe"]
    assert table.labels is None
    assert table.reading.delimiter is None


def test_records_of_another_width_are_skipped_and_reported_by_line(write):
    path = write("a.csv", 'text,label\n"two\nlines",good\ntoo,many,cells\nplain words,bad\nalone\n')
    table = read_table(path)
    assert table.texts == ["two\nlines", "plain words"]
    assert table.rows == [1, 3]
    assert (table.reading.n_read, table.reading.n_kept) == (4, 2)
    assert (
        "malformed: 2 skipped (line 4: 3 fields instead of 2; line 6: 1 field instead of 2)"
        in table.reading.lines()
    )


def test_a_quote_left_open_costs_its_line_and_not_the_rest_of_the_file(write):
    path = write("a.csv", 'text,label\nfine so far,good\n"never closed,bad\nplain words,bad\n')
    table = read_table(path)
    assert table.texts == ["fine so far", "plain words"]
    assert table.rows == [1, 3]
    (malformed,) = table.reading.malformed
    assert (malformed.line, malformed.why) == (3, "a quote is opened and never closed")


def test_quotes_left_open_one_after_another_lose_no_record_from_the_count(write):
    path = write("a.csv", 'text,label\na b,good\nc d,bad\n"""\n""\naa","')
    reading = read_table(path, text="text", label="label").reading
    assert (reading.n_read, reading.n_kept) == (5, 2)
    assert [m.line for m in reading.malformed] == [4, 5, 6]


def test_malformed_records_beyond_a_few_are_counted_not_listed(write):
    path = write("a.csv", "text,label\n" + "a b,good\nc d,bad\n" * 10 + "x,y,z\n" * 8)
    line = next(line for line in read_table(path).reading.lines() if line.startswith("malformed"))
    assert line.startswith("malformed: 8 skipped (line 22: 3 fields instead of 2;")
    assert line.endswith("; ...)")
    assert "29% of the records are malformed: check their quotes and fields" in " ".join(
        read_table(path).reading.warnings
    )


def test_gzip_is_known_by_content_not_by_name(write):
    path = write("a.csv", gzip.compress(b"text,label\nI liked it,good\nI left,bad\n"))
    table = read_table(path)
    assert table.texts == ["I liked it", "I left"]
    assert table.reading.lines()[0].startswith("read a.csv: CSV (gzip), valid UTF-8")


def test_blank_lines_are_no_records(write):
    path = write("a.csv", "text,label\n\nI liked it,good\n\n\nI left,bad\n\n")
    assert read_table(path).rows == [1, 2]


def test_columns_asked_for_are_read_where_most_records_are_malformed(write):
    path = write("a.csv", "text,label\nyes,I,said,bad\nno,good\nwell,so,bad\noh dear,bad\n")
    table = read_table(path)
    assert table.texts == ["no", "oh dear"]
    assert len(table.reading.malformed) == 2
