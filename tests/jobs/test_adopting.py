"""What a node takes from node 0: settings that can be, and no folder to write to elsewhere."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cluster.launchers import meet
from fcn4_dist.cluster.secret import Secret
from fcn4_dist.cluster.topology import LOOP_BACK, Nodes, free_port
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.prepare import adopt_from_main

SECRET = Secret(b"what both of them know")
SECONDS = 20.0

Adopt = Callable[..., Settings]


@pytest.fixture
def adopt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adopt]:
    """Have node 1 take settings of node 0, of which some are changed on their way."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def adopted(changes: dict[str, Any], secret: Secret | None = None, **flags: str) -> Settings:
        port = free_port() - 1
        nodes = [Nodes(2, rank, LOOP_BACK, port) for rank in range(2)]

        def node_0() -> None:
            with closing(meet(nodes[0], lambda line: None, SECONDS, secret)) as launchers:
                launchers.broadcast({**Settings().as_dict(), **changes})

        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(node_0)
            with closing(meet(nodes[1], lambda line: None, SECONDS, secret)) as launchers:
                loaded = adopt_from_main("train", load_settings(flags=flags), launchers)
            sending.result(SECONDS)
        return loaded.settings

    yield adopted


@pytest.mark.parametrize("run_dir", ["", "train", "runs/../train", "./a/b"])
def test_a_folder_below_the_one_the_node_was_started_in_is_taken(
    adopt: Adopt, run_dir: str
) -> None:
    assert adopt({"run_dir": run_dir, "lr": 0.25}).run_dir == run_dir


@pytest.mark.parametrize("run_dir", ["/etc/cron.d", "../there", "link/there", "a/../../there"])
def test_another_one_is_not_unless_it_is_given_here_or_node_0_is_known(
    adopt: Adopt, run_dir: str, tmp_path: Path
) -> None:
    Path("link").symlink_to(tmp_path)
    with pytest.raises(InputError, match=r"node 0 has this node write to .*: give --run_dir here"):
        adopt({"run_dir": run_dir})
    assert adopt({"run_dir": run_dir}, run_dir="own").run_dir == "own"
    assert adopt({"run_dir": run_dir}, SECRET).run_dir == run_dir


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lr": "high"}, "node 0: lr must be a number, got 'high'"),
        ({"lr": None}, "node 0: lr must be a number, got None"),
        ({"batch_size": 0}, "node 0: batch_size must be at least 1, got 0"),
        ({"mr_name": "train"}, "node 0: mr_name must be "),
        ({"mr_name": ["a", 5]}, "node 0: mr_name must be "),
        ({"prefix": "../x"}, "prefix must be a name, not a path, got '../x'"),
        ({"run_dir": "a\0b"}, "node 0: run_dir must hold no control characters"),
    ],
)
def test_a_setting_that_cannot_be_is_told_by_its_name(
    adopt: Adopt, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        adopt(changes)
    assert sentence in str(caught.value)
