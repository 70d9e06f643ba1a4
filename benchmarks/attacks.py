"""What attacks from outside come to: damaged files, messages, kills, full disks; counts of each.

Example:
    python benchmarks/attacks.py
    python benchmarks/attacks.py --kinds manifests annotations --times 10 --seed 7
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fcn4_dist.terminal import table
from tests.attacks.outcome import KINDS, attacks, counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--times", type=int, default=1, help="that many times the attacks of the proof; default 1"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn; default 0")
    options = parser.parse_args()
    rows, harmful = [], []
    for kind in options.kinds:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            outcomes = list(attacks(kind, Path(folder), options.times * KINDS[kind], options.seed))
        seconds = time.perf_counter() - start
        numbers = [len(outcomes), *counts(outcomes).values(), round(seconds)]
        rows.append([kind, *map(str, numbers)])
        harmful += [(kind, outcome) for outcome in outcomes if not outcome.harmless]
    print(table([["attack", "number", *counts([]), "seconds"], *rows]))
    for kind, outcome in harmful:
        print(f"{kind}: {outcome.attack}: {outcome.came_to}: {outcome.detail}")
    return 1 if harmful else 0


if __name__ == "__main__":
    sys.exit(main())
