"""Few threads for a while, also where several fills run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

import cv2
import pytest
import torch

from vinpaint.devices import few_threads
from vinpaint.fill.threads import single_threaded


def seen_by_others(count: Callable[[], int]) -> int:
    """As a thread that begins now has it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(count).result()


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(3)
    cv2.setNumThreads(3)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.parametrize(
    ("few", "count"),
    [(lambda: few_threads(1), torch.get_num_threads), (single_threaded, cv2.getNumThreads)],
    ids=["torch", "opencv"],
)
@pytest.mark.parametrize("first_out", [0, 1])
def test_overlapping_fills_leave_the_number_as_it_was(
    few: Callable[[], AbstractContextManager[None]], count: Callable[[], int], first_out: int
) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        pools, inside = (one, other), (ExitStack(), ExitStack())
        for pool, stack in zip(pools, inside, strict=True):
            assert pool.submit(lambda stack=stack: (stack.enter_context(few()), count())[1]).result() == 1
        for n in (first_out, 1 - first_out):
            assert pools[1 - first_out].submit(count).result() == 1
            pools[n].submit(inside[n].close).result()
        assert seen_by_others(count) == 3
        assert pools[1 - first_out].submit(count).result() == 3


def test_within_another_the_number_is_not_raised() -> None:
    with few_threads(1):
        with few_threads():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == seen_by_others(torch.get_num_threads) == 1
    assert torch.get_num_threads() == seen_by_others(torch.get_num_threads) == 3


def test_an_error_brings_the_number_back() -> None:
    for few in (few_threads, single_threaded):
        with pytest.raises(RuntimeError), few():
            raise RuntimeError
    assert (torch.get_num_threads(), cv2.getNumThreads()) == (3, 3)
