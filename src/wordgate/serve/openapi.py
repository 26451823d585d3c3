"""The OpenAPI 3.1 document: every path, every status, every field."""

from collections.abc import Iterable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from wordgate.bundle.config import Config
from wordgate.prediction.explanation import Explanation, LabelExplanation
from wordgate.serve.limits import Limits
from wordgate.serve.model import LabelsPredictions, ModelFacts, Predictions
from wordgate.serve.responses import CODES

Schema = dict[str, Any]

ALWAYS = (400, 403, 408, 431, 500, 503)
"""Status codes that any request can get, regardless of its path."""
WITH_BODY = (413, 415, 422, 504)
_HEADERS = {
    401: ("WWW-Authenticate", {"type": "string"}),
    503: ("Retry-After", {"type": "integer", "minimum": 1}),
}


def document(
    limits: Limits, config: Config, *, needs_key: bool, page_files: Sequence[str] = ()
) -> Schema:
    """Describe the API of a model's server, and the files of its page."""
    components: Schema = {"schemas": _components(limits, config)}
    if needs_key:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wordgate",
            "version": version("wordgate"),
            "description": "A text classifier: labels, probabilities and explanations.",
        },
        "paths": {**_api(needs_key=needs_key), **_open_paths(page_files)},
        "components": components,
    }


def _api(*, needs_key: bool) -> Schema:
    """Describe the paths that require the key, if there is one."""
    operation = partial(_operation, locked=needs_key)
    predict = operation("predict", "Predict the labels of texts.",
                        "The predictions, in the order of the texts.", _ref("Predictions"),
                        body="PredictRequest")  # fmt: skip
    explain = operation("explain", "Explain a prediction word by word.", "The explanation.",
                        _ref("Explanation"), body="ExplainRequest")  # fmt: skip
    model = operation("model", "Describe the model and its scores.", "The model.",
                      _ref("Model"))  # fmt: skip
    metrics = operation("metrics", "Metrics for Prometheus.", "The metrics.",
                        {"type": "string"}, kind="text/plain")  # fmt: skip
    return {
        "/v1/predict": {"post": predict},
        "/v1/explain": {"post": explain},
        "/v1/model": {"get": model},
        "/metrics": {"get": metrics},
    }


def _open_paths(page_files: Sequence[str]) -> Schema:
    """Describe the paths that require no key: health, this description, the page."""
    live = _operation("live", "Liveness check.", "It runs.",
                      _object(live={"const": True}))  # fmt: skip
    ready = _operation("ready", "Readiness check.", "The server is running.",
                       _object(ready={"const": True}))  # fmt: skip
    ready["responses"]["503"] = {
        "description": "The server is shutting down, or has too many connections.",
        "content": _content({"oneOf": [_object(ready={"const": False}), _ref("Error503")]}),
    }
    described = _operation("openapi", "This description.", "The description.",
                           {"type": "object"})  # fmt: skip
    page = _operation("page", "The web page.",
                      "The page; 404 where none is installed.", {"type": "string"}, (404,),
                      kind="text/html")  # fmt: skip
    paths: Schema = {
        "/v2/health/live": {"get": live},
        "/v2/health/ready": {"get": ready},
        "/openapi.json": {"get": described},
        "/": {"get": page},
    }
    if page_files:
        file = _operation("page_file", "A file of the web page.", "The file.", {}, (404,),
                          kind="*/*")  # fmt: skip
        name = {"type": "string", "enum": list(page_files)}
        file["parameters"] = [{"name": "file", "in": "path", "required": True, "schema": name}]
        paths["/page/{file}"] = {"get": file}
    return paths


def _operation(
    name: str,
    summary: str,
    answer: str,
    schema: Schema,
    statuses: Iterable[int] = (),
    *,
    kind: str = "application/json",
    body: str | None = None,
    locked: bool = False,
) -> Schema:
    """Describe a path's method: its response, refusals by their status, its body, and the key."""
    more = [*((401,) if locked else ()), *(WITH_BODY if body is not None else ())]
    refusals = {str(status): _refusal(status) for status in sorted({*ALWAYS, *statuses, *more})}
    success = {"description": answer, "content": _content(schema, kind)}
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": success, **refusals},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _content(_ref(body))}
    if locked:
        operation["security"] = [{"key": []}]
    return operation


def _refusal(status: int) -> Schema:
    text = " ".join(meaning for one, meaning in CODES.values() if one == status)
    described: Schema = {"description": text, "content": _content(_ref(f"Error{status}"))}
    if status in _HEADERS:
        name, schema = _HEADERS[status]
        described["headers"] = {name: {"required": True, "schema": schema}}
    return described


def _text(most: int) -> Schema:
    """Describe a text of a request, which has more than whitespace."""
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"\S"}


def _components(limits: Limits, config: Config) -> Schema:
    text = _text(limits.max_text_length)
    explained = min(limits.max_text_length, limits.max_explain_length)
    texts = {"type": "array", "items": text, "minItems": 1, "maxItems": limits.max_texts}
    request = _object(texts=texts, **_deciding(config))
    explain = _object(
        text=_text(explained),
        **({"label": _label(config)} if config.multilabel else {}),
    )
    several = config.multilabel
    return {
        "PredictRequest": {**request, "required": ["texts"]},
        "ExplainRequest": {**explain, "required": ["text"]},
        **_generated("Predictions", LabelsPredictions if several else Predictions),
        **_generated("Explanation", LabelExplanation if several else Explanation),
        **_generated("Model", ModelFacts),
        **{f"Error{status}": _error(status) for status in {one for one, _ in CODES.values()}},
    }


def _deciding(config: Config) -> Schema:
    """Describe the fields of a request that decide on labels, those that have an effect."""
    abstain_below = {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0,
        "description": "predict no label if the highest probability is below this",
    }
    number = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    by_label = {
        "type": "object",
        "properties": dict.fromkeys(config.labels, number),
        "additionalProperties": False,
        "minProperties": 1,
    }
    threshold = {
        "oneOf": [number, by_label],
        "description": "predict a label if its probability is at least this: a number for all"
        " labels, or one for each label named",
    }
    if config.multilabel:
        return {"threshold": threshold}
    by_label["maxProperties"] = 1
    threshold["description"] = (
        f"predict this label if its probability is at least this, and the other one otherwise; a"
        f" number is for {config.labels[-1]}"
    )
    decides = {} if config.thresholds else {"abstain_below": abstain_below}
    return decides | ({"threshold": threshold} if len(config.labels) == 2 else {})


def _label(config: Config) -> Schema:
    return {
        "enum": list(config.labels),
        "description": "label to explain, if not the most probable one",
    }


def _generated(name: str, answered: type) -> Schema:
    """Describe what is answered, and what it consists of, by its class."""
    schema = TypeAdapter(answered).json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    parts: Schema = schema.pop("$defs", {})
    return {name: schema, **parts}


def _error(status: int) -> Schema:
    codes = [code for code, (one, _) in CODES.items() if one == status]
    return _object(error=_object(code={"enum": codes}, message={"type": "string"}))


def _content(schema: Schema, kind: str = "application/json") -> Schema:
    return {kind: {"schema": schema} if schema else {}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
