"""What a kept piece of work is, so that nobody goes on with another one, or a damaged one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from wordgate.errors import BundleError, shown

MISFITS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What is raised over kept values of the wrong type or shape."""
WORDS, VECTORS = "words", "word vectors"
"""Digests of what follows from the rest: how the texts are read, and the vectors found for them."""
_LONGEST_SHOWN = 40  # characters of a value; what is longer is a digest or a list
_LONGEST_LISTING = 1000

FactsT = TypeVar("FactsT", bound=BaseModel)


@dataclass(frozen=True)
class Identity:
    """What a training, a comparison's round or a scoring is, and what it runs on.

    Attributes:
        work: What decides the result: data, settings, seed. Another one is other work.
        engine: What moves the result a little: versions, threads, precision, device.
    """

    work: Mapping[str, str]
    engine: Mapping[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, dict[str, str]]:
        """Give all of it as plain JSON values, to be kept."""
        return {"work": dict(self.work), "engine": dict(self.engine)}

    def check(self, kept: Mapping[str, Any], what: str, place: object) -> list[str]:
        """Compare what is about to be done with what was kept.

        Args:
            kept: The `facts` of then.
            what: What they are of, such as ``training``.
            place: Where they stand.

        Returns:
            Warnings: what differs between then and now and may move the result a little.

        Raises:
            BundleError: It is other work.
        """
        other = _changed(self.work, kept.get("work"))
        if WORDS in other and other.keys() <= {WORDS, VECTORS}:
            raise BundleError(
                f"{place} keeps a {what} that read the same texts as other words, as by other word"
                " vectors or another version of wordgate, Python or regex; go on with those of"
                " then, or begin anew with --overwrite"
            )
        other.pop(WORDS, None)
        if other:
            raise BundleError(
                f"{place} keeps a {what} with {_listed(other)}; give the same command as then, or"
                " begin anew with --overwrite"
            )
        if not (other := _changed(self.engine, kept.get("engine"))):
            return []
        return [
            f"The {what} was begun with {_listed(other)}:"
            " its result may differ a little from an uninterrupted one's."
        ]


def digest(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash all that a file keeps, but the digest itself.

    Args:
        content: What stands in its metadata.
        arrays: Its arrays.
    """
    facts = {name: value for name, value in content.items() if name != "digest"}
    summed = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=32)
    for name, array in sorted(arrays.items()):
        summed.update(f"{name} {array.dtype} {array.shape}".encode())
        summed.update(np.ascontiguousarray(array).data)
    return summed.hexdigest()


def check_digest(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """See that the digest in a file's metadata is that of what it holds.

    Raises:
        KeyError: There is none.
        ValueError: It is another.
    """
    if content["digest"] != digest(content, arrays):
        raise ValueError("its digest is another: a byte of it has changed")


def read_facts(form: type[FactsT], facts: object) -> FactsT:
    """See that kept facts have the names, types and ranges of a form.

    Raises:
        ValueError: They have not; the message names the first.
    """
    try:
        return form.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


def _changed(now: Mapping[str, str], then: object) -> dict[str, str]:
    """Say by name what differs: ``other data``, ``seed 0 instead of 1``."""
    known = dict(then) if isinstance(then, Mapping) else {}
    pairs = {
        name: (str(known.get(name, "unknown")), now.get(name, "unknown"))
        for name in dict.fromkeys([*now, *known])
    }
    return {
        name: f"other {shown(name, _LONGEST_SHOWN)}"
        if max(len(before), len(after)) > _LONGEST_SHOWN
        else f"{shown(name, _LONGEST_SHOWN)} {shown(before, _LONGEST_SHOWN)} instead of {after}"
        for name, (before, after) in pairs.items()
        if before != after
    }


def _listed(changed: Mapping[str, str]) -> str:
    return shown(", ".join(changed.values()), _LONGEST_LISTING)
