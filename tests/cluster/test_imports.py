"""scikit-learn beside MindSpore, on a host where libraries find no room (aarch64, CANN).

MindSpore and scikit-learn are stand-ins here; what fails, and how, is the system's real loader.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.cluster.imports import check_imports, import_scikit_learn
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Level

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="there is no compiler (cc)")

# Memory that a library wants from what is given out once in a process.
LIBRARY = """
__thread char room[{size}] __attribute__((tls_model("initial-exec")));
char *take(void) {{ return room; }}
"""
# Takes it all, as MindSpore and CANN do together: a file that was loaded is not loaded again.
MINDSPORE = """
import ctypes, shutil
from pathlib import Path
source = Path(__file__).with_name("eater.so")
for number in range(1000):
    copy = shutil.copy(source, source.with_name(f"eater{number}.so"))
    try:
        ctypes.CDLL(str(copy))
    except OSError as error:
        assert "static TLS" in str(error)
        break
"""
SKLEARN = """
import ctypes
from pathlib import Path
try:
    ctypes.CDLL(str(next((Path(__file__).parents[1] / "scikit_learn.libs").glob("libgomp*"))))
except OSError as error:
    # What scikit-learn says comes behind.
    raise ImportError(f"{error}\\n___\\nIt seems to be built incorrectly.") from error
"""
WORKER = """
import sys
from fcn4_dist.cluster.device import prepare_environment
if sys.argv[1] == "prepared":
    prepare_environment("Ascend")
import mindspore
import sklearn.metrics
"""
A_LITTLE, MORE_THAN_THERE_IS = 64, 10**6


class Packages:
    """A folder of packages, before all that are installed.

    Args:
        folder: It.
        size: Bytes that the OpenMP library of scikit-learn wants.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.library = folder / "scikit_learn.libs" / "libgomp-d22c30c5.so.1.0.0"
        for path, text in {
            "mindspore/__init__.py": MINDSPORE,
            "sklearn/metrics.py": SKLEARN,
        }.items():
            (folder / path).parent.mkdir()
            (folder / path).write_text(text)
        (folder / "sklearn/__init__.py").touch()
        self.library.parent.mkdir()
        self._compile(folder / "mindspore" / "eater.so", A_LITTLE)
        self._compile(self.library, size)
        self.variables = {**os.environ, "PYTHONPATH": f"{folder}:{os.environ['PYTHONPATH']}"}

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Import both, as a worker does it."""
        command = [sys.executable, "-c", WORKER, *arguments]
        return subprocess.run(command, env=self.variables, capture_output=True, text=True)

    def _compile(self, target: Path, size: int) -> None:
        command = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(target), "-"]
        subprocess.run(command, input=LIBRARY.format(size=size), text=True, check=True)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return Packages(tmp_path, A_LITTLE)


@pytest.fixture
def large(tmp_path: Path, packages: Packages) -> Packages:
    """As before, but the library would find no room even if it came first."""
    (tmp_path / "large").mkdir()
    return Packages(tmp_path / "large", MORE_THAN_THERE_IS)


def test_what_scikit_learn_needs_is_loaded_before_mindspore_takes_the_room(
    packages: Packages,
) -> None:
    failed = packages.start("not prepared")
    assert "libgomp-d22c30c5.so.1.0.0: cannot allocate memory in static TLS" in failed.stderr
    done = packages.start("prepared")
    assert done.returncode == 0, done.stderr
    assert check_imports(packages.variables).level is Level.OK


def test_where_that_is_not_enough_the_check_says_what_is_and_it_is(large: Packages) -> None:
    finding = check_imports(large.variables)
    assert finding.level is Level.ERROR
    assert str(finding) == (
        "libgomp-d22c30c5.so.1.0.0, which scikit-learn needs, finds no room beside MindSpore: "
        f"export LD_PRELOAD={large.library}"
    )
    mended = large.variables | {"LD_PRELOAD": str(large.library)}
    assert check_imports(mended).level is Level.OK


def test_another_fault_is_told_in_its_own_words(packages: Packages) -> None:
    (packages.folder / "mindspore/__init__.py").write_text("raise ImportError('no libgraph.so')")
    assert str(check_imports(packages.variables)) == (
        "MindSpore and scikit-learn cannot be imported together (ImportError: no libgraph.so): "
        "install them again"
    )


def test_a_rank_that_will_need_it_fails_before_its_work_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(InputError, match=r"cannot be imported together .*: install them again"):
        import_scikit_learn()
