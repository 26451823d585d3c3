"""Values of any type are the same when they are read back, or refused."""

import csv
import gzip
import json
import math
import re
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import wordgate
from wordgate.errors import DataError
from wordgate.runtime.progress import Silent
from wordgate.scoring import scoring

ZONES = [None, "UTC", "Europe/Berlin", "America/St_Johns", "+05:30"]
INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64()]
FLOATS = {16: pa.float16(), 32: pa.float32(), 64: pa.float64()}
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["", " ", "NaN", "null", '"', "a,b", "1.0"]))
TEXT = "We love it"


def bounded(kind):
    limits = np.iinfo(kind.to_pandas_dtype())
    edges = st.sampled_from([limits.min, limits.max, 0])
    return st.tuples(st.just(kind), edges | st.integers(limits.min, limits.max))


def counted(kinds, most):
    """Types that count something from a beginning on, and counts as far as five-digit years."""
    return kinds.flatmap(lambda kind: st.tuples(st.just(kind), st.integers(-most, most)))


UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SCALARS = st.one_of(
    st.tuples(st.sampled_from([pa.string(), pa.large_string()]), TEXTS),
    st.tuples(st.sampled_from([pa.binary(), pa.large_binary()]), TEXTS.map(str.encode)),
    st.tuples(st.just(pa.bool_()), st.booleans()),
    st.sampled_from(INTEGERS).flatmap(bounded),
    *(
        st.tuples(st.just(kind), st.floats(width=width) | st.sampled_from([0.5, math.nan]))
        for width, kind in FLOATS.items()
    ),
    st.tuples(
        st.just(pa.decimal128(30, 8)),
        st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20),
                    max_value=10**20),
    ),
    st.tuples(st.just(pa.date32()), st.dates()),
    counted(st.sampled_from([*map(pa.duration, UNITS)]), 2**62),
    st.sampled_from([*UNITS]).flatmap(
        lambda unit: st.tuples(
            st.sampled_from([pa.timestamp(unit, zone) for zone in ZONES]),
            st.integers(-(10**9) * 9 * UNITS[unit], 10**9 * 9 * UNITS[unit]),
        )
    ),
    st.tuples(st.sampled_from([pa.time64("ns"), pa.time64("us")]), st.integers(0, 86_399_999_999)),
    st.tuples(st.just(pa.null()), st.none()),
)  # fmt: skip
NAMES = st.text("abc .\"'é", max_size=3)


def nested(inner):
    a_list = inner.map(lambda one: (pa.list_(one[0]), [one[1], None]))
    pair = inner.map(lambda one: (pa.list_(one[0], 2), [None, one[1]]))
    an_object = st.tuples(inner, inner).map(
        lambda two: (pa.struct([("x", two[0][0]), ("y z", two[1][0])]),
                     {"x": two[0][1], "y z": two[1][1]})
    )  # fmt: skip
    a_map = st.tuples(TEXTS, inner).map(
        lambda two: (pa.map_(pa.string(), two[1][0]), [(two[0], two[1][1]), (two[0], None)])
    )
    return st.one_of(a_list, pair, an_object, a_map)


@st.composite
def columns(draw):
    """An array of three values, the last of which is null."""
    kind, value = draw(st.recursive(SCALARS, nested, max_leaves=4))
    array = pa.array([value, value, None], kind)
    is_flat = pa.types.is_string(kind) or pa.types.is_int64(kind) or pa.types.is_binary(kind)
    return array.dictionary_encode() if is_flat and draw(st.booleans()) else array


def plain(value):
    """Write an Arrow scalar so that equal values, NaN and nanoseconds included, are equal."""
    kind = value.type
    if not value.is_valid:
        return None
    if pa.types.is_dictionary(kind):
        return plain(value.value)
    if pa.types.is_struct(kind):
        return {field.name: plain(value[field.name]) for field in kind}
    if pa.types.is_map(kind):
        return [[plain(item) for item in pair.values()] for pair in value.values]
    if pa.types.is_nested(kind):
        return [plain(item) for item in value.values]
    if pa.types.is_floating(kind):
        return str(value.as_py()) if math.isnan(value.as_py()) else float(value.as_py())
    return value.value if pa.types.is_temporal(kind) else value.as_py()


def read_back(written, kind):  # noqa: C901 - a line a type
    """Read what stands in JSON or, as text, in a cell, in the type that the rule says it had."""
    types = pa.types
    if written is None:
        return None
    if types.is_dictionary(kind):
        return read_back(written, kind.value_type)
    if types.is_nested(kind):
        found = json.loads(written) if isinstance(written, str) else written
        if types.is_struct(kind):
            return {field.name: read_back(found[field.name], field.type) for field in kind}
        if types.is_map(kind):
            pair = (kind.key_type, kind.item_type)
            return [[read_back(*each) for each in zip(one, pair, strict=True)] for one in found]
        return [read_back(item, kind.value_type) for item in found]
    if types.is_boolean(kind):
        return {"true": True, "false": False}[str(written).lower()]
    if types.is_integer(kind):
        return int(written)
    if types.is_floating(kind):
        number = kind.to_pandas_dtype()(written)
        return str(float(number)) if np.isnan(number) else float(number)
    if types.is_decimal(kind):
        return Decimal(written)
    if types.is_duration(kind):
        count, unit = written.split()
        assert unit == kind.unit
        return int(count)
    if types.is_date(kind):
        return (date.fromisoformat(written) - date(1970, 1, 1)).days
    if types.is_time(kind):
        return pa.scalar(f"1970-01-01 {written}").cast(pa.timestamp(kind.unit)).value
    if types.is_timestamp(kind):
        return read_moment(written, kind)
    return written if "string" in str(kind) else written.encode()


def read_moment(written, kind):
    local, sign, hours, minutes, _, seconds = re.fullmatch(
        r"(.*?)(?:([+-])(\d\d):(\d\d)(:(\d\d))?)?", written
    ).groups()
    assert (sign is None) == (kind.tz is None)
    ahead = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    count = pa.scalar(local.replace("T", " ")).cast(pa.timestamp(kind.unit)).value
    return count - (-1 if sign == "-" else 1) * ahead * UNITS[kind.unit]


def written_values(file, width):
    """Give the values of each of the first columns of a result, None for null."""
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    if ".jsonl" in file.name:
        rows = [list(json.loads(line).values())[:width] for line in raw.decode().split("\n")[:-1]]
        return [list(column) for column in zip(*rows, strict=True)]
    delimiter = "\t" if ".tsv" in file.name else ","
    header = next(csv.reader(raw.decode().split("\n"), delimiter=delimiter))
    names = [str(number) for number in range(len(header))]
    table = pyarrow.csv.read_csv(
        pa.py_buffer(raw),
        read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=1),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip
    return [table[name].to_pylist() for name in names[:width]]


@pytest.fixture
def loaded_once(count_model, monkeypatch):
    """The model, which many scorings load but once."""
    predictor = scoring.load_with_progress(count_model.folder, None)
    monkeypatch.setattr(scoring, "load_with_progress", lambda *_, **__: predictor)
    return count_model


def read_parquet(file):
    """Read a file whose names may stand twice."""
    return parquet.ParquetFile(file).read()


def score_quietly(model, source, out):
    return wordgate.score(model.folder, source, out, text="text", overwrite=True, progress=Silent())


@pytest.mark.parametrize("out", ["o.parquet", "o.csv", "o.tsv", "o.jsonl", "o.csv.gz"])
@given(drawn=st.lists(st.tuples(columns(), NAMES), min_size=1, max_size=12))
@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_values_of_any_type_come_out_as_they_went_in(tmp_path, loaded_once, out, drawn):
    arrays, names = zip((pa.array([TEXT] * 3), "text"), *drawn, strict=True)
    width = len(names)
    parquet.write_table(pa.table(list(arrays), names=list(names)), tmp_path / "in.parquet")
    table = read_parquet(tmp_path / "in.parquet")
    score_quietly(loaded_once, tmp_path / "in.parquet", tmp_path / out)
    expected = [[plain(value) for value in column] for column in table.columns]
    if out == "o.parquet":
        found = read_parquet(tmp_path / out)
        assert found.schema.names[:width] == list(names)
        assert [field.type for field in found.schema][:width] == [f.type for f in table.schema]
        assert [[plain(value) for value in column] for column in found.columns[:width]] == expected
        return
    written = zip(written_values(tmp_path / out, width), table.schema.types, strict=True)
    assert [[read_back(one, kind) for one in column] for column, kind in written] == expected


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (pa.array([b"\xff\x00"]), "of type binary, and contains bytes that are not UTF-8"),
        (pa.array([b"\xff\x00"], pa.binary(2)), "of type fixed_size_binary"),
        (pa.array([b"\xff"]).dictionary_encode(), "of type dictionary"),
        (pa.array([[b"\xff"]]), "of type list<"),
        (pa.array([{"a": [{"b": b"\xff"}]}]), "of type struct<"),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_what_text_cannot_hold_is_refused_by_name_before_the_work(
    tmp_path, loaded_once, column, why, form
):
    names = ["odd", "text", "odd"] if form == "tsv" else ["id", "text", "odd"]
    table = pa.table(
        [pa.array([1] * 3), pa.array([TEXT] * 3), pa.concat_arrays([column] * 3)], names
    )
    parquet.write_table(table, tmp_path / "in.parquet", row_group_size=1)
    out = tmp_path / f"o.{form}"
    with pytest.raises(DataError) as refused:
        score_quietly(loaded_once, tmp_path / "in.parquet", out)
    assert str(refused.value).startswith(f"column 3 'odd' of '{tmp_path}/in.parquet' is ")
    assert why in str(refused.value)
    assert [file.name for file in tmp_path.iterdir()] == ["in.parquet"]
    score_quietly(loaded_once, tmp_path / "in.parquet", tmp_path / "o.parquet")
    assert read_parquet(tmp_path / "o.parquet").column(2).to_pylist() == 3 * column.to_pylist()


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("12345678901234567890.12345678901234567890", None),
        ("1e400", None),
        ("-0", None),
        ("1.0e2", None),
        ("true", None),
        ("[1.10, {\"a\" :null}]", None),
        ('"\\u00e9 \\" \\n"', 'é " \n'),
        ('""', ""),
        ('"1.0"', "1.0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("out", ["o.csv", "o.tsv", "o.parquet"])
def test_values_of_json_lines_stay_as_they_stood(tmp_path, loaded_once, value, cell, out):
    lines = [f'{{"text": "{TEXT}",  "odd" : {value} , "n": {odd}}}\n' for odd in ("null", '"x"')]
    (tmp_path / "in.jsonl").write_text("".join([*lines, f'{{"n": 3, "text": "{TEXT}"}}\n']))
    score_quietly(loaded_once, tmp_path / "in.jsonl", tmp_path / out)
    if out == "o.parquet":
        table = read_parquet(tmp_path / out)
        found = [table["odd"].to_pylist(), table["n"].to_pylist()]
    else:
        found = written_values(tmp_path / out, 3)[1:]
    wanted = value if cell is None else cell
    assert found == [[wanted, wanted, None], [None, "x", "3"]]


def test_cells_of_a_csv_file_are_the_same_in_every_format(tmp_path, loaded_once):
    cells = ["", " a ", "0.10", "007", "NaN", "null", 'say "hi"', "a\tb", "a\r\nb", "9" * 30, "=1"]
    rows = "".join(f'"{TEXT}","{cell.replace(chr(34), 2 * chr(34))}"\n' for cell in cells)
    (tmp_path / "in.csv").write_bytes(f"text,odd\n{rows}".encode())
    for out in ("o.tsv", "o.jsonl", "o.parquet", "o.csv.gz"):
        score_quietly(loaded_once, tmp_path / "in.csv", tmp_path / out)
        if out == "o.parquet":
            found = read_parquet(tmp_path / out)["odd"].to_pylist()
        else:
            found = [cell or "" for cell in written_values(tmp_path / out, 2)[1]]
        assert found == cells


def test_added_columns_never_take_a_name_that_a_column_gets(tmp_path, loaded_once):
    header = "text,probability_good,probability_good,,label,column_4"
    (tmp_path / "in.csv").write_text(f"{header}\n" + f"{TEXT},1,2,3,4,5\n" * 3)
    for out in ("o.jsonl", "o.parquet"):
        scored = score_quietly(loaded_once, tmp_path / "in.csv", tmp_path / out)
        if out == "o.parquet":
            names = parquet.read_schema(tmp_path / out).names
        else:
            names = list(json.loads((tmp_path / out).read_text().split("\n")[0]))
        assert names[:6] == [
            "text", "probability_good", "probability_good_2", "column_4", "label", "column_4_2"
        ]  # fmt: skip
        assert names[6:] == scored.added
        assert len(set(names)) == len(names)
