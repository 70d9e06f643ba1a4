"""The network: its geometry (no MindSpore needed), its layers (``fcn4``), and how it is built."""

from fcn4_dist.model.geometry import (
    POOLS,
    channels,
    check_documented_size,
    check_input_size,
    least_frames,
    parameter_shapes,
)
