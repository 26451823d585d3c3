"""Several labels per text, and thresholds, over HTTP."""

import asyncio
import json

import jsonschema
import pytest

import wordgate

pytest.importorskip("uvicorn", reason="needs the extra 'serve'")

from wordgate.serve.access import Access
from wordgate.serve.app import Application
from wordgate.serve.limits import Limits

TEXTS = ["cheap and fast", "a lamp"]


@pytest.fixture(scope="module")
def model(topics_model):
    return wordgate.load(topics_model)


@pytest.fixture
def served(ask, model):
    """Ask a server of a model."""

    def get(method, path, body=None, predictor=model):
        async def work():
            app = Application(predictor, Limits(), Access())
            app.batcher.start()
            try:
                return await ask(app, method, path, json_body=body)
            finally:
                app.batcher.close()

        return asyncio.run(work())

    return get


def test_a_prediction_holds_labels(served, model):
    rows = model.predict_proba(TEXTS).tolist()
    response = served("POST", "/v1/predict", {"texts": TEXTS}).json["predictions"]
    assert response == [
        {"labels": labels, "probabilities": dict(zip(model.labels, row, strict=True))}
        for labels, row in zip((["price", "speed"], []), rows, strict=True)
    ]


def test_a_request_may_have_thresholds(served, model):
    for threshold in (0.999, 1e-9, {"price": 0.999}):
        body = {"texts": TEXTS, "threshold": threshold}
        response = served("POST", "/v1/predict", body).json["predictions"]
        assert [one["labels"] for one in response] == model.predict(TEXTS, threshold=threshold)


def test_of_two_labels_the_second_is_given_from_the_threshold_on(served, count_model):
    one = wordgate.load(count_model.folder)
    body = {"texts": ["We hate it"], "threshold": one.predict_proba("We hate it")[0, 1] / 2}
    response = served("POST", "/v1/predict", body, predictor=one).json["predictions"]
    assert one.predict("We hate it") == ["bad"]
    assert response[0]["label"] == "good"


@pytest.mark.parametrize(
    ("path", "field", "value", "message"),
    [
        (
            "predict",
            "threshold",
            "high",
            "'threshold' is a string; it must be a number, or an obje",
        ),
        (
            "predict",
            "threshold",
            None,
            "'threshold' is null; it must be a number, or an object wit",
        ),
        ("predict", "threshold", 1, "threshold is 1; it must be a probability above 0 and below 1"),
        (
            "predict",
            "threshold",
            {"price": True},
            "the threshold of 'price' is True; it must be a ",
        ),
        (
            "predict",
            "threshold",
            {"\ud800": 0.5},
            "threshold names '\\ud800', and the model's labe",
        ),
        (
            "predict",
            "abstain_below",
            0.5,
            "abstain_below applies only to models of one label per text,",
        ),
        ("explain", "label", 1, "'label' is a number; it must be a string"),
        ("explain", "label", None, "'label' is null; it must be a string"),
        (
            "explain",
            "label",
            "sped",
            "label is 'sped', and the model's labels are ['price', 'quali",
        ),
    ],
)
def test_options_without_effect_are_refused(served, path, field, value, message):
    text = {"texts": ["cheap"]} if path == "predict" else {"text": "cheap"}
    response = served("POST", f"/v1/{path}", {**text, field: value})
    assert (response.status, response.code) == (422, "invalid_request")
    assert response.json["error"]["message"].startswith(message)


def test_a_model_of_one_label_has_none_to_choose_for_an_explanation(served, count_model):
    body = {"text": "We love it", "label": "good"}
    response = served("POST", "/v1/explain", body, predictor=wordgate.load(count_model.folder))
    assert response.status == 422
    assert response.json["error"]["message"].startswith("label applies only to multi-label models")


def test_a_label_is_explained(served, model):
    for label in (None, "quality"):
        body = {"text": TEXTS[0], **({} if label is None else {"label": label})}
        response = served("POST", "/v1/explain", body).json
        expected = model.explain(TEXTS[0], label=label).to_json()
        assert response == json.loads(json.dumps(expected))


def test_the_model_has_its_thresholds(served):
    response = served("GET", "/v1/model").json
    assert response["multilabel"] is True
    assert response["thresholds"] == {"price": 0.4, "quality": 0.4, "speed": 0.4}
    assert response["label_separator"] == ";"


def test_answers_are_as_described(served):
    described = served("GET", "/openapi.json").json

    def check(value, name):
        schema = {**described["components"]["schemas"][name], "components": described["components"]}
        jsonschema.Draft202012Validator(schema).validate(value)

    requests = (
        ("predict", "PredictRequest", "Predictions", {"texts": TEXTS}),
        ("predict", "PredictRequest", "Predictions", {"texts": TEXTS, "threshold": {"speed": 0.9}}),
        ("explain", "ExplainRequest", "Explanation", {"text": TEXTS[0]}),
        ("explain", "ExplainRequest", "Explanation", {"text": TEXTS[0], "label": "speed"}),
    )
    for path, asked, answered, body in requests:
        check(body, asked)
        check(served("POST", f"/v1/{path}", body).json, answered)
    check(served("GET", "/v1/model").json, "Model")
    for wrong in (
        {"texts": TEXTS, "abstain_below": 0.5},
        {"texts": TEXTS, "threshold": {"x": 0.5}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            check(wrong, "PredictRequest")
