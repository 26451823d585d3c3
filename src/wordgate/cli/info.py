"""`wordgate info`: a model's card in a terminal."""

import json

import click

from wordgate.cli.options import json_option


@click.command()
@click.argument("bundle")
@json_option
def info(bundle: str, *, as_json: bool) -> None:
    """Tell what the model in BUNDLE is: data, split, scores, settings, sizes."""
    from wordgate.bundle.folder import BundleFolder
    from wordgate.cli.views import info_view

    folder = BundleFolder.open(bundle)
    config, metrics = folder.config(), folder.metrics()
    if as_json:
        result = {
            "config": config.model_dump(mode="json"),
            "metrics": None if metrics is None else metrics.model_dump(mode="json"),
            "bytes": folder.size(),
            "changed_files": folder.changed_files(),
        }
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    click.echo(info_view(folder, config, metrics))
