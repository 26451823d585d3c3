"""CSV files as people and programs really write them: stray quotes, other widths, titles."""

import pytest

from wordgate.data import read_table
from wordgate.errors import DataError
from wordgate.tables import open_source, open_table

ROWS = [(f"a {'fine' if i % 2 else 'broken'} lamp {i}", "ok" if i % 2 else "no") for i in range(16)]


def rows(form):
    return "".join(form.format(text=text, label=label) + "\n" for text, label in ROWS)


def account(table):
    reading = table.reading
    return reading.n_read, reading.n_kept, [m.line for m in reading.malformed]


STRAY = [
    ("\t", '"fine then, said the boss', '"call now" to win'),
    ("\t", '"fine then', "call now: the end of what nobody began\""),
    ("\t", '"fine then', '"never closed either'),
    ("|", '"fine then', '"Oh," he said'),
    (";", '"fine then', 'they call it "fine"'),
    (",", '"fine then', 'call now"'),
    (",", '"fine" then', '""what?"'),
]  # fmt: skip


@pytest.mark.parametrize("label_first", [True, False])
@pytest.mark.parametrize(("delimiter", "first", "second"), STRAY)
def test_quotes_that_enclose_no_field_eat_no_line(write, delimiter, first, second, label_first):
    lines = [[text, label] for text, label in ROWS * 2]
    lines[2][0], lines[17][0] = first, second
    cells = [line[::-1] if label_first else line for line in lines]
    table = read_table(write("a.csv", "".join(delimiter.join(line) + "\n" for line in cells)))
    assert table.texts == [text for text, _ in lines]
    assert table.labels == [label for _, label in lines]
    assert table.reading.quoting == "quotes are characters"


def test_a_stray_quote_costs_nothing_where_other_fields_are_quoted(write):
    content = 'text,label\n"well, yes",ok\n' + rows("{text},{label}") + '"a" and "b",no\n'
    table = read_table(write("a.csv", content + '"so, so",ok\n'))
    assert table.texts[-2:] == ['"a" and "b"', "so, so"]
    assert account(table) == (19, 19, [])


def test_a_single_quote_far_down_a_file_of_tabs_costs_nothing(write, monkeypatch):
    monkeypatch.setattr("wordgate.tables.dialect._SAMPLE_CHARACTERS", 200)
    monkeypatch.setattr("wordgate.tables.dialect._QUOTES_CHARACTERS", 400)
    lines = [[text, label] for text, label in ROWS * 4]
    lines[50][0] = '"fine then'
    table = read_table(write("a.csv", "".join("\t".join(line) + "\n" for line in lines)))
    assert table.texts == [text for text, _ in lines]
    assert account(table) == (64, 64, [])


def test_a_text_of_several_lines_that_is_never_closed_is_not_cut(write, monkeypatch):
    monkeypatch.setattr("wordgate.tables.dialect._SAMPLE_CHARACTERS", 200)
    monkeypatch.setattr("wordgate.tables.dialect._QUOTES_CHARACTERS", 400)
    content = "label,text\n" + rows("{label},{text}") * 4 + 'ok,"Dear all\nthis is a long text\nand'
    table = read_table(write("a.csv", content))
    assert account(table) == (67, 64, [66, 67, 68])


def test_a_quote_that_joins_whole_records_is_stray_where_other_fields_are_quoted(write):
    content = 'label,text\nok,"well, yes"\nno,"oh dear\n' + rows("{label},{text}") + 'ok,said"\n'
    table = read_table(write("a.csv", content))
    assert [*table.texts[:2], table.texts[-1]] == ["well, yes", '"oh dear', 'said"']
    assert account(table) == (19, 19, [])


@pytest.mark.parametrize("text", ["Dear all\nYours, Bob", "one\n\ntwo", 'a, b\nok, "yes"\nno, c'])
def test_quoted_texts_of_several_lines_stay_whole(write, text):
    quoted = '"' + text.replace('"', '""') + '"'
    content = "label,text\n" + rows("{label},{text}") + f"ok,{quoted}\n"
    assert read_table(write("a.csv", content)).texts[-1] == text


def test_a_file_that_breaks_off_in_a_quoted_text_gives_no_cut_text(write):
    table = read_table(write("a.csv", "text,label\n" + rows("{text},{label}") + '"I went, no'))
    assert account(table) == (17, 16, [18])
    assert table.reading.malformed[0].why == "a quote is opened and never closed"


@pytest.mark.parametrize(
    ("head", "form", "text"),
    [
        ("label, text", '{label}, "{text}, bought"', "a broken lamp 0, bought"),
        ("label; text", '{label}; "{text}; bought"', "a broken lamp 0; bought"),
        ("label , text", '{label} , "{text}, bought" ', "a broken lamp 0, bought"),
        ("text,label", '"{text} said \\"wow, 1\\"",{label}', 'a broken lamp 0 said "wow, 1"'),
        ("text,label", '"{text} \\"\nand, more",{label}', 'a broken lamp 0 "\nand, more'),
        ("text,label", '"{text} 5\\"",{label}', 'a broken lamp 0 5"'),
        ("text;label", '"C:\\\\d; \\"{text}\\"";{label}', 'C:\\d; "a broken lamp 0"'),
        ("text,label", '"{text} C:\\",{label}', "a broken lamp 0 C:\\"),
        ("text,label", '"{text}",{label},', "a broken lamp 0"),
        ("text;label", "{text};{label};", "a broken lamp 0"),
        ("text,label,", "{text},{label},", "a broken lamp 0"),
        ("text,label,", "{text},{label}", "a broken lamp 0"),
        ("text,label", "{text},{label},,", "a broken lamp 0"),
        ("text,label,,", "{text},{label},,", "a broken lamp 0"),
        ("text;label;;;", "{text};{label}", "a broken lamp 0"),
        ("text,label", "{text}\\, bought,{label}", "a broken lamp 0, bought"),
        ("text\tlabel", "{text}\\\t\\\\n\t{label}", "a broken lamp 0\t\\n"),
        ("'text','label'", "'{text}','{label}'", "a broken lamp 0"),
        ("text,label", "'{text}, so \"he\"',{label}", 'a broken lamp 0, so "he"'),
        ("text;label", "'it''s {text}; so';'{label}'", "it's a broken lamp 0; so"),
        ("text,label", "'it\\'s {text}, so',{label}", "it's a broken lamp 0, so"),
        ("text, label", "'{text}, so', {label}", "a broken lamp 0, so"),
        ("text,label", "'tis {text},{label}", "'tis a broken lamp 0"),
        ("text,label", "{text} at C:\\,{label}", "a broken lamp 0 at C:\\"),
    ],
)
def test_spaces_backslashes_and_last_delimiters_are_understood(write, head, form, text):
    table = read_table(write("a.csv", f"{head}\n{rows(form)}"))
    assert table.texts[0] == text
    assert table.labels == [label for _, label in ROWS]
    assert (table.reading.header, account(table)) == (True, (16, 16, []))


@pytest.mark.parametrize(
    ("cell", "first", "n_read", "malformed"),
    [
        ('"\n\\";x', "a broken lamp 0", 17, [10]),
        ('"ends in \\";ok', "a broken lamp 0", 17, []),
        ('"no \\"end\\" yet";ok', "a broken lamp 0", 17, []),
    ],
)
def test_backslashes_escape_quotes_only_within_quotes(write, cell, first, n_read, malformed):
    lines = rows('{text};"{label}"').splitlines(keepends=True)
    lines.insert(8, f"{cell};x\n" if malformed else f"{cell}\n")
    table = read_table(write("a.csv", "text;label\n" + "".join(lines)))
    assert table.texts[0] == first
    assert (table.reading.n_read, [m.line for m in table.reading.malformed]) == (n_read, malformed)


def test_backslashes_escape_quotes_where_nothing_is_quoted(write):
    table = read_table(write("a.csv", "text,label\n" + rows('\\"{text}\\"\\, I said,{label}')))
    assert table.texts[0] == '"a broken lamp 0", I said'


@pytest.mark.parametrize(
    ("head", "form", "expected"),
    [
        ("text,label", "{text}, yes,{label}", "2 fields (text, label), but most records have 3"),
        ("Satz,Sinn", "{text}, yes,{label}", "2 fields (Satz, Sinn), but most records have 3"),
        ("text\tlabel", "1\t{text}\t{label}", "2 fields (text, label), but most records have 3"),
        ("text,label,x", "{text},{label}", "3 fields (text, label, x), but most records have 2"),
        ("text", "{text}, yes", "1 field (text), but most records have 2"),
    ],
)
def test_a_header_of_another_width_than_the_rows_is_refused(write, head, form, expected, message):
    assert message(write("a.csv", f"{head}\n{rows(form)}"), labelled=False).startswith(
        f"'a.csv', line 1: the header has {expected}: name each column"
    )


@pytest.mark.parametrize("ending", ["", ","])
def test_a_field_behind_an_empty_one_is_no_part_of_a_text(write, ending):
    lines = rows("{text},{label}," + ending) + f"well, yes,ok{ending}\n"
    table = read_table(write("a.csv", "text,label\n" + lines))
    assert account(table) == (17, 16, [18])


@pytest.mark.parametrize(
    ("delimiter", "form", "text"),
    [
        (";", "{text}, bought;{label}", "a broken lamp 0, bought"),
        ("|", "{text}, bought|{label}", "a broken lamp 0, bought"),
        (";", "{text}, bought;7,50;{label}", "a broken lamp 0, bought"),
        (";", "{text};7,50;{label}", "a broken lamp 0"),
        (";", "{text};7,50;8;{label}", "a broken lamp 0"),
        (",", "{text}; bought,{label}", "a broken lamp 0; bought"),
        (",", "{text},7,{label}", "a broken lamp 0"),
    ],
)
def test_punctuation_that_stands_in_each_text_cuts_none(write, delimiter, form, text):
    table = read_table(write("a.csv", rows(form)), text=1, label=form.count(delimiter) + 1)
    assert (table.reading.delimiter, table.texts[0]) == (delimiter, text)
    assert table.labels == [label for _, label in ROWS]


@pytest.mark.parametrize(
    ("head", "again"),
    [
        ("text,label", "text,label"),
        ("text, label", " text,label "),
        ("text,label", "\ufefftext,label"),
        ("text,label", '\ufeff"text","label"'),
        ('"text","label"', "text,label"),
        ("Satz,label", "Satz,label"),
    ],
)
def test_a_header_that_stands_again_is_no_record(write, head, again):
    form = "{text},{label}"
    table = read_table(write("a.csv", f"{head}\n{rows(form)}{again}\n{rows(form)}"))
    assert table.labels == 2 * [label for _, label in ROWS]
    assert account(table) == (33, 32, [18])
    assert table.reading.malformed[0].why == "repeated header"


def test_a_text_like_the_name_of_the_only_column_is_one(write):
    table = read_table(write("a.csv", "text\n" + rows("{text}") + "text\n"), labelled=False)
    assert account(table) == (18, 18, [])


def test_duplicates_of_the_first_record_are_records(write):
    table = read_table(
        write("a.csv", "many thanks,spam\n" * 3 + rows("{text},ham") + "thanks,spam\n")
    )
    assert account(table) == (20, 20, [])


@pytest.mark.parametrize("edge", ["", "|"])
def test_a_table_of_markdown_is_read(write, edge):
    lines = f"{edge} text | label {edge}\n{edge}---|---{edge}\n"
    table = read_table(write("a.md", lines + rows(f"{edge} {{text}} | {{label}} {edge}")))
    assert [text.strip() for text in table.texts] == [text for text, _ in ROWS]
    assert table.labels == [label for _, label in ROWS]
    assert account(table) == (16, 16, [])


@pytest.mark.parametrize("rule", ["----,-----", "======,====", " --- , :---: "])
def test_a_line_of_dashes_below_the_header_is_left_out_and_reported(write, rule):
    table = read_table(write("a.csv", f"text,label\n{rule}\n{rows('{text},{label}')}"))
    assert account(table) == (16, 16, [])
    assert table.reading.header_reason.endswith(f"; left out below it: {rule.strip()!r}")


def test_a_delimiter_that_is_named_and_stands_nowhere_is_not_taken(write):
    table = read_table(write("a.csv", "sep=;\ntext,label\n" + rows("{text},{label}")))
    assert account(table) == (16, 16, [])
    assert table.reading.delimiter == ","


@pytest.mark.parametrize(
    ("before", "head"),
    [
        ("sep=;\n# export 3\n", "text;label"),
        ("sep=;\r\n", "text;label"),
        ('"SEP=;"\n', "text;label"),
        ("\ufeffsep=;\n", "text;label"),
        ("# export 3\n\n", "text;label"),
        ("# exported; by Bob\n", "text;label"),
        ("# export 3\n# by Bob; user\n", "text;label"),
        ("# id; see below\n", "text;label"),
        ("% of the export; 3\n%\n", "text;label"),
        ("// export; 3\n", "text;label"),
        ("# export 3\n", "Satz;Sinn"),
        ("Survey results\n\nof 2026\n", "text;label"),
        ("Survey results;\n;\n", "text;label"),
        ("Results; 2026\n", "text;label"),
        ("".join(f"# line {i}\n" for i in range(15)), "text;label"),
    ],
)
def test_lines_before_the_header_are_left_out_and_reported(write, before, head):
    table = read_table(write("a.csv", f"{before}{head}\n{rows('{text};{label}')}"))
    assert (table.texts, sorted(set(table.labels))) == ([text for text, _ in ROWS], ["no", "ok"])
    assert account(table) == (16, 16, [])
    assert "; left out before it: " in table.reading.header_reason


@pytest.mark.parametrize(
    "first", ["#text,label", "#love this,ok", "# a lamp, no"], ids=["header", "tweet", "comment"]
)
def test_a_hash_begins_a_header_or_a_record_too(write, first):
    table = read_table(write("a.csv", f"{first}\n{rows('{text},{label}')}"), text=1, label=2)
    assert table.reading.n_read == (16 if first == "#text,label" else 17)
    assert "left out" not in table.reading.header_reason


def test_a_named_delimiter_without_a_header_is_no_record(write):
    table = read_table(write("a.csv", "sep=;\n" + rows("{text};{label}")))
    assert (account(table), table.reading.header) == ((16, 16, []), False)


UNUSUAL = "~^:\x01\x1e\x1f#@$&*/\\%¦§，　"


@pytest.mark.parametrize("texts", [("a fine lamp", "a broken lamp"), ("a lamp, fine", "bad, yes")])
@pytest.mark.parametrize("form", ["{0}{2}{1}\n", "{1}{2}{0}\n"])
@pytest.mark.parametrize("delimiter", [*UNUSUAL, "::", "||", "###", "\t\t"])
def test_names_of_a_header_show_an_unusual_delimiter(write, delimiter, form, texts):
    rows = [(f"{texts[i % 2]} {i}", "no" if i % 2 else "ok") for i in range(16)]
    content = "".join(form.format(*row, delimiter) for row in [("text", "label"), *rows])
    table = read_table(write("a.csv", content))
    assert list(zip(table.texts, table.labels, strict=True)) == rows


@pytest.mark.parametrize("delimiter", "~^\x01\x1e\x1f")
def test_a_rare_character_once_in_each_line_separates_fields(write, delimiter):
    rows = [(f"a {'broken' if i % 2 else 'fine'}, {i}", "no" if i % 2 else "ok") for i in range(16)]
    table = read_table(write("a.csv", "".join(f"{b}{delimiter}{a}\n" for a, b in rows)))
    assert list(zip(table.texts, table.labels, strict=True)) == rows


@pytest.mark.parametrize("text", ["note: a lamp", "C:/lamp #1 @me", "good~ {}", "a_b=c & d"])
def test_signs_in_a_single_column_cut_no_text(write, text):
    texts = ["text", *(f"{text.format('~' * (i % 2))} {i}" for i in range(16))]
    table = read_table(write("a.csv", "\n".join(texts)), labelled=False)
    assert table.texts == texts[1:]


@pytest.mark.parametrize(
    "head", ["text         label", "label  text", "text <=> label", "id ~|~ text ~|~ label"]
)
def test_columns_that_no_character_separates_are_refused(write, head):
    lines = [head, *(f"a fine lamp{' very' * (i % 5)} {i}      ok" for i in range(16))]
    with pytest.raises(DataError, match=r"names columns .*sep=~$"):
        read_table(write("a.csv", "\n".join(lines)), labelled=False)


@pytest.mark.parametrize("head", ["text,label", "label,text", "id,text,label"])
def test_columns_whose_texts_have_commas_without_quotes_are_refused(write, head, message):
    lines = [head, *(f"a lamp{', very' * (i % 5)}, {i},ok" for i in range(16))]
    assert message(write("a.csv", "\n".join(lines))) == (
        f"'a.csv' names columns ({head.replace(',', ', ')}), but its lines have different numbers"
        " of fields: put quotes around each cell that contains ','"
    )


@pytest.mark.parametrize("mark", ["//", "#", "%"])
def test_a_first_text_that_looks_like_a_comment_shows_the_delimiter_too(write, mark):
    rows = [f"lamp {i};a;ok;x" if i % 2 else f"lamp {i};a;ok" for i in range(13)]
    lines = [f"{mark};a;no;x", "kettle;a;no;x;y;y;y", *rows]
    table = read_table(write("a.csv", "\n".join(lines)), text=1, label=3)
    assert table.texts[0] == mark
    assert "lamp 1" in table.texts


@pytest.mark.parametrize("first", ["text  text", "text\0text", '"label, label"'])
def test_a_text_that_repeats_the_name_of_a_column_is_no_header(write, first):
    texts = [first, *(f"a fine lamp{' very' * (i % 5)} {i}" for i in range(16))]
    table = read_table(write("a.csv", "\n".join(texts)), labelled=False)
    assert table.texts == [first.strip('"'), *texts[1:]]


def test_a_single_column_says_what_may_separate_labels(write, message):
    path = write("a.csv", "".join(f"a lamp {i}: {i % 2}\n" for i in range(16)))
    assert message(path) == (
        "cannot tell which column of 'a.csv' contains the label: there is only one:\n"
        "  column 1: 16 distinct values, such as 'a lamp 0: 0', 'a lamp 1: 1', 'a lamp 2: 0'\n"
        "Labels need a column of their own: a comma, semicolon, tab or bar separates columns, or"
        " the character that a first line such as sep=~ names."
    )


@pytest.mark.parametrize("blank", ["", "   ", "\u3000"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_lines_of_spaces_hide_no_delimiter(write, delimiter, blank):
    rows = [("text", "label"), *((f"a lamp {i}", "no" if i % 2 else "ok") for i in range(16))]
    content = f"{blank}\n" + "".join(f"{a}{delimiter}{b}\n{blank}\n" for a, b in rows)
    table = read_table(write("a.csv", content))
    assert list(zip(table.texts, table.labels, strict=True)) == rows[1:]
    assert len(table.reading.malformed) == (17 if blank else 0)


@pytest.mark.parametrize("form", ['"{}","{}","{}"\n', "{}\t{}\t{}\n"])
def test_row_numbers_without_a_name_as_r_writes_them_are_a_column(write, form):
    rows = [(f"a lamp, {i}", "no" if i % 2 else "ok") for i in range(16)]
    head = form.replace('"{}",', "", 1).replace("{}\t", "", 1).format("text", "label")
    content = head + "".join(form.format(i, *row) for i, row in enumerate(rows, 1))
    table = read_table(write("a.csv", content))
    assert list(zip(table.texts, table.labels, strict=True)) == rows
    with pytest.raises(DataError, match="the header has 2 fields"):
        read_table(write("b.csv", content.replace("16", "17", 1)))


def test_a_header_alone_is_in_no_quotes(write):
    opened = open_table(open_source(write("a.csv", "text,label\n")))
    assert (opened.form().quoting, opened.reader.names) == ("", ["text", "label"])
