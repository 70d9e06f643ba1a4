"""``python -m fcn4_dist``: the same as the console command ``fcn4-dist``."""

import sys

from fcn4_dist.cli import main

if __name__ == "__main__":
    sys.exit(main())
