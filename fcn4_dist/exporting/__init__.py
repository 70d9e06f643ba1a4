"""A trained network as a file that other programs run, compared with the network itself."""

from fcn4_dist.exporting.comparison import (
    LARGEST_DIFFERENCE,
    Comparison,
    compare,
    comparison_windows,
)
