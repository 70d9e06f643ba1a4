"""Draw what commands print on a terminal, as docs/quickstart.svg shows it.

    python benchmarks/terminal_picture.py --output docs/quickstart.svg --title "60 songs, no card" \
        "fcn4-dist train music/ --run_dir runs/mine" "fcn4-dist tag song.mp3 --model runs/mine"

The commands are run, in a terminal of their own. Of a bar that moves only its last state is shown;
where lines are left out (``--hide``), there is a "…".
"""

import argparse
import os
import pty
import re
import subprocess
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLUMNS, _LINES = 100, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commands", nargs="+", metavar="COMMAND", help="as a shell takes it")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.svg")
    parser.add_argument("--title", default="", metavar="TEXT", help="in the window's frame")
    parser.add_argument(
        "--hide",
        default="$^",
        metavar="PATTERN",
        help="lines to leave out, as a regular expression",
    )
    parsed = parser.parse_args()
    with open(os.devnull, "w") as nowhere:
        console = Console(
            record=True, width=_COLUMNS, file=nowhere, force_terminal=True, highlight=False
        )
        for command in parsed.commands:
            console.print(Text(f"$ {command}", style="bold green"))
            hidden = False
            for line in printed_by(command):
                if re.search(parsed.hide, line):
                    if not hidden:
                        console.print(Text("…", style="bright_black"))
                    hidden = True
                    continue
                hidden = False
                console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True)
        console.save_svg(str(parsed.output), title=parsed.title)


def printed_by(command: str) -> list[str]:
    """Run a command in a terminal, and give the lines that are left on it."""
    ours, its = pty.openpty()
    size = {"COLUMNS": str(_COLUMNS), "LINES": str(_LINES)}
    process = subprocess.Popen(
        ["bash", "-c", command], stdin=its, stdout=its, stderr=its, env=os.environ | size
    )
    os.close(its)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:
        # The other end has gone with the last process that had it.
        pass
    finally:
        os.close(ours)
    if process.wait():
        raise SystemExit(f"{command}: exit code {process.returncode}\n{text.decode()}")
    lines = text.decode().replace("\r\n", "\n").split("\n")
    # What a carriage return overwrites is not seen.
    lines = [re.sub(r"\x1b\[K", "", line.rstrip("\r").rpartition("\r")[2]) for line in lines]
    return [line for line in lines if line.strip()]


if __name__ == "__main__":
    main()
