"""`wordgate import-keras`: a trained Keras model becomes a wordgate model."""

from typing import Any

import click

from wordgate.cli.options import FILE_NAME, overwrite_option
from wordgate.cli.streams import argument_text, command, remark, write_result


@click.command("import-keras", short_help="Convert a trained Keras model.")
@click.argument("model", type=FILE_NAME, metavar="MODEL.keras")
@click.argument("tokenizer", type=FILE_NAME, metavar="TOKENIZER.json")
@click.option(
    "--labels",
    type=argument_text,
    metavar="A,B,...",
    required=True,
    help="The labels in the order of the model's outputs; scikit-learn's LabelEncoder sorts them.",
)
@click.option(
    "--out", type=FILE_NAME, metavar="FOLDER", required=True, help="Where to write the model."
)
@overwrite_option
@click.option(
    "--max-tokens",
    metavar="N",
    type=click.IntRange(min=1),
    help="Tokens that each text was padded to in training.  [default: the model's input length]",
)
@click.option(
    "--truncate",
    type=click.Choice(["front", "end"]),
    default="front",
    show_default=True,
    help="Which end longer texts lost: front by pad_sequences' default, end by truncating='post'.",
)
def import_keras(model: str, tokenizer: str, *, labels: str, out: str, **options: Any) -> None:
    """Convert a trained Keras 3 model to a wordgate model.

    MODEL.keras is what model.save('model.keras') wrote: Embedding with mask_zero, LSTM, Dense with
    softmax, and dropouts between. TOKENIZER.json holds what the legacy Tokenizer's to_json() gave.
    No code in them is run, and Keras is not needed.
    """
    from wordgate.interchange.keras import import_keras as import_model
    from wordgate.runtime.display import one_line

    names = [label.strip() for label in labels.split(",")]
    imported = import_model(model, tokenizer, labels=names, out=out, **options)
    for note in imported.config.notes():
        remark(one_line(f"Note: {note}."))
    write_result(f"Saved in {out}. Try: {command('predict', out, 'a text')}")
