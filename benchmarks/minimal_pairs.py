"""Whether a model of sentiment reads word order: 200 minimal pairs made by rules.

The two texts of a pair have nearly the same words, or the very same in another order, and opposite
meanings: negation, before and after, but, comparison, expectation. A pair is right if the positive
text gets the higher probability of `positive` less that of `negative`; it is right on both sides if
these differences lie above and below 0 besides. In the pairs marked as the same words a model that
counts single words gives both texts the same verdict. Probabilities of 0.5 come by chance; the
templates name no product and come from no data set.

    python benchmarks/minimal_pairs.py MODEL [MODEL ...]   models that `wordgate train` wrote
    python benchmarks/minimal_pairs.py --print             the pairs
"""

import argparse
import sys
from itertools import product

import numpy as np

import wordgate

GOOD = ("good", "great", "wonderful", "excellent", "fun")
BAD = ("bad", "awful", "terrible", "boring", "broken")
PAIRS = tuple(zip(GOOD, BAD, strict=True))
SUBJECTS = ("This", "The new version", "The whole thing", "It")

# Kind, whether both texts have the same words, the positive text, the negative one.
TEMPLATES = (
    ("negation", False, "{it} is {good}", "{it} is not {good} at all"),
    ("negation", False, "{it} is not {bad} at all", "{it} is {bad}"),
    ("negation", False, "{it} is {good}", "{it} is far from {good}"),
    ("before and after", True, "{it} was {bad} before, now it is {good}",
     "{it} was {good} before, now it is {bad}"),
    ("before and after", True, "{it} used to be {bad} and became {good}",
     "{it} used to be {good} and became {bad}"),
    ("but", True, "{it} looks {bad}, but it is {good}", "{it} looks {good}, but it is {bad}"),
    ("but", True, "{it} starts out {bad}, but the rest is {good}",
     "{it} starts out {good}, but the rest is {bad}"),
    ("comparison", True, "{it} is {good}, the old one was {bad}",
     "{it} is {bad}, the old one was {good}"),
    ("expectation", True, "I expected {it} to be {bad} and found it {good}",
     "I expected {it} to be {good} and found it {bad}"),
    ("expectation", True, "Nobody says {it} is {bad}, everybody says it is {good}",
     "Nobody says {it} is {good}, everybody says it is {bad}"),
)  # fmt: skip


def minimal_pairs():
    """Make the pairs: (kind, whether of the same words, positive text, negative text)."""
    for (kind, same, *texts), it, (good, bad) in product(TEMPLATES, SUBJECTS, PAIRS):
        inner = it if texts[0].startswith("{it}") else it[0].lower() + it[1:]
        yield (kind, same, *(text.format(it=inner, good=good, bad=bad) for text in texts))


def leanings(model, texts):
    """Give each text's probability of `positive` less that of `negative`, float64 [n]."""
    places = {label.casefold(): place for place, label in enumerate(model.labels)}
    if not {"positive", "negative"} <= places.keys():
        sys.exit(
            f"the model's labels are {', '.join(model.labels)}: positive or negative is missing"
        )
    proba = model.predict_proba(texts)
    return proba[:, places["positive"]] - proba[:, places["negative"]]


def main():
    """Judge the models and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--print", action="store_true", dest="shown")
    options = parser.parse_args()
    pairs = list(minimal_pairs())
    if options.shown:
        for kind, _, positive, negative in pairs:
            print(f"{kind}: {positive} / {negative}")
        return
    kinds = [kind for kind, *_ in pairs]
    same = np.array([each for _, each, *_ in pairs])
    names = list(dict.fromkeys(kinds))
    print("| model | right | on both sides | same words | " + " | ".join(names) + " |")
    print("|---" * (4 + len(names)) + "|")
    for folder in options.models:
        model = wordgate.load(folder)
        above = leanings(model, [positive for *_, positive, _ in pairs])
        below = leanings(model, [negative for *_, negative in pairs])
        right = above > below + 1e-9
        both = right & (above > 0) & (below < 0)
        of_kind = [np.array([kind == name for kind in kinds]) for name in names]
        shares = [right.mean(), both.mean(), right[same].mean()]
        shares += [right[rows].mean() for rows in of_kind]
        print(f"| {folder} | " + " | ".join(f"{share:.3f}" for share in shares) + " |")
    counts = ", ".join(f"{kinds.count(name)} {name}" for name in names)
    print(f"\n{len(pairs)} pairs: {counts}; {int(same.sum())} of the same words.")


if __name__ == "__main__":
    main()
