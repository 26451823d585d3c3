"""The files of the page, read once, and the headers that keep it to itself."""

from collections.abc import Iterator
from pathlib import Path

from wordgate.serve.answers import Answer, Headers

FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".webmanifest": b"application/manifest+json",
    ".woff2": b"font/woff2",
}
# Nothing from elsewhere, no scripts or styles inside the page, no frames around it.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    b" font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none';"
    b" form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Headers = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]


def pages(folder: Path = FOLDER) -> dict[str, Answer]:
    """Read the page: its answers by their paths, ``/`` and ``/page/...``."""
    return dict(_pages(folder))


def _pages(folder: Path) -> Iterator[tuple[str, Answer]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix in _TYPES and file.is_file():
            answer = Answer(200, file.read_bytes(), _HEADERS, _TYPES[file.suffix])
            name = file.relative_to(folder).as_posix()
            yield ("/" if name == "index.html" else f"/page/{name}"), answer
