"""Results at a URL: written to a local file, and uploaded when complete."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath

from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError, DataError
from wordgate.runtime.progress import Progress
from wordgate.scoring.options import ScoreOptions
from wordgate.scoring.partial_output import PartialOutput, exists_error, interrupted_error
from wordgate.scoring.results import Scored
from wordgate.scoring.scoring import format_by_name, score_file
from wordgate.storage.files import user_folder
from wordgate.storage.places import make_folder, place_of
from wordgate.storage.remote import RemoteFile
from wordgate.tables.source import STANDARD, version_of


def score_to_url(
    bundle: str | Path, source: str, url: str, options: ScoreOptions, progress: Progress
) -> Scored:
    """Score one file into a local file, and upload it atomically."""
    remote = RemoteFile(url)
    if options.to is None:
        format_by_name(remote.name, source)
    remote.check_writable()
    version = None if source == STANDARD else version_of(place_of(source))
    config = [url, source, version, BundleFolder.open(bundle).sha256(), options.decisive()]
    folder = staging_folder(json.dumps(config, sort_keys=True))
    staged = folder / PurePosixPath(remote.name).name
    options.check_effect(source, remote.name)
    if options.overwrite or source == STANDARD:
        shutil.rmtree(folder, ignore_errors=True)
    if not options.overwrite and _is_complete(remote, staged, resume=options.resume):
        progress.say(
            f"{remote.name} already exists: there is nothing to do. Neither contents nor options"
            " were compared; --overwrite scores again"
        )
        return Scored(0, 0, 0, 0, [], [], 0.0, 0.0, was_complete=True)
    make_folder(folder)
    local = replace(options, overwrite=False)
    scored = score_file(bundle, source, str(staged), local, progress, version=version)
    try:
        remote.upload(staged)
    except DataError as error:
        raise BundleError(
            f"{error}. The result is kept: upload it by the same command with --resume"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    return scored


def _is_complete(remote: RemoteFile, staged: Path, *, resume: bool) -> bool:
    """Return whether the result is complete; refuse an existing one unless it may be resumed."""
    if staged.exists() or PartialOutput(staged, 0.0).exists():
        if not resume:
            raise interrupted_error(f"{remote.name} was interrupted")
        return False
    if not remote.exists():
        return False
    if not resume:
        raise exists_error(remote.name, "file")
    return True


def staging_folder(key: str) -> Path:
    """Return a local folder for the results of a remote output, distinct for each key."""
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    return user_folder("state") / "scoring" / name
