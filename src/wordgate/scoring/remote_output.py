"""A result at a URL: it is made on the disk, and uploaded when it is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path, PurePosixPath

import platformdirs

from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError, DataError
from wordgate.runtime.progress import Progress
from wordgate.scoring.options import ScoreOptions
from wordgate.scoring.partial_output import PartialOutput, check_effect
from wordgate.storage.places import make_folder, place_of
from wordgate.storage.remote import RemoteFile
from wordgate.tables.source import STANDARD, version_of


class RemoteOutput:
    """The result of one scoring, which is to be at a URL.

    Args:
        bundle: The folder of the model.
        source: The input.
        url: Where the result is to be.
        options: The options of the scoring.

    Attributes:
        staged: The local file of the result until it is uploaded.
        version: What `version_of` tells of the input; None for standard input.
    """

    def __init__(self, bundle: str | Path, source: str, url: str, options: ScoreOptions):
        self._remote = RemoteFile(url)
        self._remote.check_writable()
        self.version = None if source == STANDARD else version_of(place_of(source))
        decides = [url, source, self.version, BundleFolder.open(bundle).sha256()]
        facts = json.dumps([*decides, options.decisive()], sort_keys=True)
        folder = staging_folder(facts)
        self.staged = folder / PurePosixPath(self._remote.name).name

    def begin(self, source: str, progress: Progress, *, resume: bool, overwrite: bool) -> bool:
        """Prepare the local file; tell whether nothing is left to do.

        Raises:
            BundleError: There is a result, or an interrupted scoring, and nothing said what is to
                become of it.
            SettingsError: An option has no effect.
        """
        name, is_begun = self._remote.name, PartialOutput(self.staged, 0.0).exists()
        check_effect(source, name, resume=resume, overwrite=overwrite)
        if overwrite or source == STANDARD:
            self._clear()
        elif (is_begun or self.staged.exists()) and not resume:
            raise BundleError(
                f"scoring into {name} was interrupted: continue it with --resume, or start over"
                " with --overwrite"
            )
        elif not is_begun and not self.staged.exists() and self._remote.exists():
            if not resume:
                raise BundleError(
                    f"{name} exists; choose another file, or replace it with --overwrite"
                )
            progress.say(
                f"{name} already exists: there is nothing to do. Neither contents nor options were"
                " compared; --overwrite scores again"
            )
            return True
        if source == STANDARD and not overwrite and self._remote.exists():
            raise BundleError(f"{name} exists; choose another file, or replace it with --overwrite")
        make_folder(self.staged.parent)
        return False

    def upload(self) -> None:
        """Upload the result, which appears there as a whole, and remove the local file.

        Raises:
            BundleError: It can't be written there.
        """
        try:
            self._remote.upload(self.staged)
        except DataError as error:
            raise BundleError(
                f"{error}. The result is kept: upload it by the same command with --resume"
            ) from error
        self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self.staged.parent, ignore_errors=True)


def staging_folder(called: str) -> Path:
    """Give a local folder for results that are to be elsewhere, by a text that tells them apart."""
    name = hashlib.sha256(called.encode()).hexdigest()[:32]
    return Path(platformdirs.user_state_dir("wordgate")) / "scoring" / name
