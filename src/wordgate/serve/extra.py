"""The packages that serving needs beyond prediction."""

from importlib.util import find_spec

from wordgate.errors import MissingExtraError

_NEEDED = ("uvicorn", "httptools", "orjson", "prometheus_client")


def check_serve_extra() -> None:
    """See that all of them are installed.

    Raises:
        MissingExtraError: One is not.
    """
    if not all(map(find_spec, _NEEDED)):
        raise MissingExtraError("serving a model", "serve")
