"""The network: its geometry (no MindSpore needed) and, in ``model.fcn4``, its layers."""

from fcn4_dist.model.geometry import POOLS, channels, check_input_size, smallest_input

__all__ = ["POOLS", "channels", "check_input_size", "smallest_input"]
