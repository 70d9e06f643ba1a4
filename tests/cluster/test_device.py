"""What is settled before MindSpore is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.cluster import device
from fcn4_dist.errors import InputError


def test_ascend_without_a_card_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--device_target CPU"):
        device.check_device("Ascend", device_folder=tmp_path)


def test_ascend_with_a_card_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "davinci0").touch()
    device.check_device("Ascend", device_folder=tmp_path)


def test_the_drivers_manager_alone_is_no_card(tmp_path: Path) -> None:
    (tmp_path / "davinci_manager").touch()
    with pytest.raises(InputError):
        device.check_device("Ascend", device_folder=tmp_path)


def test_the_cpu_is_always_there(tmp_path: Path) -> None:
    device.check_device("CPU", device_folder=tmp_path)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.7.1", None),
        ("2.8.0", None),
        ("2.9.0", "AVX2"),
        ("2.10.0", "AVX2"),
        ("2.10.0rc1", "AVX2"),
    ],
)
def test_the_slow_convolutions_of_2_9_and_later_are_kept_off(
    version: str, expected: str | None
) -> None:
    environment: dict[str, str] = {}
    device.prepare_environment("CPU", environment, version=version)
    assert environment.get("ONEDNN_MAX_CPU_ISA") == expected


def test_what_the_user_has_set_is_left_alone() -> None:
    environment = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "GLOG_v": "0"}
    device.prepare_environment("CPU", environment, version="2.10.0")
    assert environment == {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "GLOG_v": "0"}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"GLOG_v": "abc"}, "GLOG_v is 'abc', which MindSpore refuses: set it to one of 0, 1, 2"),
        ({"GLOG_stderrthreshold": "5"}, "GLOG_stderrthreshold is '5', which MindSpore refuses"),
        ({"GLOG_logtostderr": "yes"}, "GLOG_logtostderr is 'yes', which MindSpore refuses"),
        ({"GLOG_logtostderr": "0"}, "GLOG_log_dir, where MindSpore would log to, is not set"),
    ],
)
def test_variables_that_mindspore_cannot_be_imported_with_are_refused(
    variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        device.prepare_environment("CPU", variables)


def test_ascend_keeps_its_own_choice_of_kernels() -> None:
    environment: dict[str, str] = {}
    device.prepare_environment("Ascend", environment, version="2.10.0")
    assert "ONEDNN_MAX_CPU_ISA" not in environment


def test_a_python_without_mindspore_is_told_what_to_install(tmp_path: Path) -> None:
    # -S leaves out site-packages, and with it every installed package.
    repository = Path(device.__file__).parents[2]
    program = (
        f"import sys; sys.path.insert(0, {str(repository)!r})\n"
        "from fcn4_dist.cluster.device import check_mindspore\n"
        "check_mindspore()"
    )
    result = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True)
    assert result.returncode == 1
    assert "MindSpore is not installed in this Python: pip install" in result.stderr


def test_a_process_that_nothing_launched_is_no_part_of_a_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FCN4_DIST_LAUNCHED", raising=False)
    monkeypatch.delenv("MS_ROLE", raising=False)
    assert not device.launched()
    assert device.job_folder() is None


def test_a_process_of_our_launcher_knows_the_folder_of_its_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FCN4_DIST_LAUNCHED", "/job")
    monkeypatch.setenv("MS_ROLE", "MS_WORKER")
    assert device.launched()
    assert device.job_folder() == Path("/job")


def test_the_role_of_another_job_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FCN4_DIST_LAUNCHED", raising=False)
    monkeypatch.setenv("MS_ROLE", "MS_WORKER")
    with pytest.raises(InputError, match=r"MS_ROLE is set.*unset it"):
        device.launched()
