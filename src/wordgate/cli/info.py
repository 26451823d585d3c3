"""`wordgate info`: a model's card in a terminal."""

import json

import click

from wordgate.cli.options import json_option
from wordgate.cli.streams import remark


@click.command(short_help="Describe a model and its scores.")
@click.argument("bundle")
@json_option
def info(bundle: str, *, as_json: bool) -> None:
    """Describe the model in BUNDLE: data, split, scores, settings, sizes."""
    from wordgate.bundle.folder import BundleFolder
    from wordgate.cli.views import change_warnings, info_view

    folder = BundleFolder.open(bundle)
    config, changed = folder.config(), folder.changed_files()
    metrics = None if "metrics.json" in changed else folder.metrics()
    for warning in change_warnings(bundle, changed):
        remark(warning)
    if not as_json:
        click.echo(info_view(folder, config, metrics))
        return
    result = {
        "config": config.model_dump(mode="json"),
        "metrics": None if metrics is None else metrics.model_dump(mode="json"),
        "bytes": folder.size(),
        "changed_files": changed,
    }
    click.echo(json.dumps(result, ensure_ascii=False))
