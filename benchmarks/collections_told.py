"""What the one command from its folder to shards says of each published collection.

    python benchmarks/collections_told.py [NAME ...]

The collections are made of real clips in their published form, with fewer clips; the commands are
those of docs/collections.md.
"""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fcn4_dist.clips import find_dataset
from tests.collections_made import MAKERS


def main(names: list[str]) -> None:
    """Make collections, and preprocess each with the command that the page names."""
    for name in names or MAKERS:
        dataset = find_dataset(name)
        assert dataset.about
        with tempfile.TemporaryDirectory() as folder:
            MAKERS[name](Path(folder) / dataset.about.unpacked)
            place = ["--audio_path", dataset.about.unpacked, *dataset.about.flags.split()]
            command = ["preprocess", "--dataset", name, *place, "--window_seconds", "3.41"]
            print(f"\n$ fcn4-dist {shlex.join(command)}", flush=True)
            done = subprocess.run([sys.executable, "-m", "fcn4_dist", *command], cwd=folder)
            if done.returncode:
                sys.exit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
