"""Truncates bundles and a checkpoint at every byte of their headers, and at places after.

The first half of the cases leave the hashes as they are, the second make them right again.
"""

import json
import struct

import bundles
import parts

import wordgate
from wordgate.bundle.folder import READ_BY_PREDICTION, BundleFolder
from wordgate.errors import WordgateError

PLACES_AFTER = 10_000


def places(name, content):
    """Name the lengths to cut a file to: all of a header's, and others evenly after it."""
    if not content.startswith(b"{") and not name.endswith(".json"):
        header = 8 + struct.unpack("<Q", content[:8])[0]
        after = range(header, len(content))
        return [*range(header), *after[:: max(1, len(after) // PLACES_AFTER)]]
    return list(range(len(content)))


def refused(act, *arguments):
    try:
        act(*arguments)
    except WordgateError as error:
        bundles.check_sentence(error)
        return True
    return False


def read_all(folder):
    wordgate.load(folder)
    BundleFolder.open(folder).fingerprints()


class Cuts:
    """All cuts of one bundle."""

    def __init__(self, whole, folder):
        self.bundle = bundles.Bundle(whole, folder)
        unsigned = [(name, False) for name in (*READ_BY_PREDICTION, "manifest.json")]
        signed = [(name, True) for name in bundles.SIGNED if name != "manifest.json"]
        self.cuts = [
            (name, length, as_signed)
            for name, as_signed in unsigned + signed
            for length in places(name, self.bundle.whole[name])
        ]

    def case(self, number):
        name, length, signed = self.cuts[number]
        whole = self.bundle.whole[name]
        cut = whole[:length]
        if (signed or name == "manifest.json") and name.endswith(".json") and is_same(cut, whole):
            return "only a line's end is gone"
        self.bundle.write(name, cut, signed=signed)
        try:
            assert refused(read_all, self.bundle.folder), f"{name} cut to {length} was read"
        finally:
            self.bundle.mend(name)
        return "refused"


def is_same(cut, whole):
    try:
        return json.loads(cut) == json.loads(whole)
    except ValueError:
        return False


class CheckpointCuts:
    """All cuts of a training's checkpoint."""

    def __init__(self, folder):
        self.training = bundles.Training(folder)
        self.whole = self.training.wholes[-1]
        self.cuts = places("", self.whole)

    def case(self, number):
        self.training.file.write_bytes(self.whole[: self.cuts[number]])
        assert refused(lambda: self.training.fit(resume=True, deadline=float("-inf")))
        return "refused"


def prepare(folder, arguments):
    every, *wholes = arguments
    all_cuts = [Cuts(whole, folder / f"bundle {i}") for i, whole in enumerate(wholes)]
    if every == "1":  # else importing torch would take most of the time
        all_cuts.append(CheckpointCuts(folder))
    numbered = [(cuts, number) for cuts in all_cuts for number in range(len(cuts.cuts))]

    def work(case):
        place = case * int(every)
        if place >= len(numbered):
            return "no cut"
        cuts, number = numbered[place]
        return cuts.case(number)

    return work


if __name__ == "__main__":
    parts.main(prepare)
