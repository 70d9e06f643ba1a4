"""The whole road: from a folder of music to a tagger, its scores and a page about it."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fcn4_dist import documents
from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.folder import AUTO, BEST, LAST
from fcn4_dist.config import Affects, LoadedSettings, Settings, differences, recorded_settings
from fcn4_dist.config.forms import unexpanded
from fcn4_dist.errors import Fcn4DistError, InputError, StoppedError
from fcn4_dist.evaluation import METRICS_NAME, SavedMetrics, summary_figures
from fcn4_dist.jobs.deciding import decide_training
from fcn4_dist.jobs.preprocess_checks import tell_findings
from fcn4_dist.jobs.report import report
from fcn4_dist.jobs.road_plan import (
    DECIDED,
    RoadPlan,
    decisions_table,
    facts_of,
    given_settings,
    plan_road,
    ranks_of,
    remarks_on,
)
from fcn4_dist.jobs.stages import check_stages, run_command
from fcn4_dist.records import read_manifest
from fcn4_dist.runs.folder import (
    REPORT_NAME,
    name_run_folder,
    planned_run_folder,
    save_settings,
    settings_file,
)
from fcn4_dist.runs.occupancy import check_unoccupied, in_turn
from fcn4_dist.runs.trained import has_checkpoints
from fcn4_dist.terminal import say, say_result, warn
from fcn4_dist.text import shell_command

ROAD_NAME = "road.json"
_LOCK_NAME = ".road.lock"
_STOPPED_CODES = (StoppedError.exit_code, 130, 143)
_OF_ONE_RUN = ("run_dir", "mr_path", "checkpoint_path", "resume")
_TITLES = {
    "preprocess": "1/4 features and shards",
    "train": "2/4 training",
    "eval": "3/4 scores",
    "report": "4/4 page",
}


@dataclass(frozen=True)
class Destination:
    """Where the road has led.

    Attributes:
        run_dir: Folder of the run.
        shards: Folder of its MindRecord shards.
        checkpoint: Its best checkpoint, or its last one where nothing tells which is best.
        scores: Metrics, by name, of the test set, or of the validation set if there is none.
        report: The page about it; None where what makes pages is not installed.
    """

    run_dir: Path
    shards: Path
    checkpoint: Path
    scores: Mapping[str, float]
    report: Path | None


@dataclass(frozen=True)
class _Record(documents.Document):
    """What a run was begun with, and how far it has come.

    Attributes:
        music: The path that was named.
        song: One of the clips that are not trained on.
        settings: All settings.
        origins: Where those that are not at their default come from.
        found_out: Those of them that nobody has given.
        done: Stages that are finished.
    """

    format = 1
    mend = "name another folder with --run_dir"

    music: str
    song: str
    settings: Mapping[str, documents.Value]
    origins: Mapping[str, str]
    found_out: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


def show_road(music: Path, loaded: LoadedSettings) -> None:
    """Say what :func:`take_road` would do with music, and write nothing.

    Raises:
        InputError: If the music cannot be learnt from, or a setting is impossible.
    """
    plan = _plan_and_tell(music, loaded, say_result)
    tell_findings(plan.music.collection.findings)
    folder = planned_run_folder(loaded, "train").settings.run_dir
    say_result(f"the run would be in {_shown(folder)}")


def take_road(music: Path, loaded: LoadedSettings) -> Destination:
    """Look at music, decide what nobody has decided, prepare, train, score and report.

    Args:
        music: A folder of class folders, a CSV file of annotations, or a known collection.
        loaded: The settings that were given; they win over what is decided here. With a
            ``run_dir`` in which this was begun before, it goes on there.

    Returns:
        Where everything is.

    Raises:
        InputError: If the music cannot be learnt from, or a setting is impossible.
        Fcn4DistError: If a stage fails.
    """
    journey = _go_on(music, loaded) or _begin(music, loaded)
    with in_turn(journey.folder, _LOCK_NAME):
        journey.catch_up()
        journey.preprocess()
        journey.train()
        destination = journey.arrive()
    journey.say_what_is_next(destination)
    return destination


class _Journey:
    """A run on its way.

    Args:
        record: What it was begun with.
        loaded: All its settings.
    """

    def __init__(self, record: _Record, loaded: LoadedSettings) -> None:
        self.record, self.loaded = record, loaded
        self.folder = Path(loaded.settings.run_dir)

    def save(self) -> None:
        """Keep how far it has come."""
        settings = self.loaded.settings.as_dict()
        record = replace(
            self.record,
            settings=settings,
            origins=self.loaded.origins,
            found_out=tuple(sorted(self.loaded.found_out)),
        )
        documents.write(self.folder / ROAD_NAME, record)

    def catch_up(self) -> None:
        """Take over what another process has done here since this one has looked."""
        record = documents.read(self.folder / ROAD_NAME, _Record)
        if len(record.done) > len(self.record.done):
            self.record, settings = (
                record,
                Settings(**_as_values(recorded_settings(record.settings))),
            )
            found_out = frozenset(record.found_out)
            self.loaded = LoadedSettings(settings, record.origins, found_out=found_out)

    def preprocess(self) -> None:
        """Make features and shards, and decide anew for the clips that could be used."""
        if "preprocess" in self.record.done:
            return
        planned = self.loaded
        self._run("preprocess", planned, 1)
        counts = self._sets()
        train, val, _ = planned.settings.set_names
        facts = facts_of(planned.settings, counts[train], counts[val])
        decided = decide_training(facts, planned.settings, given_settings(planned))
        self.loaded = planned.decided(decided, DECIDED)
        changed = differences(self.loaded.settings.as_dict(), planned.settings, set(Affects))
        if changed:
            say(f"decided anew, as clips were skipped: {', '.join(changed)}")
        self._finished("preprocess")

    def train(self) -> None:
        """Train, or go on with it."""
        if "train" in self.record.done:
            return
        counts, settings = self._sets(), self.loaded.settings
        train, val, _ = settings.set_names
        facts = facts_of(settings, counts[train], counts[val])
        self._run("train", self.loaded, ranks_of(facts, self.loaded))
        self._finished("train")

    def arrive(self) -> Destination:
        """Score the best checkpoint and write the page."""
        settings = self.loaded.settings
        folder = self.folder / "eval"
        checkpoints = CheckpointFolder.from_settings(settings)
        best = checkpoints.best_file.exists()
        *_, test = settings.set_names
        own: dict[str, Any] = {"run_dir": str(folder), "model_name": BEST if best else LAST}
        is_tested = self._sets()[test] > 0
        if is_tested:
            own["val_filename"] = f"{test}.mindrecord0"
        of_eval = self.loaded.decided(own, DECIDED)
        if "eval" not in self.record.done:
            # Of a scoring that was interrupted.
            shutil.rmtree(folder, ignore_errors=True)
            self._run("eval", of_eval, 1)
            self._finished("eval")
        say(f"{_TITLES['report']}")
        page: Path | None = self.folder / REPORT_NAME
        try:
            report([self.folder, *([folder] if is_tested else [])], page)
        except InputError as error:
            warn(f"no page is written: {error}")
            page = None
        checkpoint = checkpoints.find(of_eval.settings.model_name)
        shards = Path(settings.shard_folder)
        scores = summary_figures(documents.read(folder / METRICS_NAME, SavedMetrics))
        return Destination(self.folder, shards, checkpoint, scores, page)

    def say_what_is_next(self, destination: Destination) -> None:
        """Give the three commands that are likely to be wanted now."""
        settings = self.loaded.settings
        if not self._sets()[settings.set_names[2]]:
            say(
                "the scores are of the clips by which the best epoch was chosen, so they flatter a "
                "little; 'fcn4-dist cross-validate' gives stricter ones"
            )
        model = ["--model", _shown_flag(self.folder)]
        output = _shown_flag(self.folder / "fcn4.onnx")
        longer = {"epoch_size": str(2 * settings.epoch_size)}
        if settings.width < 1 and self.loaded.origins.get("width") == DECIDED:
            longer["width"] = "1"
        say()
        say_result("next, for example:")
        for what, arguments in (
            ("tag a song", ["tag", _shown(self.record.song), *model]),
            ("export", ["export", *model, "--output", output]),
            ("train longer", ["train", _shown(self.record.music), *self._given(longer)]),
        ):
            say_result(f"  {what + ':':<14}{shell_command(['fcn4-dist', *arguments])}")

    def _given(self, instead: Mapping[str, str]) -> list[str]:
        """Write out the settings that were given, as flags."""
        settings = self.loaded.settings
        flags = {}
        for name, value in given_settings(self.loaded).items():
            if name in _OF_ONE_RUN:
                continue
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            flags[name] = unexpanded(text) if settings.declarations[name].is_path else text
        return [word for name, text in {**flags, **instead}.items() for word in (f"--{name}", text)]

    def _run(self, command: str, loaded: LoadedSettings, ranks: int) -> None:
        say()
        say(_TITLES[command])
        try:
            _run_stage(command, loaded, ranks)
        except Fcn4DistError as error:
            raise self._unfinished(command, error) from error
        except KeyboardInterrupt:
            say(self._how_to_go_on())
            raise

    def _unfinished(self, command: str, error: Fcn4DistError) -> Fcn4DistError:
        stopped = error.exit_code in _STOPPED_CODES
        # What is refused before its work would be refused again.
        refused = error.exit_code == InputError.exit_code
        then = "" if refused else f"; {self._how_to_go_on()}"
        told = (StoppedError if stopped else Fcn4DistError)(f"{command}: {error}{then}")
        told.exit_code = error.exit_code
        return told

    def _how_to_go_on(self) -> str:
        words = ["fcn4-dist", "train", _shown(self.record.music), "--run_dir"]
        return f"to go on: {shell_command([*words, _shown_flag(self.folder)])}"

    def _sets(self) -> Counter[str]:
        """Count the clips of each set in the shards."""
        manifest = read_manifest(Path(self.loaded.settings.shard_folder))
        return Counter({name: sum(each.rows for each in of) for name, of in manifest.sets.items()})

    def _finished(self, stage: str) -> None:
        self.record = replace(self.record, done=(*self.record.done, stage))
        self.save()


def _plan_and_tell(
    music: Path, loaded: LoadedSettings, tell: Callable[[str], None] = say
) -> RoadPlan:
    plan = plan_road(music, loaded)
    tell(decisions_table(plan))
    for remark in remarks_on(plan):
        say(f"note: {remark}")
    check_stages(plan.loaded.settings, plan.ranks if plan.ranks > 1 else None)
    return plan


def _begin(music: Path, loaded: LoadedSettings) -> _Journey:
    """Decide, say what was decided, and make the folder of the run."""
    if loaded.settings.run_dir:
        folder = Path(loaded.settings.run_dir)
        check_unoccupied(folder, "train")
        if settings_file(loaded.settings).exists():
            raise InputError(
                f"run_dir {folder} holds another job: name another folder with --run_dir"
            )
    return _settle(music, _plan_and_tell(music, loaded))


def _settle(music: Path, plan: RoadPlan) -> _Journey:
    """Make the folder of the run, and keep there what was decided."""
    named = name_run_folder(plan.loaded, "train")
    folder = Path(named.settings.run_dir)
    own = {"run_dir": folder, "mr_path": folder / "mindrecord"}
    if not named.settings.pre_trained:
        # Else it is where the weights are that it begins with.
        own["checkpoint_path"] = folder / "weight"
    if plan.music.dataset.lists_audio:
        own["info_path"] = folder
    values = {name: str(path) for name, path in own.items() if not named.is_given(name)}
    decided = named.decided(values, DECIDED)
    absolute = replace(decided, settings=decided.settings.with_absolute_paths())
    Path(absolute.settings.run_dir).mkdir(parents=True, exist_ok=True)
    music, song = music.absolute(), plan.song.absolute()
    journey = _Journey(_Record(str(music), str(song), settings={}, origins={}), absolute)
    journey.save()
    say(f"the run is in {_shown(absolute.settings.run_dir)}")
    return journey


def _go_on(music: Path, loaded: LoadedSettings) -> _Journey | None:
    """Find what was begun in the folder of the run; None if nothing was.

    Raises:
        InputError: If it was begun with other music or settings.
    """
    file = Path(loaded.settings.run_dir or os.devnull) / ROAD_NAME
    if not file.exists():
        return None
    record = documents.read(file, _Record)
    if os.path.realpath(record.music) != os.path.realpath(music):
        raise InputError(
            f"{file.parent} holds a run on {record.music}: name that, or another folder with "
            "--run_dir"
        )
    begun = Settings(**_as_values(recorded_settings(record.settings)))
    given = loaded.settings.with_absolute_paths()
    values = {name: getattr(given, name) for name in given_settings(loaded)}
    now = replace(begun, **values)
    if differing := differences(begun.as_dict(), now, set(Affects) - {Affects.WORK}):
        raise InputError(
            f"{file.parent} holds a run with other settings ({', '.join(differing)}): leave those "
            "out to go on with it, or name another folder with --run_dir"
        )
    say(f"going on in {_shown(file.parent)} behind: {', '.join(record.done) or 'the decisions'}")
    origins = {**record.origins, **loaded.origins}
    found_out = frozenset(record.found_out) - set(values)
    if has_checkpoints(file.parent, now):
        now = replace(now, resume=AUTO, pre_trained=False)
    return _Journey(record, LoadedSettings(now, origins, found_out=found_out))


def _run_stage(command: str, loaded: LoadedSettings, ranks: int) -> None:
    Path(loaded.settings.run_dir).mkdir(parents=True, exist_ok=True)
    config = save_settings(loaded)
    launch = ["launch", "--nnodes", "1", "--device_num", str(ranks)] if ranks > 1 else []
    if code := run_command([*launch, command, "--config", unexpanded(config)]):
        error = Fcn4DistError(f"ended with exit code {code}")
        error.exit_code = code
        raise error


def _as_values(recorded: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items()
    }


def _shown(path: str | Path) -> str:
    """Give a path as a person would type it here."""
    relative = os.path.relpath(path)
    if relative.startswith(".."):
        return str(path)
    return f"./{relative}" if relative.startswith("-") else relative


def _shown_flag(path: str | Path) -> str:
    return unexpanded(_shown(path))
