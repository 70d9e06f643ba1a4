"""The entry point: run one command, turn errors into sentences and exit codes."""

import codecs
import io
import os
import re
import sys
from collections.abc import Sequence

from fcn4_dist.cli.checkpoints import CHECKPOINTS
from fcn4_dist.cli.command import parse
from fcn4_dist.cli.completion import COMPLETION
from fcn4_dist.cli.export import EXPORT
from fcn4_dist.cli.folds import CROSS_VALIDATE, FOLDS
from fcn4_dist.cli.jobs import EVAL, PREPROCESS, SYNTH, TRAIN
from fcn4_dist.cli.launch import DOCTOR, LAUNCH
from fcn4_dist.cli.rank_table import RANK_TABLE
from fcn4_dist.cli.report import REPORT
from fcn4_dist.cli.shards import INSPECT, VERIFY
from fcn4_dist.cli.tag import TAG
from fcn4_dist.errors import UNEXPECTED, Fcn4DistError, StoppedError
from fcn4_dist.host.memory import MORE_MEMORY, no_memory, refused_memory
from fcn4_dist.host.plog import report_in
from fcn4_dist.log import Verbosity, end_log, show
from fcn4_dist.refusals import explain, refusal_in
from fcn4_dist.terminal import fail, say
from fcn4_dist.text import as_bytes_or_escapes
from fcn4_dist.versions import missing_extra

COMMANDS = (
    PREPROCESS,
    INSPECT,
    VERIFY,
    SYNTH,
    TRAIN,
    EVAL,
    CROSS_VALIDATE,
    LAUNCH,
    REPORT,
    FOLDS,
    CHECKPOINTS,
    TAG,
    EXPORT,
    DOCTOR,
    RANK_TABLE,
    COMPLETION,
)
"""In the order of the program's help, those of a task together."""
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``fcn4-dist``.

    Args:
        arguments: Everything behind the program's name; None for those of this process.

    Returns:
        The exit code: 0 success, 1 a failure at work, 2 bad settings or input, 130 interrupted.
    """
    # No window is opened here, and matplotlib cannot be imported with one it does not know.
    os.environ.pop("MPLBACKEND", None)
    codecs.register_error("names", as_bytes_or_escapes)
    for stream, errors in ((sys.stdout, "names"), (sys.stderr, "backslashreplace")):
        # A file name may hold what a terminal's encoding does not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        parsed = parse(COMMANDS, arguments)
        return parsed.declaration.run(parsed) or 0
    except StoppedError as stop:
        say(f"fcn4-dist: {stop}")
        return stop.exit_code
    except Fcn4DistError as error:
        fail(str(error))
        return error.exit_code
    except ModuleNotFoundError as error:
        # Of commands that do not look for it first.
        missing = missing_extra(error.name or "")
        fail(str(missing or _sentence_about(error)), trace=missing is None)
        return Fcn4DistError.exit_code
    except KeyboardInterrupt:
        print("fcn4-dist: interrupted", file=sys.stderr, flush=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as in "| head"; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Fcn4DistError.exit_code
    except (OSError, MemoryError) as error:
        name = getattr(error, "filename", None)
        fail(f"{name}: {explain(error)}" if name else explain(error))
        return Fcn4DistError.exit_code
    except Exception as error:
        sentence = _sentence_about(error)
        fail(sentence, trace=MORE_MEMORY not in sentence)
        return Fcn4DistError.exit_code
    finally:
        end_log()
        # What is called next in this process is another command.
        show(Verbosity.NORMAL)


def _sentence_about(error: Exception) -> str:
    """Say what an error means that nobody has caught; Ascend's come as RuntimeErrors."""
    if report := report_in(str(error)):
        return str(report.error)
    if line := refused_memory(str(error)):
        return no_memory(line)
    # MindSpore's have a title below a rule.
    lines = (line.strip() for line in str(error).splitlines() if re.search(r"\w", line))
    text = next(lines, "no text")
    if refusal := refusal_in(text):
        return refusal
    return f"{type(error).__name__}: {text}; {UNEXPECTED}: please report it with the lines above"
