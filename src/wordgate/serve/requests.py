"""From the bytes of a body to a request: strict JSON, and nothing in it that isn't understood."""

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from wordgate.errors import did_you_mean
from wordgate.serve.answers import RefusedError
from wordgate.serve.limits import Limits

_SHOWN = 60
_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean",
          int: "a number", float: "a number", type(None): "null"}  # fmt: skip


@dataclass(frozen=True)
class PredictRequest:
    """Texts to label.

    Attributes:
        texts: The texts, one or more.
        abstain_below: The least probability that is given a label.
    """

    texts: list[str]
    abstain_below: float


def predict_request(body: bytes, limits: Limits) -> PredictRequest:
    """Read the body of ``/v1/predict``.

    Raises:
        RefusedError: It is not JSON (400), or not such a request (422).
    """
    fields = _fields(body, "texts", ("texts", "abstain_below"))
    texts = fields["texts"]
    if type(texts) is not list:
        raise _wrong(f"'texts' is {_kind(texts)}; it must be a list of strings")
    if not texts:
        raise _wrong("'texts' is empty; give one text or more")
    if len(texts) > limits.max_texts:
        raise RefusedError(
            "too_many_texts",
            f"there are {len(texts):,} texts; a request may have {limits.max_texts:,}:"
            " send several requests",
        )
    for position, text in enumerate(texts, 1):
        if fault := _fault(text, limits.max_text_length):
            raise RefusedError(fault[0], f"text {position:,} of {len(texts):,} {fault[1]}")
    return PredictRequest(texts, _threshold(fields.get("abstain_below", 0.0)))


def explain_request(body: bytes, limits: Limits) -> str:
    """Read the body of ``/v1/explain``: the text.

    Raises:
        RefusedError: It is not JSON (400), or not such a request (422).
    """
    text = _fields(body, "text", ("text",))["text"]
    if fault := _fault(text, min(limits.max_text_length, limits.max_explain_length)):
        raise RefusedError(fault[0], f"'text' {fault[1]}")
    return str(text)


def _fields(body: bytes, required: str, known: Sequence[str]) -> dict[str, Any]:
    """Read an object, and see that it has the field required and none unknown."""
    content = _json(body)
    if type(content) is not dict:
        raise _wrong(f"the body is {_kind(content)}; it must be an object with '{required}'")
    for name in content:
        if name not in known:
            raise _wrong(f"unknown field {_shown(name)}{did_you_mean(name[:_SHOWN], known)}")
    if required not in content:
        raise _wrong(f"the field '{required}' is missing")
    return content


def _json(body: bytes) -> Any:
    if body.startswith(codecs.BOM_UTF8):
        raise _no_json("the body begins with a byte-order mark; send UTF-8 without one")
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _no_json(f"byte {error.start:,} of the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _no_json(f"{error.msg.removesuffix(' at')} at character {error.pos:,}") from error
    except RecursionError as error:
        raise _no_json("lists and objects are nested too deep") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise _no_json("a number has too many digits") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its fields; the second of two of a name would hide the first."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _no_json(f"the field {_shown(name)} stands twice in an object")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise _no_json(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _fault(text: object, most: int) -> tuple[str, str] | None:
    """Say with its code what is wrong with a text; None where nothing is."""
    if type(text) is not str:
        return "invalid_request", f"is {_kind(text)}; it must be a string"
    if len(text) > most:
        return "text_too_long", f"has {len(text):,} characters; it may have {most:,}"
    if text.isascii():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        return "invalid_request", f"has half a surrogate pair, {half}, at character {error.start:,}"
    return None


def _threshold(value: object) -> float:
    if type(value) is not float and type(value) is not int:
        raise _wrong(f"'abstain_below' is {_kind(value)}; it must be a number from 0 to 1")
    if not 0 <= value <= 1:
        raise _wrong("'abstain_below' must be a probability, from 0 to 1")
    return float(value)


def _kind(value: object) -> str:
    return _NAMES[type(value)]


def _shown(name: str) -> str:
    """Quote a name that a stranger chose: short, and in characters that can be sent."""
    short = name if len(name) <= _SHOWN else name[:_SHOWN] + "..."
    return json.dumps(short)


def _no_json(message: str) -> RefusedError:
    return RefusedError("invalid_json", message)


def _wrong(message: str) -> RefusedError:
    return RefusedError("invalid_request", message)
