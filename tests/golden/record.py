"""The golden record: the results of the present code, to compare later code with.

    python tests/golden/record.py write GOLDEN.json [CASES]   writes it
    python tests/golden/record.py check GOLDEN.json [CASES]   prints what has become otherwise
    python tests/golden/record.py small                       writes small.json for test_golden.py

CASES is a regular expression of their names, such as ``table``, ``"table 00"``, ``tweets`` or
``"train lstm"``; without it there are 2,000 generated tables, what the real data gives (see
``WORDGATE_REAL_DATA`` in CONTRIBUTING.md), and models trained on a part of it.

Values must stay as they are; of sentences, numbers must, and words may change. A record is good for
the machine and the versions that wrote it, since last bits differ elsewhere. ``check`` ends with 1
where values differ, or numbers in sentences.
"""

import os
import sys

if __name__ == "__main__":  # before numpy and torch are imported: sums in one order
    os.environ.update(OMP_NUM_THREADS="1", WORDGATE_THREADS="1", WORDGATE_CACHE_HOME="cache")
    os.environ.update(COLUMNS="100", TERM="dumb", NO_COLOR="1", HF_HUB_OFFLINE="1")
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of words in one order, in a process anew
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])

import json
import re
import shutil
import tempfile
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from facts import Difference, Facts, compact, differences

SMALL = Path(__file__).with_name("small.json")
N_TABLES, N_SMALL = 2000, 60
STAGES = ("read", "split", "audit", "score")
SHOWN = 15
"""Differences of each kind that are printed."""


def main(arguments):
    if arguments == ["small"]:
        with working_folder():
            write_json(SMALL, small_record(count_model(), N_SMALL))
        return 0
    if len(arguments) not in (2, 3) or arguments[0] not in ("write", "check"):
        sys.exit(__doc__)
    command, file, *pattern = arguments
    golden = Path(file).absolute()
    before = json.loads(golden.read_text(encoding="utf-8")) if command == "check" else {}
    with working_folder():
        found = record(*pattern)
    if command == "write":
        write_json(golden, found)
        return 0
    wanted = re.compile(pattern[0] if pattern else "")
    return report({name: case for name, case in before.items() if wanted.search(name)}, found)


def record(pattern=""):
    """Record all cases whose names match."""
    import generated
    import layout

    import models

    layout.keep_no_vectors()
    wanted, found, started = re.compile(pattern), {}, time.monotonic()
    tables = generated.cases(N_TABLES, Path("scoring model"))
    chosen = {
        name: case for name, case in {**models.cases(), **tables}.items() if wanted.search(name)
    }
    if chosen.keys() & tables.keys():
        count_model()
    for name, case in chosen.items():
        begun = time.monotonic()
        try:
            found[name] = case().to_json()
        except Exception:  # it is a difference like others, and the rest goes on
            sys.stderr.write(f"{name}:\n{traceback.format_exc()}\n")
            crash = Facts(values={"crash": traceback.format_exc().splitlines()[-1]})
            found[name] = crash.to_json()
        if time.monotonic() - begun > 1:
            sys.stderr.write(f"{name}: {time.monotonic() - begun:.0f} s\n")
    sys.stderr.write(f"{len(found):,} cases in {time.monotonic() - started:.0f} s\n")
    return found


def small_record(bundle, n):
    """Record what is the same on every machine, of the first tables: values alone, as digests."""
    return {stage: small_stage(stage, bundle, n) for stage in STAGES}


def small_stage(stage, bundle, n):
    import generated

    return {
        f"table {number:04d}": compact(
            generated.record(number, bundle, [stage], portable=True).values
        )
        for number in range(n)
    }


def count_model():
    """Train the word counts that score the generated tables, on generated reviews."""
    import layout

    import conftest
    import wordgate

    out = Path("scoring model")
    conftest.write_reviews(Path("reviews.csv"))
    wordgate.train("reviews.csv", model="count", out=out, progress=layout.Said())
    return out


@contextmanager
def working_folder():
    """Work in an empty folder, so that paths in sentences are the same each time."""
    sys.path.append(str(Path(__file__).parents[1]))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # fsync takes no time there
    before, folder = Path.cwd(), tempfile.mkdtemp(dir=memory)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


def write_json(file, found):
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in found.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def report(before, after):
    """Print how two records differ; give 1 where values or numbers do."""
    changed = {"values": {}, "numbers": {}, "wording": {}}
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            where = Difference("values", "case", name in before or None, name in after or None)
            changed["values"][name] = [where]
            continue
        for difference in differences(before[name], after[name]):
            changed[difference.kind].setdefault(name, []).append(difference)
    for kind, cases in changed.items():
        if cases:
            print(f"\n{kind.upper()}: {len(cases):,} of {len(before):,} cases differ")
            keys = Counter(one.key for found in cases.values() for one in found)
            print("  by key:", ", ".join(f"{key} ({n})" for key, n in keys.most_common(12)))
            _print_first(cases)
    equal = len(before) - len({name for cases in changed.values() for name in cases})
    print(f"\n{equal:,} of {len(before):,} cases are equal.")
    return int(bool(changed["values"] or changed["numbers"]))


def _print_first(cases):
    """Print the first differences, of each key one before any second."""
    flat = [(name, one) for name, found in cases.items() for one in found]
    seen = Counter()
    ranked = []
    for name, one in flat:
        ranked.append((seen[one.key], name, one))
        seen[one.key] += 1
    ranked.sort(key=lambda entry: entry[0])
    for _, name, one in ranked[:SHOWN]:
        print(f"  {name}, {one.key}")
        for sign, value in (("-", one.before), ("+", one.after)):
            print(f"    {sign} {json.dumps(_apart(value, one, sign), ensure_ascii=False):.400}")
    if len(ranked) > SHOWN:
        print(f"  ... and {len(ranked) - SHOWN:,} more")


def _apart(value, difference, sign):
    """Of two lists, give what only this one has."""
    before, after = difference.before, difference.after
    if not (isinstance(before, list) and isinstance(after, list)):
        return value
    other = after if sign == "-" else before
    return [one for one in value if one not in other]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
