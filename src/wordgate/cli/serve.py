"""`wordgate serve`: a model over HTTP, with a page."""

import os
from dataclasses import fields
from typing import Any

import click

from wordgate.arguments import option_name
from wordgate.cli import params
from wordgate.cli.streams import remark, warn_of_changes
from wordgate.serve.limits import Limits

_limit_options = params.stack(
    *(
        params.option(
            option_name(limit.name),
            "N" if isinstance(limit.default, int) else "SECONDS",
            limit.metadata["help"],
            type=type(limit.default),
            default=limit.default,
        )
        for limit in fields(Limits)
    )
)


@click.command(short_help="Serve a model over HTTP, with a web page.")
@click.argument("bundle", type=params.FILE, metavar="MODEL")
@params.option(
    "--host",
    "ADDRESS",
    "Address to listen on; 0.0.0.0 for access from other machines.",
    default="127.0.0.1",
)
@params.option(
    "--port",
    "N",
    "Port to listen on; 0 picks a free port.",
    default=8000,
    type=click.IntRange(0, 65535),
)
@params.option(
    "--allow-host",
    "NAME",
    "Host name that requests may use; may be repeated.  [default: localhost, 127.0.0.1 and"
    " [::1] on a loopback address, else any]",
    "allow_hosts",
    multiple=True,
)
@params.option(
    "--allow-origin",
    "ORIGIN",
    "Web site whose pages may use the API (CORS), such as https://example.com; may be"
    " repeated.  [default: none]",
    "allow_origins",
    multiple=True,
)
@_limit_options
@params.kernel
@params.threads
def serve(
    bundle: str,
    *,
    kernel: str,
    threads: int | None,
    host: str,
    port: int,
    allow_hosts: tuple[str, ...],
    allow_origins: tuple[str, ...],
    **limits: Any,
) -> None:
    """Serve MODEL over HTTP, with a JSON API, and a web page at /.

    POST /v1/predict {"texts": ["..."]}, POST /v1/explain {"text": "..."}, GET /v1/model.
    /openapi.json describes all paths; docs/serving.md has examples.

    If WORDGATE_API_KEY is set, the API requires it: Authorization: Bearer KEY. Ctrl-C or SIGTERM
    stops the server after all accepted requests have been answered; a second one stops it
    immediately.
    """
    from wordgate.runtime.packages import require_extra

    require_extra("serve", "serving a model")
    from wordgate.prediction.predictor import load_with_progress
    from wordgate.runtime.progress import Console
    from wordgate.serve.access import KEY_VARIABLE, access, is_loopback
    from wordgate.serve.server import serve as serve_model

    checked = Limits(**limits)
    allowed = access(host, os.environ.get(KEY_VARIABLE), allow_hosts, allow_origins)
    predictor = load_with_progress(bundle, Console, kernel=kernel, threads=threads)
    warn_of_changes(bundle, predictor.changed_files)
    if not is_loopback(host) and allowed.key is None:
        remark(
            f"wordgate: warning: anyone who can reach {host} can use this model; set {KEY_VARIABLE}"
            " to require a key"
        )

    serve_model(
        predictor,
        host=host,
        port=port,
        limits=checked,
        access=allowed,
        announce=lambda url: remark(f"Serving {bundle} at {url} (Ctrl-C to stop)"),
    )
