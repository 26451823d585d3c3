"""Work in several threads: all of it once, nothing hidden, BLAS as it was."""

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from wordgate.models import spreading
from wordgate.models.spreading import SingleThreadedBLAS, spread


@pytest.fixture(autouse=True)
def three_cores(monkeypatch):
    monkeypatch.setattr(spreading, "available_cores", lambda: 3)


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_every_piece_is_worked_on_once(n):
    done = []
    spread(done.append, iter(range(n)))
    assert sorted(done) == list(range(n))


def test_there_are_as_many_threads_as_cores():
    together, seen = threading.Barrier(3, timeout=60), set()

    def work(piece):
        together.wait()  # would time out, were there fewer
        seen.add(threading.get_ident())

    spread(work, range(3))
    assert len(seen) == 3


def test_a_single_piece_stays_in_this_thread():
    seen = []
    spread(lambda piece: seen.append(threading.get_ident()), [1])
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize("bad", [0, 7, 19])
def test_an_error_in_any_thread_is_raised(bad):
    def work(piece):
        if piece == bad:
            raise ArithmeticError("piece 7")

    with pytest.raises(ArithmeticError, match="piece 7"):
        spread(work, range(20))


def test_an_interruption_does_not_wait_for_the_rest():
    done, this = [], threading.get_ident()

    def work(piece):
        if threading.get_ident() == this:
            raise KeyboardInterrupt
        time.sleep(0.001)  # in which the other thread is interrupted
        done.append(piece)

    with pytest.raises(KeyboardInterrupt):
        spread(work, range(20_000))
    assert len(done) < 19_999


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_blas_has_its_threads_back_when_the_last_one_is_out():
    before, limit = blas_threads(), SingleThreadedBLAS()
    limit.__enter__()
    with limit:
        assert set(blas_threads()) <= {1}
    assert set(blas_threads()) <= {1}
    limit.__exit__(None, None, None)
    assert blas_threads() == before
