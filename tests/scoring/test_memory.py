"""A file five times as large takes as much memory."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="measures memory as Unix does")

# The model itself is left out, so that many rows take little time.
MEASURE = """
import re, resource, sys
from pathlib import Path
import numpy as np
import wordgate
from wordgate.scoring import scoring
from wordgate.runtime.progress import Silent

bundle, out, rows = sys.argv[1:]
model = scoring.load_with_progress(bundle, None)

class Quick:
    labels, config, changed_files, n_threads = model.labels, model.config, (), 1
    def predict_proba(self, texts):
        return np.full((len(texts), 2), 0.5)

scoring.load_with_progress = lambda *_, **__: Quick()

def peak(rows):
    source = f"{rows}.{out.rpartition('.')[2].replace('parquet', 'csv')}"
    record = '{"text": "%s %d"}\\n' if "json" in source else "%s,%d\\n"
    with open(source, "w") as file:
        if "csv" in source:
            file.write("text,id\\n")
        file.writelines(record % ("We love this lamp" * 7, i) for i in range(rows))
    scored = wordgate.score(bundle, source, out, overwrite=True, progress=Silent())
    assert scored.rows == rows
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss begins with what the parent had, which may hide all growth
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024 if
           sys.platform == "darwin" else 1024)

few = peak(int(rows) // 5)
print(peak(int(rows)) - few)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "out", ["out.csv", "out.jsonl", pytest.param("out.parquet", marks=pytest.mark.needs("pyarrow"))]
)
def test_memory_does_not_grow_with_the_file(count_model, here, out, how_many):
    rows = how_many(250_000, 350_000)
    command = [sys.executable, "-c", MEASURE, count_model.folder, out, str(rows)]
    # PyArrow's own allocator keeps freed memory for a while, more or less by the machine's speed.
    settings = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, env=settings
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    # Texts kept in memory would take more than their bytes in the file.
    megabytes_of_further_text = (rows - rows // 5) * 130 / 1e6
    assert int(ended.stdout) < megabytes_of_further_text
