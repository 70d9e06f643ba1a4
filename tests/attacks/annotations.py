"""Damaged annotations: files, rows, cells and class folders, against the real reading of them."""

import random
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fcn4_dist.clips import Collection, read_collection
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from tests.attacks.outcome import Outcome, outcome_of

CLASSES = ("classical", "hip hop", "jazz", "música", "rock")
_UNSEEN = "\u200b\u200d\ufeff\xa0\xad\u202e\u2066\u2028\x1b\x07\x7f\u2800\ufffd\u2003\x85"
_TWIN = str.maketrans("aceopx", "\u0430\u0441\u0435\u043e\u0440\u0445")

Table = list[list[str]]
Damage = Callable[[Table, random.Random], str]
"""Changes a table of cells, its first row the header; says what it did."""


@dataclass(frozen=True)
class Form:
    """A form of annotations.

    Attributes:
        dataset: What reads it.
        separator: Between two cells.
        quoted: Whether every cell has quotes around it.
        labels: Columns of labels, or of flags.
        paths: Column of the paths.
    """

    dataset: str
    separator: str
    quoted: bool
    labels: slice
    paths: int

    def text(self, table: Table) -> str:
        def cell(text: str) -> str:
            return '"' + text.replace('"', '""') + '"' if self.quoted else text

        return "".join(self.separator.join(map(cell, row)) + "\n" for row in table)


CSV = Form("csv", ",", False, slice(1, 2), 0)
MAGNATAGATUNE = Form("magnatagatune", "\t", True, slice(1, 1 + len(CLASSES)), -1)


def attacks(folder: Path, count: int, seed: int = 0) -> Iterator[Outcome]:
    """Damage annotations in one or two ways, drawn from a seed, and read them.

    Args:
        folder: To work in.
        count: How many.
        seed: Of what is drawn.
    """
    drawn = random.Random(seed)
    kinds = (
        *[lambda place, drawn=drawn: _attack_table(CSV, place, drawn)] * 3,
        *[lambda place, drawn=drawn: _attack_table(MAGNATAGATUNE, place, drawn)] * 2,
        lambda place, drawn=drawn: _attack_folder(place, drawn),
    )
    for number in range(count):
        place = folder / str(number)
        (place / "audio").mkdir(parents=True)
        yield kinds[number % len(kinds)](place)
        shutil.rmtree(place)


def _clips() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give clips, with labels of which each class has several."""
    for number in range(12):
        labels = {CLASSES[number % 5], CLASSES[number % 3 + 2]}
        # MagnaTagATune's folders tell its split.
        name = f"{'0123cdef'[number % 8]}/{'é' * (number % 2)}clip {number}-0-29.mp3"
        yield name, tuple(sorted(labels))


def _whole(form: Form) -> Table:
    if form is CSV:
        rows = [
            [path, "|".join(labels), "train", f"g{path[0]}", path[0] if path[0].isdigit() else "4"]
            for path, labels in _clips()
        ]
        return [["path", "labels", "split", "group", "fold"], *rows]
    rows = [
        [str(number), *(str(int(name in labels)) for name in CLASSES), path]
        for number, (path, labels) in enumerate(_clips())
    ]
    return [["clip_id", *CLASSES, "mp3_path"], *rows]


def _attack_table(form: Form, place: Path, drawn: random.Random) -> Outcome:
    for path, _ in _clips():
        (place / "audio" / path).parent.mkdir(exist_ok=True)
        (place / "audio" / path).touch()
    table = _whole(form)
    cells = _OF_CELLS[form.dataset]
    damages = [
        drawn.choice(drawn.choice((cells, _OF_ROWS))) for _ in range(drawn.choice((1, 1, 2)))
    ]
    done = [damage(table, drawn) for damage in damages]
    text, data = form.text(table), b""
    if drawn.random() < 0.4 or not done:
        told, data = drawn.choice(_OF_FILES)(text, form, drawn)
        done.append(told)
    file = place / "clips.csv"
    file.write_bytes(data or text.encode("utf-8", "surrogatepass"))
    settings = Settings(
        dataset=form.dataset,
        audio_path=str(place / "audio"),
        info_path=str(place),
        info_name=file.name,
        num_classes=len(CLASSES),
    )
    return outcome_of(
        f"{form.dataset}: {'; '.join(done)}",
        lambda: _difference(settings, "clips.csv", dict(_clips())),
    )


def _difference(
    settings: Settings, named: str, whole: dict[str, tuple[str, ...]], advised: bool = False
) -> str:
    """Read, as somebody does who follows every advice; say what came out wrong."""
    try:
        found = _read(settings)
    except InputError as error:
        lines = str(error).split("\n")
        if not all(named in line for line in lines):
            return f"a sentence without the name of the file: {error}"
        number = re.search(r": give --num_classes (\d+)", str(error))
        if number and not advised:
            advice = replace(settings, num_classes=int(number[1]))
            return _difference(advice, named, whole, advised=True)
        raise
    meant = {unicodedata.normalize("NFC", path): set(labels) for path, labels in whole.items()}
    got = {
        unicodedata.normalize("NFC", clip.id): {
            unicodedata.normalize("NFC", label) for label in clip.labels
        }
        for clip in found.clips
    }
    if got != meant:
        differing = [path for path in meant.keys() | got.keys() if got.get(path) != meant.get(path)]
        return f"other labels: {[(path, got.get(path), meant.get(path)) for path in differing]!a}"
    return "" if all(clip.path.is_file() for clip in found.clips) else "paths that lead nowhere"


def _read(settings: Settings) -> Collection:
    return read_collection(settings)


def _cell(
    table: Table, drawn: random.Random, columns: slice, header: bool = False
) -> tuple[int, int]:
    row = 0 if header else drawn.randrange(1, len(table))
    return row, drawn.choice(range(len(table[0]))[columns])


def _change(table: Table, place: tuple[int, int], change: Callable[[str], str], how: str) -> str:
    row, column = place
    if column >= len(table[row]):
        return "nothing"
    before = table[row][column]
    table[row][column] = change(before)
    return f"{how}: {before!a} -> {table[row][column]!a} in line {row + 1}"


def _with_unseen(text: str, drawn: random.Random) -> str:
    at = drawn.randint(0, len(text))
    return text[:at] + drawn.choice(_UNSEEN) + text[at:]


def _with_blanks(text: str, drawn: random.Random) -> str:
    blank = drawn.choice((" ", "  ", "\xa0", "\u3000"))
    return blank + text if drawn.random() < 0.5 else text + blank


def _other_form(text: str, drawn: random.Random) -> str:
    return unicodedata.normalize("NFD", text)


def _other_script(text: str, drawn: random.Random) -> str:
    return text.translate(_TWIN)


def _other_case(text: str, drawn: random.Random) -> str:
    return drawn.choice((text.upper(), text.title()))


def _misread(text: str, drawn: random.Random) -> str:
    return text.encode().decode("latin-1")


def _quote(text: str, drawn: random.Random) -> str:
    return drawn.choice((f'"{text}', f'{text}"'))


def _empty(text: str, drawn: random.Random) -> str:
    return drawn.choice(("", " ", "nan"))


def _broken(text: str, drawn: random.Random) -> str:
    at = drawn.randint(0, len(text))
    return text[:at] + drawn.choice(("\n", "\r\n", "\r", "\n\n")) + text[at:]


def _other_bar(text: str, drawn: random.Random) -> str:
    return text.replace("|", drawn.choice((";", "/", "||", " | ", "|\u200b")))


def _slip(text: str, drawn: random.Random) -> str:
    at = drawn.randrange(len(text) or 1)
    return text[:at] + text[at + 1 :]


def _backslashes(text: str, drawn: random.Random) -> str:
    return text.replace("/", "\\")


def _dotted(text: str, drawn: random.Random) -> str:
    return drawn.choice(("./", "x/../", ".//")) + text


def _flag(text: str, drawn: random.Random) -> str:
    others = {
        "0": ("0.0", "False", "FALSE", "no", "", "O", " 0"),
        "1": ("1.0", "True", "yes", "2", "I", "1 ", "\uff11"),
    }
    return drawn.choice(others.get(text, ("?",)))


def _of_cells(
    columns: slice, *changes: Callable[[str, random.Random], str], header: bool = False
) -> Iterator[Damage]:
    def damage_by(change: Callable[[str, random.Random], str]) -> Damage:
        how = change.__name__.strip("_")

        def damage(table: Table, drawn: random.Random) -> str:
            place = _cell(table, drawn, columns, header)
            return _change(table, place, lambda text: change(text, drawn), how)

        return damage

    yield from map(damage_by, changes)


_OF_NAMES = (_with_unseen, _with_blanks, _other_form, _other_script, _misread, _quote, _broken)
_OF_CELLS = {
    "csv": [
        *_of_cells(slice(0, 2), *_OF_NAMES, _empty),
        *_of_cells(slice(1, 2), _other_case, _other_bar, _slip),
        *_of_cells(slice(0, 1), _backslashes, _dotted),
        *_of_cells(slice(2, 5), _with_unseen, _with_blanks, _broken, _quote),
        *_of_cells(slice(4, 5), _flag, _empty),
        *_of_cells(slice(0, 5), *_OF_NAMES, _empty, _other_case, header=True),
    ],
    "magnatagatune": [
        *_of_cells(slice(-1, None), *_OF_NAMES, _empty, _backslashes, _dotted),
        *_of_cells(slice(1, -1), _flag, _flag, _with_unseen, _broken),
        *_of_cells(slice(0, None), *_OF_NAMES, _empty, header=True),
    ],
}


def _header_again(table: Table, drawn: random.Random) -> str:
    table.insert(drawn.randint(1, len(table)), list(table[0]))
    return "the header again"


def _row_again(table: Table, drawn: random.Random) -> str:
    row = list(drawn.choice(table[1:]))
    table.insert(drawn.randint(1, len(table)), [_other_form(cell, drawn) for cell in row])
    return "a row twice"


def _fewer_cells(table: Table, drawn: random.Random) -> str:
    row = drawn.choice(table)
    del row[drawn.randrange(len(row))]
    return "a row without a cell"


def _more_cells(table: Table, drawn: random.Random) -> str:
    row = drawn.choice(table)
    row.insert(drawn.randint(0, len(row)), drawn.choice(("", "x", "0")))
    return "a row with a further cell"


def _column_again(table: Table, drawn: random.Random) -> str:
    column = drawn.randrange(len(table[0]))
    changed = drawn.choice((str, str.upper, lambda text: f"{text} "))
    for number, row in enumerate(table):
        if column < len(row):
            row.insert(column, changed(row[column]) if number == 0 else row[column])
    return "a column twice"


def _thousands(table: Table, drawn: random.Random) -> str:
    table += [["no row"]] * 3000
    return "thousands of wrong rows"


_OF_ROWS: list[Damage] = [
    *(_header_again, _row_again, _fewer_cells, _more_cells, _column_again, _thousands),
]


def _encoded(text: str, form: Form, drawn: random.Random) -> tuple[str, bytes]:
    encoding = drawn.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-8-sig"))
    return encoding, text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")


def _line_ends(text: str, form: Form, drawn: random.Random) -> tuple[str, bytes]:
    ends = drawn.choice((["\r\n"], ["\r"], ["\n", "\r\n"], ["\n", "\n\n"]))
    lines = text.split("\n")
    return f"line ends {ends}", "".join(line + drawn.choice(ends) for line in lines).encode(
        "utf-8", "surrogatepass"
    )


def _separated(text: str, form: Form, drawn: random.Random) -> tuple[str, bytes]:
    other = drawn.choice([each for each in ",;\t|" if each != form.separator])
    lines = text.split("\n")
    rows = range(len(lines)) if drawn.random() < 0.6 else [drawn.randrange(len(lines))]
    for row in rows:
        lines[row] = lines[row].replace(form.separator, other, drawn.choice((1, -1)))
    return f"separated by {other!r}", "\n".join(lines).encode("utf-8", "surrogatepass")


def _zeros(text: str, form: Form, drawn: random.Random) -> tuple[str, bytes]:
    data = text.encode("utf-8", "surrogatepass")
    at = drawn.randrange(len(data))
    return f"zero bytes at {at}", data[:at] + b"\0" * drawn.choice((1, 4096)) + data[at:]


def _noise(text: str, form: Form, drawn: random.Random) -> tuple[str, bytes]:
    data = text.encode("utf-8", "surrogatepass")
    at = drawn.randrange(len(data))
    return f"no UTF-8 at {at}", data[:at] + b"\xff\xfe\xe9" + data[at:]


def _lonely_quote(text: str, form: Form, drawn: random.Random) -> tuple[str, bytes]:
    ends = [match.end() for match in re.finditer(re.escape(form.separator), text)]
    at = drawn.choice(ends)
    later = drawn.choice([text.find("\n", at), *[end - 1 for end in ends if end > at]])
    if form.quoted:
        quotes = [match.start() for match in re.finditer('"', text)]
        at = drawn.choice(quotes)
        return f"no quote at {at}", (text[:at] + text[at + 1 :]).encode("utf-8", "surrogatepass")
    changed = text[:at] + '"' + text[at:later] + '"' * drawn.randint(0, 1) + text[later:]
    return f"a quote at {at}", changed.encode("utf-8", "surrogatepass")


_OF_FILES = (_encoded, _line_ends, _separated, _zeros, _noise, _lonely_quote)


def _attack_folder(place: Path, drawn: random.Random) -> Outcome:
    audio = place / "audio"
    whole: dict[str, tuple[str, ...]] = {}
    for name in CLASSES:
        (audio / name).mkdir()
        for number in range(3):
            (audio / name / f"{number}.wav").touch()
            whole[f"{name}/{number}.wav"] = (name,)
    name = drawn.choice(CLASSES)
    done = drawn.choice(_OF_FOLDERS)(audio, name, drawn)
    settings = Settings(dataset="folder", audio_path=str(audio), num_classes=len(CLASSES))
    return outcome_of(f"folder: {done}", lambda: _difference(settings, str(audio), whole))


def _renamed(audio: Path, name: str, drawn: random.Random) -> str:
    change = drawn.choice((_with_unseen, _other_form, _other_script, _misread))
    other = change(name, drawn).replace("/", "")
    (audio / name).rename(audio / other)
    return f"{name!a} renamed to {other!a}"


def _split_in_two(audio: Path, name: str, drawn: random.Random) -> str:
    change = drawn.choice(
        (_with_unseen, _with_blanks, _other_script, _other_case, _misread, _slip,
         lambda text, _: f"{text} (1)", lambda text, _: f"{text} copy")
    )  # fmt: skip
    other = audio / change(name, drawn)
    other.mkdir(exist_ok=True)
    (audio / name / "0.wav").rename(other / "0.wav")
    return f"a part of {name!a} in {other.name!a}"


def _littered(audio: Path, name: str, drawn: random.Random) -> str:
    litter = drawn.choice(
        (
            "__MACOSX",
            ".ipynb_checkpoints",
            f"._{name}",
            ".Trash",
            "@eaDir",
            "lost+found",
            "__pycache__",
        )
    )
    above = audio / litter / (name if drawn.random() < 0.5 else "")
    if drawn.random() < 0.3:
        above = audio / name / litter
    above.mkdir(parents=True)
    (above / drawn.choice(("0.wav", "._0.wav", "0-checkpoint.wav"))).touch()
    return f"{above.relative_to(audio)} besides"


def _hidden_files(audio: Path, name: str, drawn: random.Random) -> str:
    for file in ("._0.wav", ".DS_Store", "Thumbs.db", "desktop.ini", "0.wav.part", "notes\n.txt"):
        (audio / name / file).touch()
    return f"files of systems in {name!a}"


_OF_FOLDERS = (_renamed, _split_in_two, _littered, _hidden_files)
