"""`wordgate export`: a saved model as an ONNX file."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli import params
from wordgate.cli.streams import print_json, remark, wrapped, write_result

if TYPE_CHECKING:
    from wordgate.experiments.export import Exported


@click.command(short_help="Export a model as an ONNX file.")
@click.argument("bundle", type=params.FILE, metavar="MODEL")
@params.option("--out", params.FILE, "The file to write, such as m.onnx.", required=True)
@params.overwrite
@params.flag(
    "--int8", "Quantize the weights to 8 bits: a quarter of the size, slightly less accurate."
)
@params.option(
    "--data",
    "DATA",
    "With --int8: a file of labeled texts on which the accuracy may differ by at most 0.3"
    " points. Rows seen during training are left out.",
    type=params.FILE,
)
@params.reading
@params.threads
@params.as_json
def export(bundle: str, *, out: str, int8: bool, as_json: bool, **options: Any) -> None:
    """Write MODEL as one ONNX file that contains its labels and its tokenizer.

    The file runs with ONNX Runtime, without wordgate: docs/onnx.md shows programs that use it. It
    is compared with the model before it is kept: in batches of 1 to 256 random texts of 0 to 200
    words (1 to 64 for a transformer), no probability may differ by more than 1e-5; with --int8,
    the accuracy may differ by at most 0.3 points. Models of every family can be exported;
    docs/onnx.md lists the supported transformers.
    """
    from wordgate.experiments.export import export_onnx
    from wordgate.runtime.progress import Console

    exported = export_onnx(bundle, out, int8=int8, progress=Console(), **options)
    if exported.reading is not None:
        remark("\n".join(exported.reading.lines()))
    if not as_json:
        write_result(_format_export(exported, int8=int8))
        return
    print_json(
        {
            "out": str(exported.out),
            "bytes": exported.size,
            "agreement": asdict(exported.agreement),
            "rows": None if exported.rows is None else asdict(exported.rows),
        }
    )


def _format_export(exported: "Exported", *, int8: bool) -> str:
    from wordgate.runtime.display import one_line, shown_size

    agreement, rows = exported.agreement, exported.rows
    lines = [
        f"Wrote {exported.out} ({shown_size(exported.size)}).",
        f"On {agreement.n:,} random texts, no probability differs from the model's by more than"
        f" {agreement.largest:.1e}.".replace("e-0", "e-"),
    ]
    if int8:
        lines.append(
            "Expected loss of accuracy from changed labels, by the model's probabilities:"
            f" {100 * agreement.expected_loss:.3f} points."
        )
    if rows is not None:
        lines.append(
            f"Accuracy on {rows.n:,} labeled rows: {rows.exported / rows.n:.4f} (the model:"
            f" {rows.ours / rows.n:.4f})."
        )
    elif int8:
        lines.append("To measure the accuracy, give labeled texts with --data.")
    return wrapped("\n".join(map(one_line, lines)))
