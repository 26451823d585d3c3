"""How torch's threads wait for each other."""

import os


def wait_asleep() -> None:
    """Let OpenMP's threads sleep soon while they wait; works only before torch is imported.

    By default they spin. An LSTM synchronises its threads thousands of times a second, so where
    another program wants a core, too, spinning starves the very thread that is waited for: on two
    busy cores training was ten times slower. A short spin costs nothing on an idle machine.
    What the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
