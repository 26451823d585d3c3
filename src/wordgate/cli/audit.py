"""`wordgate audit`: duplicates, conflicting labels, and what a split would leak."""

import sys
from pathlib import Path
from typing import Any

import click

from wordgate.cli import params
from wordgate.cli.streams import line_width, print_json, remark, write_result


@click.command(short_help="Find duplicates, and measure the leakage under a random split.")
@click.argument("data", type=params.FILE)
@params.reading
@params.as_json
@params.option("--html", params.FILE, "Also write the audit as a web page.")
def audit(data: str, *, as_json: bool, html: str | None, **reading: Any) -> None:
    """Find duplicates in DATA, and measure the leakage under a random split.

    Reports exact and near duplicates, groups, duplicates with conflicting labels, texts that are
    too short, and the recommended split. DATA has the same format as for 'wordgate
    train'; labels may be missing.
    """
    from wordgate.experiments.audit import audit as run_audit
    from wordgate.report.audit import audit_page, format_audit
    from wordgate.runtime.progress import Console
    from wordgate.storage.files import atomic_output, check_file

    if html is not None:
        check_file(Path(html), overwrite=True)
    found = run_audit(data, progress=Console(), **reading)
    remark("\n".join(found.reading.lines()))
    if html is not None:
        with atomic_output(Path(html)) as aside:
            aside.write_text(audit_page(found), encoding="utf-8", errors="replace")
    if as_json:
        print_json(found.to_json())
        return
    write_result(format_audit(found, line_width(sys.stdout)))
    if html is not None:
        write_result(f"\nWeb page: {html}")
