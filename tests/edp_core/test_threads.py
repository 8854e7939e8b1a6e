import threading

import pytest
from threadpoolctl import threadpool_info

from edp_core.threads import cores, on_all_cores


def _blas() -> set[int]:
    return {
        lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"
    }


def test_results_stand_in_order_and_errors_come_through():
    assert on_all_cores(lambda i: i * i, range(50)) == [i * i for i in range(50)]
    with pytest.raises(ZeroDivisionError):
        on_all_cores(lambda i: 1 // (i - 7), range(20))
    assert on_all_cores(len, []) == []


def test_blas_has_one_thread_inside_and_its_own_after(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert cores() == 2
    before = _blas()
    inside = on_all_cores(lambda _: _blas(), range(4))
    assert all(found == {1} for found in inside)
    assert _blas() == before


def test_called_from_inside_it_stays_in_its_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    def work(_):
        mine = threading.get_ident()
        return {mine} == set(on_all_cores(lambda _: threading.get_ident(), range(3)))

    assert all(on_all_cores(work, range(4)))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert set(on_all_cores(lambda _: threading.get_ident(), range(3))) == {
        threading.get_ident()
    }
