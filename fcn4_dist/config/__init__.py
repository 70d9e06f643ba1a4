"""Every setting in one typed place: defaults, meanings, YAML files and flags."""

from fcn4_dist.config.comparison import differences, differing_settings, graph_settings
from fcn4_dist.config.declaration import COMMANDS, Affects, Setting
from fcn4_dist.config.loader import (
    LoadedSettings,
    adopt_settings,
    load_settings,
    yaml_line,
    yaml_text,
)
from fcn4_dist.config.names import (
    RETIRED,
    SYNONYMS,
    declaration_of,
    earlier_names,
    nearest_name,
    nearest_of,
    other_names,
    recorded_settings,
    with_underscores,
)
from fcn4_dist.config.relations import check_new_features
from fcn4_dist.config.settings import SETTINGS, Settings
