"""A command of ``fcn4-dist`` in a process of its own, called from Python.

MindSpore lets a process choose its device once, keeps its memory and its cards to the end, and
turns Ctrl-C into a signal that ends the process. So what trains or scores is the very program that
the command line starts: a second call finds everything as the first one did, gives the same bits,
and leaves working directory, signals, variables and logging of the caller alone.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from fcn4_dist.api.naming import Files, path_of
from fcn4_dist.api.retelling import Retelling
from fcn4_dist.cluster.device import LAUNCHED_VARIABLE
from fcn4_dist.cluster.launch import PROGRAM
from fcn4_dist.cluster.mpi import started_by_mpi
from fcn4_dist.config import LoadedSettings, declaration_of, load_settings
from fcn4_dist.config.forms import shown, unexpanded
from fcn4_dist.errors import Fcn4DistError, InputError, StoppedError
from fcn4_dist.processes import die_with_parent
from fcn4_dist.runs.folder import name_run_folder
from fcn4_dist.text import Lines

_OURS, _ERROR = "fcn4-dist: ", "fcn4-dist: error: "
# Of these, SIGTERM asks for a checkpoint first.
_JOBS = ("train", "launch")


class Call:
    """A command, its settings, and the folder of what comes of it.

    Args:
        command: "preprocess", "train", "eval" or "export".
        config: YAML files of settings.
        settings: Settings by name, as Python values; None leaves one out.

    Attributes:
        loaded: The settings, checked one by one.

    Raises:
        InputError: If there is no such setting, or it cannot have the value.
    """

    def __init__(self, command: str, config: Files, settings: Mapping[str, Any]) -> None:
        self._command = command
        files = [config] if isinstance(config, str | os.PathLike) else config or ()
        files = files if isinstance(files, Iterable) else [files]
        self._files = [path_of(file, "config") for file in files]
        given = {name: value for name, value in settings.items() if value is not None}
        flags = {name: _text(value) for name, value in given.items()}
        self.loaded: LoadedSettings = load_settings(
            self._files, flags, of_shards=command in ("train", "eval")
        )
        # By the names that are looked for below, whichever they were given by.
        self._flags = {declaration_of(name).name: text for name, text in flags.items()}

    def run(self, *arguments: str, device_num: int | None = None, quiet: bool = False) -> None:
        """Run it to its end, and show what it says.

        Args:
            arguments: What stands behind the command, besides settings.
            device_num: Workers to launch; None for one that is not launched.
            quiet: Whether to show nothing but warnings.

        Raises:
            Fcn4DistError: If it fails; an InputError, if it was refused.
            KeyboardInterrupt: After Ctrl-C, when it has ended; training has saved a checkpoint.
        """
        if not isinstance(device_num, Integral | None):
            raise InputError(f"device_num must be a whole number, got {shown(device_num)}")
        launch: list[str] = (
            [] if device_num is None else ["launch", "--nnodes=1", f"--device_num={device_num}"]
        )
        configs = [word for file in self._files for word in ("--config", str(file))]
        flags = [f"--{name}={text}" for name, text in self._flags.items()]
        run_program([*launch, self._command, *arguments, *configs, *flags], quiet=quiet)

    def run_in_folder(self, *arguments: str, **how: Any) -> Path:
        """Run it in a ``run_dir``, a new one if the settings name none, and give that.

        Args:
            arguments: As of :meth:`run`.
            how: Likewise.
        """
        named = name_run_folder(self.loaded, self._command)
        folder = Path(named.settings.run_dir).absolute()
        self._give("run_dir", folder)
        if self._command == "train" and not arguments:
            self._keep_checkpoints_apart(folder)
        try:
            self.run(*arguments, **how)
        finally:
            if not self.loaded.settings.run_dir and not any(folder.iterdir()):
                folder.rmdir()
        return folder

    def _keep_checkpoints_apart(self, folder: Path) -> None:
        """Have a training on shards write its checkpoints to its folder, unless they are placed."""
        if not {"checkpoint_path", "pre_trained"}.intersection(self.loaded.origins):
            self._give("checkpoint_path", folder / "weight")

    def _give(self, name: str, path: Path) -> None:
        self._flags[name] = unexpanded(path)


def run_program(arguments: Sequence[str], *, quiet: bool = False) -> None:
    """Run ``fcn4-dist`` with these arguments, as :meth:`Call.run` runs a command."""
    if started_by_mpi() or LAUNCHED_VARIABLE in os.environ:
        raise InputError(
            "this program is a rank of a job itself, and a rank cannot start another job: call it "
            "from a program that no launcher has started, or start 'fcn4-dist train' in its place"
        )
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
        encoding="utf-8",
        errors="surrogateescape",
        # A Ctrl-C reaches this process alone, which then asks the other to stop.
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    ends = (signal.SIGTERM if arguments[0] in _JOBS else signal.SIGINT, signal.SIGKILL)
    told: list[str] = []
    asked = 0
    try:
        with Retelling(quiet=quiet) as retelling:
            while process.returncode is None:
                try:
                    _follow(process, retelling, told)
                except KeyboardInterrupt:
                    process.send_signal(ends[min(asked, 1)])
                    asked += 1
    finally:
        process.kill()
        process.wait()
    if asked:
        raise KeyboardInterrupt(told[-1] if told else "interrupted")
    if process.returncode:
        raise _error(process.returncode, told)


def _follow(process: "subprocess.Popen[str]", retelling: Retelling, told: list[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        text = line.rstrip("\n")
        if text.startswith(_OURS):
            told.append(text.removeprefix(_ERROR).removeprefix(_OURS))
        else:
            retelling.say(text)
    process.wait()


def _error(code: int, told: Sequence[str]) -> Fcn4DistError:
    if code < 0:
        name = signal.Signals(-code).name
        return Fcn4DistError(f"the process at work died of {name}: is memory short?")
    sentence = Lines("\n".join(told)) or "the job has failed; what it has printed tells why"
    kinds = {each.exit_code: each for each in (InputError, StoppedError)}
    return kinds.get(code, Fcn4DistError)(sentence)


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        raise InputError(f"a setting is text, a number, True, False or a path, got {shown(value)}")
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    # The text of a path may hold ~ and variables, as that of a flag; a path is what it is.
    return unexpanded(os.fspath(value)) if isinstance(value, os.PathLike) else str(value)
