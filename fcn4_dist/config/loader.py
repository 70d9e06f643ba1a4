"""From a YAML file and flags to checked settings, each with the place it came from."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fcn4_dist.config.settings import SETTINGS, Settings
from fcn4_dist.errors import InputError, SettingsError


@dataclass(frozen=True)
class LoadedSettings:
    """Settings and where each that is not at its default was given.

    Attributes:
        settings: The checked settings.
        origins: Name of a setting -> "configs/gtzan.yaml, line 3" or "--lr".
    """

    settings: Settings
    origins: Mapping[str, str]

    def to_yaml(self, command: str | None = None) -> str:
        """Write settings as YAML, each line with the place the value came from.

        Args:
            command: Only the settings that have an effect on this command; None for all.
        """
        lines = []
        for name, value in self.settings.as_dict().items():
            if command and command not in SETTINGS[name].commands:
                continue
            text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
            text = text.removesuffix("...\n").strip()
            lines.append(f"{name + ': ' + text:<48} # {self.origins.get(name, 'default')}")
        return "\n".join(lines) + "\n"


def load_settings(
    config: str | Path | None = None, flags: Mapping[str, str] | None = None
) -> LoadedSettings:
    """Read settings from a YAML file and from flags; flags win.

    Args:
        config: YAML file of ``name: value`` lines; None for the defaults.
        flags: Name of a setting -> text given on the command line.

    Returns:
        The checked settings with their origins.

    Raises:
        InputError: If the file cannot be read, a name is unknown or given twice, or a value has
            the wrong type or is impossible. The sentence names file and line, or the flag.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, raw, origin in [*_from_yaml(config), *_from_flags(flags or {})]:
        try:
            values[name] = _declaration(name).parse(raw)
        except SettingsError as error:
            raise InputError(f"{origin}: {error}") from error
        origins[name] = origin
    try:
        return LoadedSettings(Settings(**values), origins)
    except SettingsError as error:
        raise InputError(f"{origins.get(error.key, 'settings')}: {error}") from error


def adopt_settings(own: LoadedSettings, main: Mapping[str, Any], command: str) -> LoadedSettings:
    """Take the settings of a job's node 0 on another node.

    Paths given on this node stay, since hosts may keep their files in different places.

    Args:
        own: What was given on this node.
        main: Node 0's settings, from :meth:`Settings.as_dict`.
        command: Name of the command; what has no effect on it need not agree.

    Raises:
        InputError: If another setting than a path was given here and is different there.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, setting in SETTINGS.items():
        theirs = tuple(main[name]) if setting.kind is tuple else main[name]
        ours = getattr(own.settings, name)
        given_here = name in own.origins
        if given_here and not setting.is_path and command in setting.commands and ours != theirs:
            raise InputError(
                f"{own.origins[name]}: {name} is {ours!r} here and {theirs!r} on node 0: give "
                "settings on node 0 alone, or the same on every node"
            )
        keep = given_here and setting.is_path
        values[name] = ours if keep else theirs
        if keep or theirs != setting.default:
            origins[name] = own.origins[name] if keep else "node 0"
    return LoadedSettings(Settings(**values), origins)


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: ", did you mean 'lr'?", or "" for none."""
    # Compared without case: --LR and --Batch_Size are among the usual slips.
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.5)
    return f", did you mean '{by_lower_case[matches[0]]}'?" if matches else ""


def _declaration(name: str) -> Any:
    if name not in SETTINGS:
        raise SettingsError(name, "is not a setting" + nearest_name(name, SETTINGS))
    return SETTINGS[name]


def _from_flags(flags: Mapping[str, str]) -> list[tuple[str, object, str]]:
    return [(name, text, f"--{name}") for name, text in flags.items()]


def _from_yaml(config: str | Path | None) -> list[tuple[str, object, str]]:
    if config is None:
        return []
    node = _compose(config)
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{config}: must hold 'name: value' lines, one for each setting")
    entries: dict[str, tuple[str, object, str]] = {}
    for key_node, value_node in node.value:
        origin = f"{config}, line {key_node.start_mark.line + 1}"
        name = str(key_node.value)
        if name in entries:
            raise InputError(f"{origin}: {name} is given twice in this file")
        entries[name] = (name, _raw(value_node), origin)
    return list(entries.values())


def _raw(node: yaml.Node) -> object:
    # The text as it stands, so that "on", "010" or "5e-4" mean in a file what they mean in a
    # flag, and not what YAML would make of them.
    if isinstance(node, yaml.SequenceNode):
        return [item.value if isinstance(item, yaml.ScalarNode) else {} for item in node.value]
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else node.value
    return {}


def _compose(config: str | Path) -> yaml.Node | None:
    try:
        text = Path(config).read_text(encoding="utf-8")
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"cannot read the settings file {config}: {reason}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise InputError(f"{config}, line {line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{config}: not valid YAML: {str(error).splitlines()[0]}") from error
