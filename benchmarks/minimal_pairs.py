"""480 minimal pairs made by rules, for models of sentiment: `make bench-minimal-pairs`.

The two texts of a pair have nearly the same words, or the very same in another order, and opposite
meanings. The first table has 200 pairs: negation, before and after, but, comparison, expectation.
The second has 280 harder ones: double negation, "not only", "hardly", "could have been", although,
questions, comparatives. A pair is correct if the positive
text gets the higher probability of `positive` less that of `negative`; both texts are correct if
these differences are also above and below 0. A model that counts single words gives both texts of a
pair with the same words the same prediction. Chance is 0.5; the
templates name no product and come from no data set.

    python benchmarks/minimal_pairs.py MODEL [MODEL ...]   models that `wordgate train` wrote
    python benchmarks/minimal_pairs.py --print             the pairs
"""

import argparse
import sys
from itertools import product

import numpy as np

import wordgate
from printing import print_header, print_row

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

HARDER = (
    ("double negation", False, "Nobody could say that {it} is not {good}",
     "Nobody could say that {it} is {good}"),
    ("double negation", False, "There is no way that {it} is not {good}",
     "There is no way that {it} is {good}"),
    ("not only", False, "{it} is not only {good} but also cheap",
     "{it} is not {good} but only cheap"),
    ("not only", True, "{it} does not only look {good}, it is",
     "{it} does only look {good}, it is not"),
    ("hardly", False, "{it} is {good}", "{it} is hardly {good}"),
    ("hardly", False, "I can hardly find anything {bad} about {it}",
     "I can hardly find anything {good} about {it}"),
    ("could have been", False, "{it} could not have been more {good}",
     "{it} could have been more {good}"),
    ("could have been", False, "{it} could have been {bad}, but is not",
     "{it} could have been {good}, but is not"),
    ("although", True, "Although {it} looks {bad}, it is {good}",
     "Although {it} looks {good}, it is {bad}"),
    ("although", True, "{it} is {good}, although it looks {bad}",
     "{it} is {bad}, although it looks {good}"),
    ("question", False, "Why is {it} so {good}?", "Why is {it} not {good}?"),
    ("question", True, "Who said {it} was {bad}? It is {good}",
     "Who said {it} was {good}? It is {bad}"),
    ("comparative", True, "{it} is more {good} than the old one",
     "The old one is more {good} than {it}"),
    ("comparative", True, "{it} is less {bad} than the old one",
     "The old one is less {bad} than {it}"),
)  # fmt: skip


def minimal_pairs(templates):
    """Make the pairs: (kind, whether of the same words, positive text, negative text)."""
    for (kind, same, *texts), it, (good, bad) in product(templates, SUBJECTS, PAIRS):
        inside = it[0].lower() + it[1:]
        starts = (it if text.startswith("{it}") else inside for text in texts)
        filled = (
            text.format(it=start, good=good, bad=bad)
            for text, start in zip(texts, starts, strict=True)
        )
        yield (kind, same, *filled)


def leanings(model, texts):
    """Give each text's probability of `positive` less that of `negative`, float64 [n]."""
    places = {label.casefold(): place for place, label in enumerate(model.labels)}
    if not {"positive", "negative"} <= places.keys():
        sys.exit(
            f"the model's labels are {', '.join(model.labels)}: positive or negative is missing"
        )
    proba = model.predict_proba(texts)
    return proba[:, places["positive"]] - proba[:, places["negative"]]


def print_table(pairs, models):
    """Print what fraction of the pairs each model, by its folder, orders correctly."""
    kinds = [kind for kind, *_ in pairs]
    same = np.array([each for _, each, *_ in pairs])
    names = list(dict.fromkeys(kinds))
    print_header("model", "correct", "both texts correct", "same words", *names)
    for folder, model in models.items():
        above = leanings(model, [positive for *_, positive, _ in pairs])
        below = leanings(model, [negative for *_, negative in pairs])
        right = above > below + 1e-9
        both = right & (above > 0) & (below < 0)
        of_kind = [np.array([kind == name for kind in kinds]) for name in names]
        shares = [right.mean(), both.mean(), right[same].mean()]
        shares += [right[rows].mean() for rows in of_kind]
        print_row(folder, *(f"{share:.3f}" for share in shares))
    counts = ", ".join(f"{kinds.count(name)} {name}" for name in names)
    print(f"\n{len(pairs)} pairs: {counts}; {int(same.sum())} of the same words.\n")


def main():
    """Judge the models and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--print", action="store_true", dest="shown")
    options = parser.parse_args()
    models = {folder: wordgate.load(folder) for folder in options.models}
    for templates in (TEMPLATES, HARDER):
        pairs = list(minimal_pairs(templates))
        if options.shown:
            for kind, _, positive, negative in pairs:
                print(f"{kind}: {positive} / {negative}")
        else:
            print_table(pairs, models)


if __name__ == "__main__":
    main()
