"""How many threads MindSpore is asked to use."""

from typing import Any

import mindspore as ms
import mindspore.dataset as ds
import pytest

from fcn4_dist.cluster.threads import use_threads

Asked = list[tuple[str, int]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    calls: Asked = []

    def noting(name: str) -> Any:
        return lambda threads: calls.append((name, threads))

    monkeypatch.setattr(ms.runtime, "dispatch_threads_num", noting("operators"))
    monkeypatch.setattr(ds.config, "set_num_parallel_workers", noting("readers"))
    return calls


@pytest.mark.parametrize(
    ("device", "calls"),
    [("Ascend", [("operators", 6), ("readers", 3)]), ("CPU", [("readers", 3)])],
)
def test_mindspore_is_asked_for_as_many_as_are_set(asked: Asked, device: str, calls: Asked) -> None:
    use_threads(device, 6, 3)
    assert asked == calls


@pytest.mark.parametrize("device", ["Ascend", "CPU"])
def test_what_is_not_set_is_left_to_mindspore(asked: Asked, device: str) -> None:
    use_threads(device, 0, 0)
    assert asked == []
