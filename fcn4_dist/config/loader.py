"""From YAML files and flags to checked settings, each with the place it came from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from fcn4_dist.config.declaration import Setting
from fcn4_dist.config.forms import as_chosen, unexpanded
from fcn4_dist.config.names import RETIRED, declaration_of, earlier_names, with_underscores
from fcn4_dist.config.settings import SETTINGS, Settings
from fcn4_dist.errors import InputError, SettingsError
from fcn4_dist.findings import Finding, Level
from fcn4_dist.text import Lines, cleaned

_MOST_BYTES = 1 << 20
_Choices = Mapping[str, Callable[[], Sequence[str]]]


@dataclass(frozen=True)
class LoadedSettings:
    """Settings and where each that is not at its default was given.

    Attributes:
        settings: The checked settings.
        origins: Name of a setting -> "configs/gtzan.yaml, line 3" or "--lr".
        retired: Values that were given to what was a setting in earlier versions, by name.
        remarks: What is to be said of names of earlier versions.
        found_out: Names of settings that nobody has given and whose values were found out; their
            origins say where.
        left_open: Names of settings that are still to be found out.
    """

    settings: Settings
    origins: Mapping[str, str]
    retired: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[Finding, ...] = ()
    found_out: frozenset[str] = frozenset()
    left_open: frozenset[str] = frozenset()

    def is_given(self, name: str) -> bool:
        """Say whether somebody has given a setting, by a file or a flag."""
        return name in self.origins and name not in self.found_out

    def found(self, values: Mapping[str, Any], where: str) -> "LoadedSettings":
        """Take what was found out of settings that are not given; those that are, stay.

        Args:
            values: Values by name.
            where: Where they were found, as "data/manifest.json".

        Raises:
            InputError: If one is impossible, or does not go with a setting that is given.
        """
        new = {name: value for name, value in values.items() if not self.is_given(name)}
        return self.decided(new, f"found in {where}")

    def decided(self, values: Mapping[str, Any], why: str) -> "LoadedSettings":
        """Take values that were found out, also where "auto" was given.

        Args:
            values: Values by name.
            why: Where they come from.

        Raises:
            InputError: If one is impossible, or does not go with another setting.
        """
        origins = {**self.origins, **dict.fromkeys(values, why)}
        left_open = self.left_open.difference(values)
        try:
            settings = replace(self.settings, **values, left_open=left_open)
        except SettingsError as error:
            raise InputError(f"{origins.get(error.key, why)}: {error}") from error
        found_out = self.found_out.union(values)
        return replace(
            self, settings=settings, origins=origins, found_out=found_out, left_open=left_open
        )

    def to_yaml(self, command: str | None = None) -> Lines:
        """Write settings as YAML, in groups, each line with the place the value came from.

        Args:
            command: Only the settings that have an effect on this command; None for all.
        """
        lines = []
        group = ""
        for setting in self._of(command):
            if setting.group != group:
                group = setting.group
                lines.append(f"# {group}")
            value = self._in_file(setting)
            lines.append(yaml_line(setting.name, value, self.origins.get(setting.name, "default")))
        return Lines("\n".join(lines) + "\n")

    def changed(self, command: str | None = None) -> list[tuple[str, str, str]]:
        """List the settings that were given or found out, and are not at their default.

        Args:
            command: As of :meth:`to_yaml`.

        Returns:
            Name, value as a settings file has it, and where it came from, of each.
        """
        return [
            (setting.name, yaml_text(self._in_file(setting)), self.origins[setting.name])
            for setting in self._of(command)
            if setting.name in self.origins and not self._is_default(setting)
        ]

    def _of(self, command: str | None) -> Iterator[Setting]:
        for setting in self.settings.declarations.values():
            if not command or command in setting.commands:
                yield setting

    def _in_file(self, setting: Setting) -> object:
        value = getattr(self.settings, setting.name)
        if isinstance(value, tuple):
            return list(value)
        return unexpanded(value) if setting.is_path else value

    def _is_default(self, setting: Setting) -> bool:
        value = getattr(self.settings, setting.name)
        # A relative one is settled when a job begins.
        settled = setting.is_path and setting.default and str(Path(setting.default).absolute())
        return value == setting.default or bool(settled and value == settled)


def yaml_line(name: str, value: object, origin: str) -> str:
    """Write a value as a line of a settings file, with the place it came from."""
    # A file may have a name that would be a line of its own.
    return f"{name + ': ' + yaml_text(value):<48} # {cleaned(origin)}"


def yaml_text(value: object) -> str:
    """Write a value as a settings file has it."""
    text = _dumped(value, allow_unicode=True)
    # What is not seen is an escape, which no reader takes for a line break.
    return text if text.isprintable() else _dumped(value, allow_unicode=False)


def _dumped(value: object, allow_unicode: bool) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=allow_unicode)
    return text.removesuffix("...\n").strip()


def load_settings(
    configs: str | Path | Sequence[str | Path] | None = None,
    flags: Mapping[str, str] | None = None,
    choices: _Choices | None = None,
    *,
    of_shards: bool = False,
) -> LoadedSettings:
    """Read settings from YAML files and from flags; a later file wins, and flags win over all.

    Names of earlier versions are understood, too: a setting of another name now is taken, and what
    is no setting any more is kept apart.

    Args:
        configs: YAML file of ``name: value`` lines, or several; None for the defaults.
        flags: Name of a setting -> text given on the command line.
        choices: Give the allowed values of settings whose declaration leaves them to a later room.
        of_shards: Whether they are those of a job that reads shards, whose manifest says what is
            not given: what may not be together with that is looked at when it is found.

    Returns:
        The checked settings with their origins.

    Raises:
        InputError: If the file cannot be read, a name is unknown or given twice, or a value has
            the wrong type or is impossible. The sentence names file and line, or the flag.
    """
    files = [configs] if isinstance(configs, str | Path) else configs or ()
    sources = [(_from_yaml(file), "in this file") for file in files]
    sources.append((_from_flags(flags or {}), "as a flag"))
    entries: list[_Entry] = []
    for raw_entries, source in reversed(sources):
        later = {entry.setting.name for entry in entries}
        entries = _checked(raw_entries, source, choices or {}, later) + entries
    values = {entry.setting.name: entry.value for entry in entries}
    origins = {entry.setting.name: entry.origin for entry in entries}
    remarks = tuple(remark for entry in entries for remark in _remarks(entry))
    retired = {name: values.pop(name) for name in RETIRED if name in values}
    left_open = frozenset(
        name
        for name, setting in SETTINGS.items()
        if of_shards and setting.of_shards and name not in values
    )
    try:
        settings = Settings(**values, left_open=left_open)
        return LoadedSettings(settings, origins, retired, remarks, left_open=left_open)
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
        InputError: If another setting than a path was given here and is different there, or one
            of node 0's is impossible.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, setting in SETTINGS.items():
        theirs = _of_main(setting, main.get(name))
        ours = getattr(own.settings, name)
        given_here = own.is_given(name)
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


def _of_main(setting: Setting, value: Any) -> Any:
    """Give a setting of node 0 as it is to be, whoever node 0 is."""
    if setting.kind is tuple and isinstance(value, list):
        value = tuple(value)
    try:
        setting.check(value)
    except SettingsError as error:
        raise InputError(f"node 0: {error}") from error
    return value


@dataclass(frozen=True)
class _Entry:
    setting: Setting
    given: str
    value: Any
    origin: str


def _checked(
    raw_entries: Iterable[tuple[str, object, str]], source: str, choices: _Choices, later: set[str]
) -> list[_Entry]:
    entries: dict[str, _Entry] = {}
    for given, raw, origin in raw_entries:
        try:
            setting = declaration_of(given)
            # A path that a later source replaces may have variables that are not set here.
            replaced = setting.is_path and setting.name in later
            value = raw if replaced else setting.parse(raw)
            if isinstance(value, str) and setting.chosen_elsewhere and setting.name in choices:
                allowed = choices[setting.name]()
                value = as_chosen(value, allowed)
                setting.check_choice(value, allowed)
            if setting.name in RETIRED:
                setting.check(value)
        except SettingsError as error:
            raise InputError(f"{origin}: {error}") from error
        if setting.name in entries:
            raise InputError(f"{origin}: {setting.name} is given twice {source}")
        entries[setting.name] = _Entry(setting, given, value, origin)
    return list(entries.values())


def _remarks(entry: _Entry) -> Iterator[Finding]:
    given, setting = with_underscores(entry.given), entry.setting
    if entry.value == setting.default:
        # As in any file that an earlier version has saved.
        return
    if given in earlier_names():
        yield Finding(Level.NOTE, f"{entry.origin}: {given} is called {setting.name} now")
    flag_of_a_command = entry.origin == f"--{given}" and setting.commands
    if given in RETIRED and not flag_of_a_command:
        way_across = setting.meaning.format(name=given, value=entry.value, variable=given.upper())
        yield Finding(Level.WARNING, f"{entry.origin}: {given} {way_across}", check=given)


def _from_flags(flags: Mapping[str, str]) -> list[tuple[str, object, str]]:
    return [(name, text, f"--{name}") for name, text in flags.items()]


def _from_yaml(config: str | Path) -> list[tuple[str, object, str]]:
    node = _compose(config)
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{config}: must hold 'name: value' lines, one for each setting")
    return [
        (
            key.value if isinstance(key, yaml.ScalarNode) else "a list",
            _raw(value),
            f"{config}, line {key.start_mark.line + 1}",
        )
        for key, value in node.value
    ]


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
        with Path(config).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InputError(f"{config} has more than {_MOST_BYTES} bytes: it is no settings file")
        return yaml.compose(data.decode("utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"cannot read the settings file {config}: {reason}") from error
    except RecursionError as error:
        raise InputError(f"{config}: not valid YAML: lists in it are too deep") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise InputError(f"{config}, line {line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{config}: not valid YAML: {str(error).splitlines()[0]}") from error
