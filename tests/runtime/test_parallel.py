"""Work in several threads: all of it once, nothing hidden, BLAS as it was."""

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from wordgate.runtime.parallel import parallel_for, part_size, prefetch
from wordgate.runtime.threads import SingleThreadedBLAS, limited_blas


@pytest.fixture
def started(monkeypatch):
    """List the threads that are started."""
    begun, start = [], threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (begun.append(self), start(self)))
    return begun


@pytest.mark.parametrize("threads", [1, 2, 3, 40])
@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_every_piece_is_worked_on_once(n, threads):
    done = []
    parallel_for(done.append, iter(range(n)), threads=threads)
    assert sorted(done) == list(range(n))


def test_there_are_as_many_threads_as_asked_for():
    together, seen = threading.Barrier(3, timeout=60), set()

    def work(item):
        together.wait()  # would time out, were there fewer
        seen.add(threading.get_ident())

    parallel_for(work, range(3), threads=3)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("threads", "n", "helpers"), [(1, 50, 0), (3, 1, 0), (3, 0, 0), (1000, 3, 2), (3, 50, 2)]
)
def test_no_more_threads_are_started_than_are_of_use(started, threads, n, helpers):
    together = threading.Barrier(min(helpers + 1, max(n, 1)), timeout=60)

    def work(item):
        if item <= helpers:
            together.wait()  # so that each helper has an item

    parallel_for(work, range(n), threads=threads)
    assert len(started) == helpers


@pytest.mark.parametrize("bad", [0, 7, 19])
def test_an_error_in_any_thread_is_raised(bad):
    def work(item):
        if item == bad:
            raise ArithmeticError("item 7")

    with pytest.raises(ArithmeticError, match="item 7"):
        parallel_for(work, range(20), threads=3)


def test_an_interruption_does_not_wait_for_the_rest():
    done, this = [], threading.get_ident()

    def work(item):
        if threading.get_ident() == this:
            raise KeyboardInterrupt
        time.sleep(0.001)  # in which the other thread is interrupted
        done.append(item)

    with pytest.raises(KeyboardInterrupt):
        parallel_for(work, range(20_000), threads=3)
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


def test_blas_is_held_down_for_the_time_being_and_never_given_more():
    before = blas_threads()
    with limited_blas(2), limited_blas(1):
        assert set(blas_threads()) <= {1}
        with limited_blas(2):
            assert set(blas_threads()) <= {1}
    assert blas_threads() == before


# Prefetching


def test_items_come_in_order_from_another_thread():
    def threads():
        for number in range(5):
            yield number, threading.current_thread()

    with prefetch(threads(), threads=2) as items:
        drawn = list(items)
    assert [number for number, _ in drawn] == [0, 1, 2, 3, 4]
    assert threading.main_thread() not in {thread for _, thread in drawn}


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Event()

    def items():
        yield "first"
        made.set()
        yield "second"

    with prefetch(items(), threads=2) as drawn:
        assert next(drawn) == "first"
        assert made.wait(timeout=60.0)


def test_it_is_never_more_than_one_ahead():
    count = []

    def items():
        for number in range(10):
            count.append(number)
            yield number

    with prefetch(items(), threads=2) as drawn:
        next(drawn)
        time.sleep(0.05)
        assert len(count) <= 2


def test_no_thread_is_left_when_the_rest_is_not_wanted():
    before = set(threading.enumerate())
    with prefetch(iter(range(1000)), threads=2) as items:
        next(items)
    assert set(threading.enumerate()) <= before


def test_an_error_is_raised_where_the_item_is_asked_for():
    def items():
        yield 1
        raise ValueError("no second")

    with prefetch(items(), threads=2) as drawn:
        assert next(drawn) == 1
        with pytest.raises(ValueError, match="no second"):
            next(drawn)


def test_with_one_thread_each_item_is_drawn_when_it_is_asked_for():
    drawn = []

    def items():
        for number in range(3):
            drawn.append((number, threading.current_thread()))
            yield number

    with prefetch(items(), threads=1) as given:
        assert drawn == []
        assert next(given) == 0
        assert len(drawn) == 1
        assert list(given) == [1, 2]
    assert {thread for _, thread in drawn} == {threading.current_thread()}


@pytest.mark.parametrize(
    ("items", "threads", "expected"),
    [(1, 2, 64), (64, 2, 64), (100, 2, 64), (512, 2, 256), (2048, 2, 1024), (2049, 2, 513),
     (3000, 2, 750), (11_000, 2, 917), (11_000, 1, 1000), (11_000, 16, 688)],
)  # fmt: skip
def test_every_thread_gets_the_same_number_of_parts(items, threads, expected):
    size = part_size(items, threads, 1024)
    assert size == expected
    assert size == 64 or -(-items // size) % threads == 0
