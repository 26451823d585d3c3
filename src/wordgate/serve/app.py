"""The ASGI application: routes and their handlers."""

import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from wordgate.prediction.predictor import Predictor
from wordgate.serve.access import Access
from wordgate.serve.batching import Batcher
from wordgate.serve.limits import Limits
from wordgate.serve.model import ModelFacts
from wordgate.serve.openapi import document
from wordgate.serve.prometheus import NO_ROUTE, ServerMetrics
from wordgate.serve.request_body import (
    BufferedBytes,
    RequestBody,
    explain_request,
    may_be_skipped,
    predict_request,
)
from wordgate.serve.responses import ClientGoneError, Headers, HTTPError, Response, pages

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[RequestBody], Awaitable[Response]]

_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"600"),
]


@dataclass(frozen=True)
class Route:
    """The handler of a path, and the method that it supports (GET includes HEAD).

    An open route needs no key; requests of a queued route wait for the model. In metrics, a route
    has its path as its name, unless `name` is given.
    """

    method: str
    handler: Handler
    is_open: bool = False
    is_queued: bool = False
    name: str | None = None


class Application:
    """A model's API and page.

    Attributes:
        is_draining: Whether the server is shutting down; ``/v2/health/ready`` then returns 503.
        is_closing: Whether connections are closed after their pending responses.
        batcher: The queue before the model; it must be started in the event loop.
        metrics: The metrics of the server.
        limits: The limits of requests.
    """

    def __init__(self, model: Predictor, limits: Limits, access: Access):
        self.limits, self.metrics = limits, ServerMetrics()
        self.batcher = Batcher(model, limits, self.metrics)
        self.is_draining = self.is_closing = False
        self._access = access
        self._buffered = BufferedBytes(limits.max_buffered_bytes)
        self._labels, self._config = model.labels, model.config
        self._routes = self._all_routes(model)

    def _all_routes(self, model: Predictor) -> dict[str, Route]:
        page = pages()
        facts = _json(ModelFacts.of(model, self.limits).model_dump())
        names = [path.removeprefix("/page/") for path in page if path != "/"]
        needs_key = self._access.key is not None
        described = _json(
            document(self.limits, model.config, needs_key=needs_key, page_files=names)
        )
        routes = {
            "/v1/predict": Route("POST", self._predict, is_queued=True),
            "/v1/explain": Route("POST", self._explain, is_queued=True),
            "/v1/model": Route("GET", _constant(facts)),
            "/metrics": Route("GET", self._metrics),
            "/openapi.json": Route("GET", _constant(described), is_open=True),
            "/v2/health/live": Route("GET", _constant(_json({"live": True})), is_open=True),
            "/v2/health/ready": Route("GET", self._ready, is_open=True),
        }
        for path, response in page.items():
            name = None if path == "/" else "/page/..."
            routes[path] = Route("GET", _constant(response), is_open=True, name=name)
        return routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request; see https://asgi.readthedocs.io/en/stable/specs/www.html."""
        started = time.perf_counter()
        headers = dict(scope["headers"])
        body = RequestBody(receive, headers, self.limits, self._buffered)
        route = self._routes.get(scope["path"])
        try:
            response = await self._respond(route, scope["method"], headers, body)
        except HTTPError as refusal:
            response = refusal.response()
        except ClientGoneError:
            return
        except Exception:  # a defect: shown to the operator of the server, not to the client
            traceback.print_exc()
            response = HTTPError("internal_error", "the server failed on this request").response()
        finally:
            body.release()
        name = NO_ROUTE if route is None else route.name or scope["path"]
        self.metrics.count_request(name, response.status, time.perf_counter() - started)
        await _send(response, self._access.cors(headers), body, send)

    def refused_at_once(self, method: str, path: str, headers: Headers) -> Response | None:
        """Refuse a request by its head if the queue is full; a task for it would take longer.

        Args:
            method: The method of the request.
            path: The path, as sent.
            headers: The headers, with names in lower case.

        Returns:
            The response that `__call__` would send; None if `__call__` must respond.
        """
        route = self._routes.get(path)
        if route is None or not route.is_queued or method != route.method:
            return None
        refusal = self.batcher.refusal_if_full()
        named = dict(headers)
        if refusal is None or not may_be_skipped(named):
            return None
        try:
            self._access.check_host(named)
            self._access.check_key(named)
        except HTTPError:
            return None
        self.metrics.count_request(path, refusal.status, 0.0)
        refusal.headers += self._access.cors(named)
        return refusal.response()

    async def _respond(
        self, route: Route | None, method: str, headers: dict[bytes, bytes], body: RequestBody
    ) -> Response:
        self._access.check_host(headers)
        if route is None:
            raise HTTPError("not_found", "this path does not exist; /openapi.json lists all paths")
        if method == "OPTIONS" and headers.get(b"origin") in self._access.origins:
            return Response(204, b"", _PREFLIGHT)
        if method != route.method and not (method == "HEAD" and route.method == "GET"):
            allowed = b"GET, HEAD" if route.method == "GET" else route.method.encode()
            raise HTTPError(
                "method_not_allowed",
                f"this path supports {allowed.decode()}",
                [(b"allow", allowed)],
            )
        if not route.is_open:
            self._access.check_key(headers)
        return await route.handler(body)

    async def _predict(self, body: RequestBody) -> Response:
        self.batcher.refuse_if_full()
        texts, rule = predict_request(await body.read(), self.limits, self._config)
        rows = await self.batcher.predict(texts)
        predicted = rule.predictions(np.array(rows))
        name = "labels" if rule.predicts_several else "label"
        predictions = [
            {name: labels, "probabilities": dict(zip(self._labels, row, strict=True))}
            for labels, row in zip(predicted, rows, strict=True)
        ]
        return _json({"predictions": predictions})

    async def _explain(self, body: RequestBody) -> Response:
        self.batcher.refuse_if_full()
        text, label = explain_request(await body.read(), self.limits, self._config)
        return _json(await self.batcher.explain(text, label))

    async def _metrics(self, _: RequestBody) -> Response:
        text = self.metrics.exposition()
        return Response(200, text, content_type=b"text/plain; version=0.0.4; charset=utf-8")

    async def _ready(self, _: RequestBody) -> Response:
        if self.is_draining:
            return Response(503, orjson.dumps({"ready": False}))
        return _json({"ready": True})


def _json(value: object) -> Response:
    return Response(200, orjson.dumps(value))


def _constant(response: Response) -> Handler:
    async def handler(_: RequestBody) -> Response:
        return response

    return handler


async def _send(response: Response, more_headers: Headers, body: RequestBody, send: Send) -> None:
    """Send a response, also to a client that may still be sending."""
    headers = [*response.all_headers(), *more_headers]
    is_last = body.may_be_left_unread()
    if not is_last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": not is_last})
    if not is_last:
        await body.discard()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
