"""Spark on two threads of this machine gives what `score` gives."""

import os
import shutil
import sys

import pytest

import wordgate
from wordgate.errors import DataError, SettingsError
from wordgate.runtime.progress import Silent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("pyspark"),
    pytest.mark.skipif(
        shutil.which("java") is None and "JAVA_HOME" not in os.environ, reason="needs Java"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark"),
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"),
]

ROWS = [
    (9007199254740993, "r1", "We love this lamp"),  # pandas would make ..992 of it, beside a null
    (None, "r2", None),
    (3, "r3", " \u200b"),
    (4, "r4", 'They "hate", and regret,\nthis kettle'),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    place, before = tmp_path_factory.mktemp("spark"), os.environ.get("PYSPARK_PYTHON")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(place),
        "spark.sql.warehouse.dir": str(place / "warehouse"),
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2",
    }
    session = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
    yield session
    session.stop()
    os.environ.pop("PYSPARK_PYTHON")
    if before is not None:
        os.environ["PYSPARK_PYTHON"] = before


@pytest.fixture(scope="module")
def df(spark):
    return spark.createDataFrame(ROWS, "id long, label string, text string").repartition(6)


@pytest.fixture(scope="module")
def expected(count_model, tmp_path_factory):
    """Score the same rows in a Parquet file, and give them by the column `label`, their key."""
    import pyarrow as pa
    from pyarrow import parquet

    place = tmp_path_factory.mktemp("expected")
    names = ("id", "label", "text")
    columns = dict(zip(names, map(list, zip(*ROWS, strict=True)), strict=True))
    parquet.write_table(pa.table(columns), place / "in.parquet")
    wordgate.score(
        count_model.folder, place / "in.parquet", place / "out.parquet", progress=Silent()
    )
    return parquet.read_table(place / "out.parquet").to_pylist()


def by_key(rows):
    return sorted((row.asDict() for row in rows), key=lambda row: row["label"])


def test_rows_are_scored_as_in_a_file(df, count_model, expected):
    scored = wordgate.spark.score(df, count_model.folder, "text", probabilities=True)
    assert df.rdd.getNumPartitions() > len(ROWS)  # so that some are empty
    assert by_key(scored.collect()) == expected


def test_map_in_pandas_is_given_the_same_function(df, count_model, expected):
    function = wordgate.spark.scorer(count_model.folder, text="text")
    texts = df.drop("id")
    schema = wordgate.spark.schema(texts.schema, count_model.folder)
    assert schema.names == ["label", "text", "predicted_label", "probability", "error"]
    rows = by_key(texts.mapInPandas(function, schema).collect())
    assert rows == [{name: row[name] for name in schema.names} for row in expected]


def test_a_column_is_scored_by_a_udf(df, count_model, expected):
    predict = wordgate.spark.udf(count_model.folder)
    rows = df.select("label", predict("text").alias("found")).collect()
    found = {row["label"]: row["found"].asDict() for row in rows}
    assert found == {
        row["label"]: {
            "label": row["predicted_label"], "probability": row["probability"],
            "error": row["error"],
        }
        for row in expected
    }  # fmt: skip


def test_several_labels_are_a_list(df, count_model, as_multilabel):
    model = as_multilabel(count_model.folder)
    scored = wordgate.spark.score(df, model, "text")
    predict = wordgate.load(model).predict
    for row in scored.collect():
        assert row["labels"] == (None if row["error"] else predict(row["text"])[0])


def test_workers_take_the_model_from_the_files_that_spark_sends(
    spark, df, count_model, expected, tmp_path
):
    here, sent = tmp_path / "sent-model", tmp_path / "sent" / "sent-model"
    shutil.copytree(count_model.folder, here)
    shutil.copytree(count_model.folder, sent)
    spark.sparkContext.addFile(str(sent), recursive=True)
    scored = wordgate.spark.score(df, here, "text", probabilities=True)
    shutil.rmtree(here)
    assert by_key(scored.collect()) == expected


def test_a_model_that_no_worker_has_is_reported(spark, df, count_model, tmp_path):
    shutil.copytree(count_model.folder, tmp_path / "lost-model")
    scored = wordgate.spark.score(df, tmp_path / "lost-model", "text")
    shutil.rmtree(tmp_path / "lost-model")
    with pytest.raises(Exception, match=r"no model at .*lost-model on this worker: use a folder"):
        scored.collect()


def test_a_worker_loads_the_model_once_and_no_torch(spark, count_model):
    function = wordgate.spark.scorer(count_model.folder, text="text")

    def watched(batches):
        for batch in function(batches):
            from wordgate.scoring import frames

            batch["error"] = f"{'torch' in sys.modules} {frames._load.cache_info().misses}"
            yield batch

    texts = spark.createDataFrame([("a text",)] * 8, "text string").repartition(1)
    schema = wordgate.spark.schema(texts.schema, count_model.folder)
    assert {row["error"] for row in texts.mapInPandas(watched, schema).collect()} == {"False 1"}


def test_invalid_options_are_refused_before_any_task(df, count_model):
    with pytest.raises(DataError, match=r"^no column 'txt'; did you mean 'text'\?$"):
        wordgate.spark.score(df, count_model.folder, "txt")
    with pytest.raises(SettingsError, match=r"^top is 3;"):
        wordgate.spark.scorer(count_model.folder, top=3)
