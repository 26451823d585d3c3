"""What a model's scores come to, in plain sentences."""

from wordgate.bundle.metrics import PairedDifference, SplitFacts
from wordgate.report.figures import p_told

_FAMILY_NAMES = {
    "count": "counts",
    "logreg": "averaged-vectors",
    "mlp": "MLP",
    "lstm": "LSTM",
    "transformer": "transformer",
}


def family_name(family: str) -> str:
    """Name a family as people say it."""
    return _FAMILY_NAMES.get(family, family)


def verdict(family: str, difference: PairedDifference) -> list[str]:
    """Say bluntly whether the model is worth more than the plain word counts of the baseline."""
    name = family_name(family)
    bounds = "no interval"
    if difference.low is not None and difference.high is not None:
        bounds = f"95 % interval {100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    facts = f"{100 * difference.difference:+.1f} points, {bounds}"
    if difference.p_value is not None:
        facts += f", {p_told(difference.p_value)}"
    if difference.low is not None and difference.low > 0:
        return [f"The {name} model beats word counts: {facts}."]
    if difference.high is not None and difference.high < 0:
        remedy = "" if family == "count" else ": use --model count"
        return [f"The {name} model is WORSE than word counts ({facts}){remedy}."]
    remedy = "." if family == "count" else ": --model count is as good, and simpler."
    return [f"The {name} model does NOT beat word counts by more than chance ({facts}){remedy}"]


def leak(split: SplitFacts) -> str:
    """Say how many test rows the model could know from training."""
    facts = (
        f"Of {split.n_test:,} test rows {split.leaked_by_group:,}"
        f" ({split.leaked_by_group / split.n_test:.1%}) have their group in train,"
        f" {split.near_duplicates_in_train:,}"
        f" ({split.near_duplicates_in_train / split.n_test:.1%}) have a near copy there."
    )
    if split.leaked_by_group == 0:
        return facts
    remedy = {
        "random": "; --split grouped tells what the model is worth on unseen groups",
        "given": "; take these rows out of train to learn what the model is worth on unseen groups",
    }.get(split.kind, "")
    return f"LEAK: {facts} So these scores are partly memory{remedy}."
