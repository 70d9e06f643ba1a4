"""The entry point: run one command, turn errors into sentences and exit codes."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from fcn4_dist.cli.checkpoints import run_checkpoints
from fcn4_dist.cli.export import run_export
from fcn4_dist.cli.folds import run_folds
from fcn4_dist.cli.launch import launch_request, split_launch_flags
from fcn4_dist.cli.parser import Parser, given_flags, parse
from fcn4_dist.cli.rank_table import run_rank_table
from fcn4_dist.cli.report import run_report
from fcn4_dist.cli.shards import run_inspect, run_verify
from fcn4_dist.cli.tag import run_tag
from fcn4_dist.cluster.stopping import hold_sigterm
from fcn4_dist.config import COMMANDS, SETTINGS, LoadedSettings, load_settings
from fcn4_dist.errors import Fcn4DistError, InputError, StoppedError
from fcn4_dist.terminal import fail, say

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``fcn4-dist``.

    Args:
        arguments: Everything behind the program's name; None for those of this process.

    Returns:
        The exit code: 0 success, 1 a failure at work, 2 bad settings or input, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold what a terminal's encoding does not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        parsed = parse(sys.argv[1:] if arguments is None else arguments)
        return _COMMANDS[parsed.command](parsed)
    except StoppedError as stop:
        say(f"fcn4-dist: {stop}")
        return stop.exit_code
    except Fcn4DistError as error:
        fail(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        print("fcn4-dist: interrupted", file=sys.stderr, flush=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as in "| head"; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Fcn4DistError.exit_code
    except OSError as error:
        # A full disk reaches us without a file name, and from NumPy without a number.
        where = f": {error.filename}" if error.filename else ""
        fail(f"{error.strerror or error}{where}")
        return Fcn4DistError.exit_code
    except Exception as error:
        text = (str(error).strip().splitlines() or ["no text"])[0]
        fail(
            f"{type(error).__name__}: {text}; this is unexpected: please report it with the lines "
            "above",
            trace=True,
        )
        return Fcn4DistError.exit_code


def _synth(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.synth import synth

    loaded = _load(parsed)
    say(loaded.to_yaml("synth"))
    synth(loaded)
    return 0


def _preprocess(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.preprocess import preprocess

    preprocess(_load(parsed))
    return 0


def _train(parsed: argparse.Namespace) -> int:
    hold_sigterm()
    from fcn4_dist.jobs.train import train

    train(_load(parsed))
    return 0


def _eval(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.evaluate import evaluate

    evaluate(_load(parsed))
    return 0


def _launch(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.launch import dry_run, launch

    own = Parser(prog="fcn4-dist launch", add_help=False, allow_abbrev=False)
    worker = parse([parsed.worker_command, *split_launch_flags(parsed, own)], launched=True)
    request = launch_request(parsed)
    if "dry_run" in parsed:
        return dry_run(worker.command, _load(worker), request)
    restarts = vars(parsed).get("max_restarts", 0)
    if restarts < 0:
        raise InputError(f"--max_restarts must be at least 0, got {restarts}")
    if restarts and worker.command != "train":
        raise InputError("--max_restarts is for train: an evaluation is simply started again")
    return launch(worker.command, _load(worker), request, restarts)


def _doctor(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.doctor import doctor

    return doctor(_load(parsed), launch_request(parsed))


def _cross_validate(parsed: argparse.Namespace) -> int:
    from fcn4_dist.jobs.cross_validation import cross_validate

    cross_validate(_load(parsed), parsed.device_num)
    return 0


def _load(parsed: argparse.Namespace) -> LoadedSettings:
    loaded = load_settings(parsed.config, given_flags(parsed))
    for name in given_flags(parsed):
        if parsed.command in COMMANDS and parsed.command not in SETTINGS[name].commands:
            say(f"note: --{name} has no effect on {parsed.command}")
    return loaded


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "synth": _synth,
    "preprocess": _preprocess,
    "train": _train,
    "eval": _eval,
    "launch": _launch,
    "doctor": _doctor,
    "cross-validate": _cross_validate,
    "folds": run_folds,
    "rank-table": run_rank_table,
    "checkpoints": run_checkpoints,
    "verify": run_verify,
    "inspect": run_inspect,
    "report": run_report,
    "tag": run_tag,
    "export": run_export,
}
