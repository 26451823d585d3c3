"""`wordgate recipe`: the packaged recipes, and those of users."""

import click

from wordgate.cli import params
from wordgate.cli.streams import print_json, write_result


@click.group(short_help="List recipes and show their settings.")
def recipe() -> None:
    """List recipes, which are named sets of all settings, and show what they set.

    Your own recipe is a .toml file with the settings that differ from the recipe it extends:
    'default', unless it names another one. Use it with --recipe FILE.
    """


@recipe.command("list", short_help="List the recipes.")
@params.as_json
def list_recipes(*, as_json: bool) -> None:
    """List the recipes that come with wordgate, with what each is for."""
    from wordgate.settings import recipe_names, recipe_summary

    summaries = {name: recipe_summary(name) for name in recipe_names()}
    if as_json:
        print_json(summaries)
        return
    width = max(map(len, summaries))
    write_result("\n".join(f"{name:<{width}}  {text}" for name, text in summaries.items()))


@recipe.command(short_help="Print a recipe as TOML.")
@click.argument("name", type=params.FILE, metavar="NAME|FILE")
@params.as_json
def show(name: str, *, as_json: bool) -> None:
    """Print every setting of a recipe as TOML, to save and change.

    NAME is a recipe of 'wordgate recipe list'; FILE is your own .toml file, whose inherited
    settings are printed as comments. The output is a recipe with the same settings:

    \b
      wordgate recipe show default > mine.toml
      wordgate train DATA --recipe mine.toml --out model

    A value that you change there is used as is, regardless of the size of the data set.
    """  # noqa: D301 (click's mark of lines that stay as they are)
    from wordgate.settings import load_settings, recipe_toml

    if as_json:
        print_json(load_settings(name).model_dump(mode="json"))
    else:
        write_result(recipe_toml(name).rstrip("\n"))
