"""A tokenizer as data: what a program without wordgate needs to cut texts the same way."""

from typing import Literal, NamedTuple

StepKind = Literal["replace", "unescape", "lower", "normalize"]


class Step(NamedTuple):
    """One change of a text before it is cut.

    Attributes:
        kind: ``replace`` puts `replacement` for what `pattern` finds; ``unescape`` resolves the
            HTML entities that `pattern` finds, as `html.unescape` does; ``lower`` lower-cases;
            ``normalize`` brings to Unicode's NFC.
        pattern: For `re`; it may name Unicode's properties and subtract sets, for `regex` (V1).
        replacement: As `re.sub` takes it.
    """

    kind: StepKind
    pattern: str = ""
    replacement: str = ""


class Rules(NamedTuple):
    """The whole of a tokenizer.

    Attributes:
        steps: What is done to a text, in order.
        token: All that this pattern then finds, one after another, are the tokens. No groups.
    """

    steps: tuple[Step, ...]
    token: str
