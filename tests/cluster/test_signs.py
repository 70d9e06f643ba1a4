"""What says that a host is one with Ascend cards."""

from pathlib import Path

import pytest

from fcn4_dist.cluster import sites
from fcn4_dist.cluster.signs import sign_of_ascend
from fcn4_dist.host.driver import ROOT_VARIABLE


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for "/" on a host of which nothing is known."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sites, "MINDCLUSTER_TABLE", tmp_path / "user/hccl.json")
    return tmp_path


def test_a_host_on_which_nothing_speaks_of_ascend_has_none() -> None:
    assert sign_of_ascend({"PATH": "/usr/bin", "ASCEND_HOME_PATH": ""}) == ""


@pytest.mark.parametrize(
    ("file", "sign"),
    [
        ("dev/davinci3", "/dev/davinci3 is here"),
        ("dev/davinci_manager", "/dev/davinci_manager is here"),
        ("etc/ascend_install.info", "/etc/ascend_install.info is here"),
        ("usr/local/Ascend/driver/version.info", "/usr/local/Ascend/driver is here"),
    ],
)
def test_whatever_a_driver_has_left_is_a_sign_even_if_no_card_is_shown(
    root: Path, file: str, sign: str
) -> None:
    (root / file).parent.mkdir(parents=True)
    (root / file).touch()
    assert sign_of_ascend({}) == sign


@pytest.mark.parametrize("folder", ["bin", "usr/local/sbin"])
def test_npu_smi_is_a_sign_on_the_path_or_where_the_driver_puts_it(root: Path, folder: str) -> None:
    (root / folder).mkdir(parents=True)
    (root / folder / "npu-smi").touch(0o755)
    assert sign_of_ascend({}) == f"{root / folder}/npu-smi is here"


@pytest.mark.parametrize(
    "name", ["ASCEND_HOME_PATH", "ASCEND_RT_VISIBLE_DEVICES", "ASCEND_VISIBLE_DEVICES"]
)
def test_a_variable_of_cann_or_of_a_container_is_a_sign(name: str) -> None:
    assert sign_of_ascend({name: "0"}) == f"the variable {name} is set"


def test_a_rank_table_of_the_site_is_a_sign(root: Path) -> None:
    assert sign_of_ascend({"RANK_TABLE_FILE": "t.json"}) == "the rank table t.json is here"
    (root / "user").mkdir()
    (root / "user/hccl.json").touch()
    assert sign_of_ascend({}) == f"the rank table {root}/user/hccl.json is here"
