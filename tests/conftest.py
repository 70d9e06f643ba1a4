"""What the tests share: the environment, real clips, and shards made of them."""

import os
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.config import Settings, load_settings
from tests.small_clips import REAL_CLIPS, SMALL_FEATURES, small_clip_flags

# MindSpore reads the environment when it is imported; none of the imports above does that.
prepare_environment("CPU")
# MindSpore needs it and sets it itself, too late where TensorBoard was imported before.
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

# Where a shell has put the tests into the background, they and all they start would ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: what a change breaks is found where the change is made.
hypothesis.settings.register_profile(
    "fcn4_dist", deadline=None, derandomize=True, database=None, max_examples=50
)
hypothesis.settings.load_profile("fcn4_dist")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write out what a name has that is no UTF-8, and what no process may send to another."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(scope="session")
def real_clips() -> Path:
    """Folder of three classes with seven real clips of 1.5 s each."""
    return REAL_CLIPS


@pytest.fixture(scope="session")
def real_clip(real_clips: Path) -> Path:
    """One of the real clips: mono, 44100 Hz."""
    return real_clips / "dog_bark" / "1-30226-A.ogg"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of larger real collections, which the repository does not hold."""
    if not (folder := os.environ.get("FCN4_TEST_DATA")):
        pytest.skip("FCN4_TEST_DATA does not name a folder that holds larger real collections")
    return Path(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 30 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip(
            "a real full disk takes root to mount; tests beside this one do without, by a limit "
            "on the size of files"
        )
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def small_features() -> FeatureParameters:
    """Features of a whole real clip, about as small as FCN-4's pools allow."""
    return SMALL_FEATURES


@pytest.fixture(scope="session")
def small_flags() -> dict[str, str]:
    """Flags that say of the shards of the real clips what is not at its default."""
    return small_clip_flags()


@pytest.fixture(scope="session")
def preprocessed(
    real_clips: Path, small_flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of a finished preprocess job: 16 clips to train, 5 to validate, 2 shards each."""
    from fcn4_dist.jobs.preprocess import preprocess

    folder = tmp_path_factory.mktemp("preprocessed")
    paths = {
        "audio_path": str(real_clips),
        "npy_path": str(folder / "npy"),
        "info_path": str(folder),
        "mr_path": str(folder / "mindrecord"),
    }
    loaded = load_settings(flags=small_flags | paths | {"num_consumer": "2", "processes": "1"})
    preprocess(loaded)
    return loaded.settings


@pytest.fixture(scope="session")
def shards(preprocessed: Settings) -> Path:
    """Folder of finished shards of the real clips. Tests that change a file change a copy."""
    return Path(preprocessed.mr_path)
