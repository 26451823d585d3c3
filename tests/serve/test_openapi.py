"""The OpenAPI description is exact: real responses of every kind are checked against it."""

import asyncio
import json
import re
from types import SimpleNamespace

import jsonschema
import pytest

import wordgate
from wordgate.serve.access import Access
from wordgate.serve.app import Application
from wordgate.serve.limits import Limits
from wordgate.serve.openapi import document
from wordgate.serve.responses import CODES

LIMITS = Limits(max_texts=3, max_text_length=50, max_explain_length=40)
CONFIG = SimpleNamespace(labels=("bad", "good"), multilabel=False, thresholds=None)
KEY = Access(key=b"k")
AS_JSON = {"content_type": "application/json", "authorization": "Bearer k"}


def schema_of(described, path, method, status, kind="application/json"):
    operation = described["paths"][path][method]
    response = operation["responses"][str(status)]
    return {**response["content"][kind].get("schema", {}), "components": described["components"]}


def check(value, schema):
    jsonschema.Draft202012Validator(schema).validate(value)


@pytest.fixture(scope="module")
def described():
    return document(LIMITS, CONFIG, needs_key=True)


def test_every_schema_is_one_and_every_reference_leads_somewhere(described):
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert references - set(described["components"]["schemas"]) == set()


def test_every_code_has_its_status_described(described):
    for operations in described["paths"].values():
        for operation in operations.values():
            assert {"200", "400", "403", "408", "431", "500", "503"} <= set(operation["responses"])
    predict = described["paths"]["/v1/predict"]["post"]["responses"]
    assert {str(status) for status, _ in CODES.values()} - set(predict) == {"404", "405"}


def test_the_key_is_asked_for_only_where_there_is_one(described):
    open_to_all = document(LIMITS, CONFIG, needs_key=False)
    assert described["paths"]["/v1/model"]["get"]["security"] == [{"key": []}]
    assert "security" not in described["paths"]["/v2/health/live"]["get"]
    assert "securitySchemes" not in open_to_all["components"]
    assert "401" not in open_to_all["paths"]["/v1/predict"]["post"]["responses"]


CALLS = [
    ("POST", "/v1/predict", b'{"texts": ["we love it", "!"]}', AS_JSON, 200),
    ("POST", "/v1/predict", b'{"texts": ["we love it"], "abstain_below": 1}', AS_JSON, 200),
    ("POST", "/v1/predict", b'{"texts": ["we love it"], "threshold": 0.1}', AS_JSON, 200),
    ("POST", "/v1/predict", b"{", AS_JSON, 400),
    ("POST", "/v1/predict", b"{}", {}, 401),
    ("POST", "/v1/predict", b" " * 2000 + b"{}", AS_JSON, 413),
    ("POST", "/v1/predict", b"{}", {**AS_JSON, "content_type": "text/plain"}, 415),
    ("POST", "/v1/predict", b'{"texts": ["a", "b", "c", "d"]}', AS_JSON, 422),
    ("POST", "/v1/explain", b'{"text": "we love it, unheard-of"}', AS_JSON, 200),
    ("POST", "/v1/explain", b'{"text": ""}', AS_JSON, 422),
    ("POST", "/v1/explain", b'{"text": 5}', AS_JSON, 422),
    ("GET", "/v1/model", b"", AS_JSON, 200),
    ("GET", "/v1/model", b"", {}, 401),
    ("GET", "/v2/health/live", b"", {}, 200),
    ("GET", "/v2/health/ready", b"", {}, 200),
    ("GET", "/openapi.json", b"", {}, 200),
    ("GET", "/metrics", b"", {}, 401),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"), CALLS, ids=[f"{c[1]} {c[4]}" for c in CALLS]
)
@pytest.mark.parametrize("family", ["lstm_model", "count_model"])
def test_answers_are_as_described(
    ask, request, described, family, method, path, body, headers, status
):
    model = wordgate.load(request.getfixturevalue(family).folder)

    async def work():
        limits = Limits(max_texts=3, max_text_length=50, max_explain_length=40, max_body_bytes=2000)
        app = Application(model, limits, KEY)
        app.batcher.start()
        try:
            return await ask(app, method, path, body, **headers)
        finally:
            app.batcher.close()

    answered = asyncio.run(work())
    assert answered.status == status
    check(answered.json, schema_of(described, path, method.lower(), status))


def test_requests_are_as_described(described):
    schemas = described["components"]["schemas"]
    check({"texts": ["a", "b" * 50], "abstain_below": 0.5}, schemas["PredictRequest"])
    check({"texts": ["a"], "threshold": 0.5}, schemas["PredictRequest"])
    check({"texts": ["a"], "threshold": {"bad": 0.5}}, schemas["PredictRequest"])
    check({"text": "a" * 40}, schemas["ExplainRequest"])
    for wrong in (
        {}, {"texts": []}, {"texts": [""]}, {"texts": ["a", " \n"]},
        {"texts": ["a"] * 4}, {"texts": ["b" * 51]}, {"texts": ["a"], "x": 1},
        {"texts": ["a"], "abstain_below": 1.1}, {"texts": [None]}, {"texts": ["a"], "threshold": 1},
        {"texts": ["a"], "threshold": {"bad": 0.5, "good": 0.5}},
    ):  # fmt: skip
        with pytest.raises(jsonschema.ValidationError):
            check(wrong, schemas["PredictRequest"])


def test_the_models_card_has_its_honest_score(lstm_model, ask):
    model = wordgate.load(lstm_model.folder)
    metrics = lstm_model.metrics

    async def work():
        return await ask(Application(model, Limits(), Access()), "GET", "/v1/model")

    reported = asyncio.run(work()).json
    assert reported["labels"] == ["bad", "good"]
    assert reported["trained"]["source"] == "reviews.csv"  # and not where it lies on the disk
    assert reported["scores"]["accuracy"] == metrics.accuracy
    assert reported["scores"]["low"] == metrics.intervals.accuracy.low
    assert reported["scores"]["n_test"] == metrics.split.n_test
    assert reported["scores"]["leaked_by_group"] == 0
    assert reported["abstain_coverage"][0] == {
        "threshold": 0.0, "coverage": 1.0, "accuracy": metrics.accuracy,
    }  # fmt: skip
    assert reported["limits"] == {
        "max_texts": 1000, "max_text_length": 10000, "max_explain_length": 2000,
        "max_body_bytes": 8388608,
    }  # fmt: skip
