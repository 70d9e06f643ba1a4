"""Every setting in one typed place: defaults, meanings, YAML files and flags."""

from fcn4_dist.config.declaration import COMMANDS, Setting
from fcn4_dist.config.loader import LoadedSettings, adopt_settings, load_settings, nearest_name
from fcn4_dist.config.settings import SETTINGS, Settings

__all__ = [
    "COMMANDS",
    "SETTINGS",
    "LoadedSettings",
    "Setting",
    "Settings",
    "adopt_settings",
    "load_settings",
    "nearest_name",
]
