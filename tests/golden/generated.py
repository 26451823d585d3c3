"""Cases of generated tables: what is read and rejected, how rows are split, what is scored."""

import io
import json
import random
import re
import sys
from functools import partial
from pathlib import Path

import layout
import numpy as np
from facts import Facts, digest

import wordgate

sys.path.append(str(Path(__file__).parents[1] / "faults" / "many"))
import tables
from pyarrow import parquet

ABSTAIN_BELOW = 0.695
"""No label below, where a record is for other machines, too: a close call may end otherwise.

Of the first 60 tables no text has a probability within 0.01 of it."""
_PROBABILITY = re.compile(rb"[01]\.\d{1,6}(e-\d+)?|(?<=[:,;|\t] )[01]\.0")
_AUDITED = 40
"""Copies are sought in every 40th table: that takes ten times as long as all else."""
_SPLITS = {"test_size": 0.3, "valid_size": 0.2, "seed": 1}


def cases(n, bundle):
    """Name the cases of so many tables, scored by the model in a folder."""
    return {f"table {number:04d}": partial(record, number, bundle) for number in range(n)}


def record(number, bundle, stages=None, *, portable=False):
    """Record a table: in the stages ``read``, ``split``, ``audit`` and ``score``, all or some.

    Args:
        number: The seed of the table.
        bundle: The folder of the model that scores it.
        stages: Which to go through; None for all.
        portable: Leave out what another machine may compute a little otherwise: probabilities,
            and labels that are hardly more probable than another.
    """
    made, facts = tables.make(random.Random(number)), Facts()
    path = Path(made.name)
    path.write_bytes(made.raw)
    work = {"read": _read, "split": _split, "audit": _audit, "score": _score}
    for stage in work if stages is None else stages:
        if stage == "audit" and number % _AUDITED:
            continue
        work[stage](facts, made, path, *([bundle, portable] if stage == "score" else []))
    path.unlink()
    return facts


def _read(facts, made, path):
    facts.put("made", digest(made.raw))
    _attempt(facts, "read", _read_one, facts, "read", path, min_labels=0, **made.flags)
    _attempt(facts, "inferred", _read_one, facts, "inferred", path)
    drop = ["bad"] if "label" in made.flags else []
    _attempt(facts, "limited", _read_one, facts, "limited", path, labelled=False, limit=5,
             drop_labels=drop, empty_text_as="nan")  # fmt: skip
    _attempt(facts, "as UTF-8", _read_one, facts, "as UTF-8", path, encoding="utf-8")
    if made.width > 2:
        others = [n for n in range(1, made.width + 1) if n != made.text_at + 1]
        _attempt(facts, "joined", _read_one, facts, "joined", path, labelled=False,
                 text=[others[-1], made.text_at + 1], group=others[0])  # fmt: skip


def _read_one(facts, key, path, **options):
    columns, account = layout.read(path, **options)
    for name, column in columns.items():
        facts.put(f"{key}/{name}", column)
    facts.put(key, account)


def _split(facts, made, path):
    columns = _attempt(facts, "split", layout.read, path, min_labels=0, **made.flags)
    if columns is None or columns[0]["labels"] is None:
        return
    texts, labels = columns[0]["texts"], columns[0]["labels"]
    threes = [str(i // 3) for i in range(len(texts))]
    for name, kind, groups in (
        ("random", "random", None), ("grouped", "grouped", None), ("threes", "grouped", threes),
    ):  # fmt: skip
        key = f"split/{name}"
        found = _attempt(facts, key, layout.split, kind, texts, labels, groups, **_SPLITS)
        if found is not None:
            facts.put(key, found)
    _attempt(facts, "split/folds", put_folds, facts, "split/folds", texts, labels, threes)


def put_folds(facts, key, texts, labels, groups):
    """Record which rows are judged in each of five folds."""
    splitter = wordgate.GroupedSplit(5, random_state=1, merge_duplicates=False)
    fold = np.zeros(len(texts), int)
    for number, (_, judged) in enumerate(splitter.split(texts, labels, groups)):
        fold[judged] = number
    facts.put(key, fold.tolist())


def _audit(facts, made, path):
    flags = {name: made.flags[name] for name in ("text", "label") if name in made.flags}
    found = _attempt(facts, "audit", wordgate.audit, path, **flags)
    if found is None:
        return
    put_audit(facts, "audit", found)
    bodies = layout.read(path, **made.flags, min_labels=0)[0]["bodies"]
    threes = [str(i // 3) for i in range(len(bodies))]
    facts.put("audit/joined threes", layout.joined_groups(bodies, threes))


def put_audit(facts, key, audit):
    """Record an audit; how its data was read is left to another part of the record."""
    found = audit.to_json()
    del found["reading"]
    facts.put(key, found)


def _score(facts, made, path, bundle, portable):
    """Score to JSON Lines first, whose errors tell what to take out of other results' bytes."""
    suffixes = [".jsonl", path.suffix, random.Random(made.raw).choice([".csv", ".parquet"])]
    options = {"text": made.flags["text"], "batch": 7, "overwrite": True}
    options["abstain_below"] = ABSTAIN_BELOW if portable else 0.0
    errors = []
    for suffix in dict.fromkeys(suffixes):
        key, said, out = f"score{suffix}", layout.Said(), Path(f"scored{suffix}")
        given = {**options, "progress": said}
        scored = _attempt(facts, key, wordgate.score, bundle, path, out, **given)
        if scored is None:
            continue
        facts.put(key, {"rows": scored.rows, "scored": scored.scored, "errors": scored.errors,
                        "abstained": scored.abstained, "added": scored.added,
                        "first errors": [row for row, _ in scored.first_errors],
                        "why": [why for _, why in scored.first_errors],
                        "said": said.lines})  # fmt: skip
        if suffix == ".parquet":
            _put_parquet(facts, key, out, portable)
        else:
            errors = _errors(out) if suffix == ".jsonl" else errors
            facts.put(f"{key}/bytes", result_digest(out.read_bytes(), errors, portable=portable))
        if suffix == ".jsonl":
            facts.put(f"{key}/rejected_reasons", errors)
        out.unlink()
    _score_stream(facts, made, bundle, options, portable)


def _errors(out):
    lines = out.read_text(encoding="utf-8").split("\n")
    last = [list(json.loads(line).values())[-1] for line in lines if line]
    return [error for error in last if error is not None]


def result_digest(raw, errors, *, portable=False):
    """Hash a result with its errors' sentences left out, in whatever form they stand there."""
    for error in sorted(set(errors), key=len, reverse=True):
        in_json = json.dumps(error, ensure_ascii=False)
        for form in (in_json, '"' + error.replace('"', '""') + '"', error):
            raw = raw.replace(form.encode(errors="surrogatepass"), b"<error>")
    return digest(_PROBABILITY.sub(b"#", raw) if portable else raw)


def _put_parquet(facts, key, out, portable):
    table = parquet.read_table(out)
    facts.put(f"{key}/schema", [f"{field.name}: {field.type}" for field in table.schema])
    rows = [list(row.values()) for row in table.to_pylist()]
    n_added = len(facts.values[f"{key}/added"])
    kept = [row[:-n_added] + ([row[-n_added]] if portable else row[-n_added:-1]) for row in rows]
    facts.put(f"{key}/cells", digest(repr(kept)))
    facts.put(f"{key}/rejected", [number for number, row in enumerate(rows) if row[-1]])


def _score_stream(facts, made, bundle, options, portable):
    """Score the same bytes as they come through standard input."""
    given = {**options, "overwrite": False, "to": "jsonl", "progress": layout.Said()}
    stdin, stdout = sys.stdin, sys.stdout
    sys.stdin = io.TextIOWrapper(io.BytesIO(made.raw))
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        _attempt(facts, "score stream", wordgate.score, bundle, **given)
        raw = sys.stdout.buffer.getvalue()
    finally:
        sys.stdin, sys.stdout = stdin, stdout
    errors = [list(json.loads(line).values())[-1] for line in raw.decode().split("\n") if line]
    facts.put("score stream/rejected", [n for n, error in enumerate(errors) if error])
    facts.put("score stream/rejected_reasons", [error for error in errors if error])
    facts.put("score stream/bytes", result_digest(raw, filter(None, errors), portable=portable))
    facts.put("score stream/said", given["progress"].lines)


def _attempt(facts, key, function, *arguments, **options):
    """Call a function; record its refusal, and give None, where it refuses."""
    try:
        return function(*arguments, **options)
    except wordgate.MissingExtraError:
        raise
    except wordgate.WordgateError as error:
        facts.put(f"{key}/refused", type(error).__name__)
        facts.put(f"{key}/message", str(error))
        return None
