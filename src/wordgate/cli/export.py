"""`wordgate export`: a saved model as an ONNX file."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli.options import (
    FILE_NAME,
    json_option,
    overwrite_option,
    reading_options,
    threads_option,
)
from wordgate.cli.streams import print_json, remark, write_result

if TYPE_CHECKING:
    from wordgate.experiments.export import Exported


@click.command(short_help="Write a model as an ONNX file.")
@click.argument("bundle", type=FILE_NAME)
@click.option(
    "--out",
    type=FILE_NAME,
    metavar="FILE",
    required=True,
    help="The file to write, such as m.onnx.",
)
@overwrite_option
@click.option(
    "--int8",
    is_flag=True,
    help="Weights of 8 bits: a quarter of the size, and a little less exact.",
)
@click.option(
    "--data",
    type=FILE_NAME,
    metavar="DATA",
    help="With --int8: a file of labelled texts, on which the accuracy must not differ by more than"
    " 0.3 points. Rows known from training don't count.",
)
@reading_options
@threads_option
@json_option
def export(bundle: str, *, out: str, int8: bool, as_json: bool, **options: Any) -> None:
    """Write the model in BUNDLE as one ONNX file, with its labels and its tokenizer inside.

    It needs ONNX Runtime and no wordgate: docs/onnx.md shows programs that use it. It is compared
    with the model before it is kept: in batches of 1 to 256 made-up texts of 0 to 200 words (of a
    transformer, 1 to 64) no probability may be off by more than 1e-5, with --int8 the accuracy by
    no more than 0.3 points.
    Models of every family can be exported, transformers of the kinds that docs/onnx.md names.
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
    from wordgate.runtime.display import one_line

    agreement, rows = exported.agreement, exported.rows
    lines = [
        f"Wrote {exported.out} ({exported.size / 1e6:.1f} MB).",
        f"On {agreement.n:,} made-up texts no probability is more than {agreement.largest:.1g} away"
        " from the model's own.",
    ]
    if int8:
        lines.append(
            "By the model's own probabilities, labels that changed there cost"
            f" {100 * agreement.expected_loss:.3f} points of accuracy."
        )
    if rows is not None:
        lines.append(
            f"On {rows.n:,} labelled rows its accuracy is {rows.exported / rows.n:.4f}, the model's"
            f" own {rows.ours / rows.n:.4f}."
        )
    elif int8:
        lines.append("Labelled texts, given with --data, tell the accuracy itself.")
    return "\n".join(map(one_line, lines))
