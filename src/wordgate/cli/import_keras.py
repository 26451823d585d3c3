"""`wordgate import-keras`: a trained Keras model becomes a wordgate model."""

from typing import Any

import click

from wordgate.cli import params
from wordgate.cli.streams import command, remark, write_result


@click.command("import-keras", short_help="Convert a trained Keras model.")
@click.argument("model", type=params.FILE, metavar="MODEL.keras")
@click.argument("tokenizer", type=params.FILE, metavar="TOKENIZER.json")
@params.option(
    "--labels",
    "A,B,...",
    "Labels in the order of the model's outputs; scikit-learn's LabelEncoder sorts them.",
    type=params.TEXT,
    required=True,
)
@params.option("--out", params.FOLDER, "Where to write the model.", required=True)
@params.overwrite
@params.option(
    "--max-tokens",
    "N",
    "Number of tokens to which texts were padded in training.  [default: the model's input length]",
    type=click.IntRange(min=1),
)
@params.option(
    "--truncate",
    click.Choice(["front", "end"]),
    "Where longer texts were truncated in training: front (the default of pad_sequences) or"
    " end (truncating='post').",
    default="front",
)
def import_keras(model: str, tokenizer: str, *, labels: str, out: str, **options: Any) -> None:
    """Convert a trained Keras 3 model to a wordgate model.

    MODEL.keras is the file that model.save('model.keras') wrote: an Embedding with mask_zero, an
    LSTM and a Dense layer with softmax, with dropout in between. TOKENIZER.json contains the output
    of to_json() of the legacy Tokenizer. No code in them is run, and Keras is not needed.
    """
    from wordgate.interchange.keras import import_keras as import_model
    from wordgate.runtime.display import one_line

    names = [label.strip() for label in labels.split(",")]
    imported = import_model(model, tokenizer, labels=names, out=out, **options)
    for note in imported.config.notes():
        remark(one_line(f"Note: {note}."))
    write_result(f"Saved to {out}. Try: {command('predict', out, 'a text')}")
