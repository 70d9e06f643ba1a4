"""All settings in one class: the groups joined, what they may not be together, what follows.

The YAML loader, the flags, ``--help``, docs/settings.md, the checks and every comparison are made
from the declarations of the groups. Names and defaults are those of the known FCN-4 trainers for
MindSpore.
"""

from collections.abc import Collection as Names
from dataclasses import InitVar, asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fcn4_dist.config.data import Collection, Features, Shards
from fcn4_dist.config.declaration import Setting, declared_settings
from fcn4_dist.config.learning import Network, Recipe, Training
from fcn4_dist.config.machine import Ascend, Device, DistributedJob
from fcn4_dist.config.relations import check_relations
from fcn4_dist.config.results import Checkpoints, Results


# Of several bases a dataclass takes the fields of the last one first.
@dataclass(frozen=True, kw_only=True)
class Settings(
    Results,
    Checkpoints,
    Ascend,
    Recipe,
    Training,
    Network,
    DistributedJob,
    Device,
    Shards,
    Features,
    Collection,
):
    """All settings of a job, checked when constructed.

    Args:
        left_open: Settings whose values are still to be found out: what these may not be together
            with others is not looked at yet.

    Raises:
        SettingsError: If a value has the wrong type or is impossible.
    """

    left_open: InitVar[Names[str]] = ()

    def __post_init__(self, left_open: Names[str]) -> None:
        for name, declaration in self.declarations.items():
            declaration.check(getattr(self, name))
        check_relations(self, left_open)

    @property
    def declarations(self) -> dict[str, Setting]:
        """What is known of each setting, by its name."""
        table: Any = type(self)
        return declared_settings(table)

    @property
    def set_names(self) -> tuple[str, ...]:
        """Names of the training, validation and test set's shards."""
        if len(self.mr_name) != 2:
            return self.mr_name
        return (*self.mr_name, "test_set" if "test" in self.mr_name else "test")

    @property
    def shard_folder(self) -> str:
        """Folder training and evaluation read their shards from."""
        return self.data_dir or self.mr_path

    @property
    def batch_per_rank(self) -> int:
        """Clips of a global batch that one rank sees."""
        return self.batch_size * self.accumulation_steps

    @property
    def amp_in_use(self) -> str:
        """``amp_level`` if mixed precision is asked for, and the device can; else ""."""
        return self.amp_level if self.mixed_precision and self.device_target == "Ascend" else ""

    @property
    def sink_in_use(self) -> int:
        """``sink_size`` if the device can; else 0."""
        return self.sink_size if self.device_target == "Ascend" else 0

    @property
    def fusion_in_use(self) -> bool:
        """``fused_first_block`` if the device and batch-norm allow it."""
        return self.fused_first_block and self.device_target == "CPU" and not self.sync_bn

    @property
    def precision(self) -> str:
        """What most of the network computes in: "float32", "float16" or "bfloat16"."""
        return self.amp_dtype if self.amp_in_use else "float32"

    @property
    def loss_scaling_in_use(self) -> str:
        """``loss_scaling``, decided: "fixed" or "dynamic"."""
        if self.loss_scaling != "auto":
            return self.loss_scaling
        return "dynamic" if self.precision == "float16" else "fixed"

    @property
    def repeatable(self) -> bool:
        """Whether the device gives the same bits each time it computes the same."""
        return self.deterministic or self.device_target == "CPU"

    def with_absolute_paths(self) -> "Settings":
        """Resolve relative paths now, so that the working directory may change afterwards."""
        absolute: dict[str, Any] = {
            name: str(Path(getattr(self, name)).absolute())
            for name, declaration in self.declarations.items()
            if declaration.is_path and getattr(self, name) not in ("", *declaration.keywords)
        }
        return replace(self, **absolute)

    def as_dict(self) -> dict[str, Any]:
        """Give the settings as plain values that YAML and JSON can hold."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


SETTINGS = dict(declared_settings(Settings))
