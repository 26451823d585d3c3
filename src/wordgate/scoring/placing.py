"""Where a result is to stand, in what format, and what is to become of what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from wordgate.bundle.folder import MANIFEST
from wordgate.errors import BundleError, SettingsError
from wordgate.runtime.packages import require_extra
from wordgate.scoring.keeping import Kept
from wordgate.scoring.parquet_writing import ParquetWriter
from wordgate.scoring.writing import DelimitedWriter, JsonlWriter, Packed, Writer
from wordgate.storage.files import resolve_link
from wordgate.tables import Reader
from wordgate.tables.source import STANDARD, format_of

FORMATS = ("csv", "tsv", "jsonl", "parquet")


def asked_form(out: str | Path, to: str | None) -> str | None:
    """Give the result's format, where something but the input says it.

    Args:
        out: The result.
        to: What the user asked for.

    Raises:
        SettingsError: There is no such format.
    """
    if to is not None and to not in FORMATS:
        raise SettingsError(f"no format '{to}'; there are: {', '.join(FORMATS)}")
    return to or (None if out == STANDARD else format_of(out))


def make_writer(
    reader: Reader,
    labels: tuple[str, ...],
    added: Sequence[str],
    form: str,
    *,
    escape_formulas: bool,
    packed: bool,
) -> Writer:
    """Make the writer of a format.

    Args:
        reader: Where the records come from.
        labels: The model's labels.
        added: The names of the new columns.
        form: The format.
        escape_formulas: Whether cells that look like formulas get an apostrophe.
        packed: Whether the result is gzipped.

    Raises:
        SettingsError: An option is without effect.
        MissingExtraError: Parquet is to be written, and pyarrow is not installed.
    """
    if escape_formulas and form not in ("csv", "tsv"):
        raise SettingsError(
            f"--escape-formulas has no effect on {form.upper()}, which no spreadsheet opens as"
            " cells: leave it out"
        )
    if form == "parquet":
        if packed:
            raise SettingsError("Parquet is packed by itself: leave .gz out")
        require_extra("parquet", "writing a Parquet file")
        return ParquetWriter(reader, labels, added)
    writer: Writer = JsonlWriter(reader, labels, added)
    if form != "jsonl":
        delimiter = _delimiter(reader, form)
        writer = DelimitedWriter(reader, labels, added, delimiter, escape_formulas=escape_formulas)
    return Packed(writer) if packed else writer


def _delimiter(reader: Reader, form: str) -> str:
    """Keep what separates the fields of a CSV file: a comma, a semicolon or a bar."""
    if form == "tsv":
        return "\t"
    return (reader.delimiter if reader.form == "csv" else None) or ","


def place_of(out: str) -> Path:
    """Say where the file is to stand: where a link leads, so that the link stays.

    Args:
        out: As the user named it.

    Raises:
        BundleError: There is something else than a file or a folder.
    """
    path = Path(out).expanduser()
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BundleError(f"{path} is not a file; name one, or - for standard output")
    return resolve_link(path)


def is_whole(
    bundle: str | Path, source: str | Path, kept: Kept | None, *, resume: bool, overwrite: bool
) -> bool:
    """Tell whether nothing is left to do, and refuse what must not be done.

    Args:
        bundle: The model's folder.
        source: The input.
        kept: What stands beside the result; None for standard output.
        resume: Whether to go on with what is there.
        overwrite: Whether to replace what is there.

    Raises:
        BundleError: Nothing can be written there, or something stands there and nothing said
            what is to become of it.
        SettingsError: An option is without effect.
    """
    if resume and overwrite:
        raise SettingsError("--resume goes on and --overwrite begins anew: give one of them")
    _check_effect(source, kept, resume=resume, overwrite=overwrite)
    if kept is None:
        return False
    _check_place(kept, source)
    if kept.is_there():
        if not resume and not overwrite:
            raise BundleError(
                f"a scoring into {kept.out} was interrupted and left {kept.folder}: go on with it"
                " by --resume, or begin anew with --overwrite"
            )
        return False
    if overwrite and kept.out.exists():
        kept.claim()
    if not kept.out.exists() or kept.is_begun():
        return False
    if not resume:
        raise BundleError(f"{kept.out} exists; choose another file, or replace it with --overwrite")
    _check_age(kept.out, (Path(source).expanduser(), Path(bundle) / MANIFEST))
    return True


def _check_effect(source: str | Path, kept: Kept | None, *, resume: bool, overwrite: bool) -> None:
    if kept is None and (resume or overwrite):
        name = "--resume" if resume else "--overwrite"
        raise SettingsError(f"{name} has no effect on standard output: name a file")
    if resume and source == STANDARD:
        raise SettingsError("--resume has no effect on standard input, which comes only once")


def _check_place(kept: Kept, source: str | Path) -> None:
    out = kept.out
    if not out.parent.is_dir():
        raise BundleError(f"there is no folder '{out.parent}' to write '{out.name}' into")
    if out.is_dir():
        raise BundleError(f"{out} is a folder: name a file")
    if kept.folder.is_symlink():
        raise BundleError(f"{kept.folder}, where the work is to be kept, is a link: take it away")
    with suppress(OSError):  # there is no result yet, or no input
        if out.samefile(source):
            raise SettingsError(f"{out} is the input: write the result to another file")


def _check_age(out: Path, made_of: Sequence[Path]) -> None:
    for file in made_of:
        if file.exists() and file.stat().st_mtime_ns > out.stat().st_mtime_ns:
            raise BundleError(f"{out} is whole, and older than {file}: score anew with --overwrite")
