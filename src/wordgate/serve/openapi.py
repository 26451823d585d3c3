"""The OpenAPI 3.1 document: every path, every status, every field."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from wordgate.serve.limits import Limits
from wordgate.serve.model import ModelFacts
from wordgate.serve.responses import CODES

Schema = dict[str, Any]

ALWAYS = (400, 403, 408, 431, 500, 503)
"""What any request may meet: before it is understood, or because of what else goes on."""
WITH_BODY = (413, 415, 422, 504)

_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def document(limits: Limits, *, needs_key: bool, page_files: Sequence[str] = ()) -> Schema:
    """Describe a server.

    Args:
        limits: What a request may have.
        needs_key: Whether the API wants its key.
        page_files: The names of the page's files.
    """
    key: Schema = {"security": [{"key": []}]} if needs_key else {}
    keyed = (401,) if needs_key else ()
    schemes: Schema = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wordgate",
            "version": version("wordgate"),
            "description": "A text classifier: labels, probabilities, and why.",
        },
        "paths": {
            "/v1/predict": {"post": _predict(keyed) | key},
            "/v1/explain": {"post": _explain(keyed) | key},
            "/v1/model": {"get": _model(keyed) | key},
            "/v2/health/live": {"get": _live()},
            "/v2/health/ready": {"get": _ready()},
            "/metrics": {"get": _metrics(keyed) | key},
            "/openapi.json": {"get": _itself()},
            "/": {"get": _page()},
            **({"/page/{file}": {"get": _page_file(page_files)}} if page_files else {}),
        },
        "components": {
            "schemas": _components(limits),
            **({"securitySchemes": schemes} if needs_key else {}),
        },
    }


def _predict(keyed: Iterable[int]) -> Schema:
    return {
        "operationId": "predict",
        "summary": "Label texts.",
        "requestBody": _body("PredictRequest"),
        "responses": _responses("The answers, in the order of the texts.", _ref("Predictions"),
                                (*keyed, *WITH_BODY)),
    }  # fmt: skip


def _explain(keyed: Iterable[int]) -> Schema:
    return {
        "operationId": "explain",
        "summary": "Tell word by word why a text is given its label.",
        "requestBody": _body("ExplainRequest"),
        "responses": _responses("The explanation.", _ref("Explanation"), (*keyed, *WITH_BODY)),
    }


def _model(keyed: Iterable[int]) -> Schema:
    return {
        "operationId": "model",
        "summary": "Tell what the model is and what it is worth.",
        "responses": _responses("The model.", _ref("Model"), keyed),
    }


def _live() -> Schema:
    return {
        "operationId": "live",
        "summary": "Tell whether the server runs.",
        "responses": _responses("It runs.", _object({"live": {"const": True}})),
    }


def _ready() -> Schema:
    responses = _responses("It answers.", _object({"ready": {"const": True}}))
    responses["503"] = {
        "description": "It is about to end, or has too many connections.",
        "content": _json({"oneOf": [_object({"ready": {"const": False}}), _ref("Error503")]}),
    }
    return {
        "operationId": "ready",
        "summary": "Tell whether the server takes requests.",
        "responses": responses,
    }


def _metrics(keyed: Iterable[int]) -> Schema:
    responses = _responses("The metrics.", {}, keyed)
    responses["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": "metrics",
        "summary": "Tell Prometheus what was counted.",
        "responses": responses,
    }


def _itself() -> Schema:
    return {
        "operationId": "openapi",
        "summary": "Give this description.",
        "responses": _responses("The description.", {"type": "object"}),
    }


def _page() -> Schema:
    responses = _responses("The page; 404 where none is installed.", {}, (404,))
    responses["200"]["content"] = {"text/html": {"schema": {"type": "string"}}}
    return {"operationId": "page", "summary": "Give the page for people.", "responses": responses}


def _page_file(names: Sequence[str]) -> Schema:
    responses = _responses("The file.", {}, (404,))
    responses["200"]["content"] = {"*/*": {}}
    schema = {"type": "string", "enum": list(names)}
    return {
        "operationId": "page_file",
        "summary": "Give a file of the page.",
        "parameters": [{"name": "file", "in": "path", "required": True, "schema": schema}],
        "responses": responses,
    }


def _responses(text: str, schema: Schema, more: Iterable[int] = ()) -> Schema:
    """Describe what a request may be answered: 200, and refusals by their status."""
    refusals = {str(status): _refusal(status) for status in sorted({*ALWAYS, *more})}
    return {"200": {"description": text, "content": _json(schema)}, **refusals}


def _refusal(status: int) -> Schema:
    text = " ".join(meaning for one, meaning in CODES.values() if one == status)
    described: Schema = {"description": text, "content": _json(_ref(f"Error{status}"))}
    if status == 503:
        seconds = {"required": True, "schema": {"type": "integer", "minimum": 1}}
        described["headers"] = {"Retry-After": seconds}
    if status == 401:
        described["headers"] = {
            "WWW-Authenticate": {"required": True, "schema": {"type": "string"}}
        }
    return described


def _body(name: str) -> Schema:
    return {"required": True, "content": _json(_ref(name))}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Schema, optional: Iterable[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in set(optional)],
        "additionalProperties": False,
    }


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _by_label(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value, "description": "by label"}


def _components(limits: Limits) -> Schema:
    return {
        "PredictRequest": _predict_request(limits),
        "Predictions": _object({"predictions": _list(_ref("Prediction"), minItems=1)}),
        "Prediction": _object(
            {
                "label": {
                    **_or_null("string"),
                    "description": "null where its probability is below abstain_below",
                },
                "probabilities": _by_label(_SHARE),
            }
        ),
        "ExplainRequest": _object(
            {
                "text": {
                    "type": "string",
                    "maxLength": min(limits.max_text_length, limits.max_explain_length),
                }
            }
        ),
        "Explanation": _explanation(),
        "Word": _word(),
        **_model_schemas(),
        **{f"Error{status}": _error(status) for status in {one for one, _ in CODES.values()}},
    }


def _predict_request(limits: Limits) -> Schema:
    text = {"type": "string", "maxLength": limits.max_text_length}
    fields: Schema = {
        "texts": _list(text, minItems=1, maxItems=limits.max_texts),
        "abstain_below": {
            **_SHARE,
            "default": 0,
            "description": "give no label where its probability is below this",
        },
    }
    return _object(fields, optional=["abstain_below"])


def _explanation() -> Schema:
    return _object(
        {
            "text": {"type": "string"},
            "label": {"type": "string"},
            "probability": _SHARE,
            "probabilities": _by_label(_SHARE),
            "course": {"enum": ["states", "prefixes"]},
            "course_means": {"type": "string"},
            "start": _by_label(_SHARE) | {"description": "by label, before any word"},
            "words": _list(_ref("Word")),
            "remarks": _list({"type": "string"}),
        }
    )


def _word() -> Schema:
    number = {"type": "number"}
    gates = _object({"input": _SHARE, "forget": _SHARE, "output": _SHARE})
    return _object(
        {
            "word": {"type": "string", "description": "as the model reads it"},
            "start": _COUNT | {"description": "offset in the text, in code points"},
            "end": _COUNT | {"description": "offset behind the word"},
            "known": {"type": "boolean"},
            "probabilities": _by_label(_SHARE) | {"description": "by label, up to this word"},
            "effect": number | {"description": "what the verdict loses without the word"},
            "effects": _by_label(number),
            "gates": gates | {"type": ["object", "null"]},
            "memory_change": _or_null("number"),
        }
    )


def _model_schemas() -> Schema:
    """Describe ``/v1/model``, and what it consists of, by the classes that answer it."""
    schema = ModelFacts.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    parts: Schema = schema.pop("$defs")
    return {"Model": schema, **parts}


def _error(status: int) -> Schema:
    codes = [code for code, (one, _) in CODES.items() if one == status]
    return _object({"error": _object({"code": {"enum": codes}, "message": {"type": "string"}})})
