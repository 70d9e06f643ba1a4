"""The command tag: songs in, tags out."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fcn4_dist
from fcn4_dist.cli import main
from fcn4_dist.tagging import Tagger, load_network
from fcn4_dist.text import Lines, cleaned
from tests.tagging.conftest import checkpoint, description, exported, parameters
from tests.tagging.networks import CLASS_NAMES

__all__ = ["checkpoint", "description", "exported", "parameters"]

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def songs(tmp_path: Path, real_clips: Path) -> Path:
    """A folder of four songs, one of them broken, and a text."""
    folder = tmp_path / "songs"
    shutil.copytree(real_clips / "rain", folder / "b", copy_function=shutil.copy)
    for song in sorted(folder.glob("b/*"))[2:]:
        song.unlink()
    shutil.copy(sorted(real_clips.glob("rooster/*"))[0], folder / "a, <i>.OGG")
    (folder / "c.mp3").write_text("no music")
    (folder / "notes.txt").write_text("no song")
    return folder


def test_the_tags_of_a_song_are_listed_with_the_highest_first(
    checkpoint: Path, real_clip: Path, capsys: Captured
) -> None:
    assert main(["tag", str(real_clip), "--checkpoint", str(checkpoint), "--top_n", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    top = Tagger(load_network(checkpoint)).tag(real_clip).top(2)
    assert lines[0] == f"tags by {checkpoint}"
    assert lines[1] == f"{real_clip} (0:00:02)"
    assert [line.rsplit(maxsplit=1)[0].strip() for line in lines[4:6]] == [name for name, _ in top]
    assert float(lines[4].split()[-1]) == pytest.approx(top[0][1], abs=1e-3)


def test_the_best_checkpoint_is_taken_by_name_or_without_a_name(
    checkpoint: Path, real_clip: Path, tmp_path: Path, capsys: Captured
) -> None:
    best = shutil.copy(checkpoint, tmp_path / "MusicTagger-best.ckpt")
    for flags in ([], ["--checkpoint", "best"]):
        command = ["tag", str(real_clip), "--checkpoint_path", str(tmp_path), *flags]
        assert main(command) == 0
        assert f"tags by {best}" in capsys.readouterr().out
    assert main([*command[:-1], "last"]) == 2


def test_python_gives_the_same_in_one_line(
    checkpoint: Path, exported: Path, real_clip: Path
) -> None:
    expected = Tagger(load_network(checkpoint)).tag(real_clip).top(2)
    assert fcn4_dist.top_tags(str(real_clip), checkpoint.parent, top_n=2) == expected
    by_onnx = fcn4_dist.top_tags(real_clip, str(exported), top_n=2)
    assert [name for name, _ in by_onnx] == [name for name, _ in expected]


def test_python_tags_one_song_or_many_with_a_network_that_is_loaded_once(
    exported: Path, songs: Path, real_clip: Path, capsys: Captured
) -> None:
    model = fcn4_dist.load(exported)
    assert fcn4_dist.load(model) is model
    assert os.fspath(model) == str(exported)
    alone = fcn4_dist.tag(real_clip, model)
    assert repr(alone).startswith(f"<SongTags of {real_clip}: {alone.top(1)[0][0]} 0.")
    found = model.tag([str(songs), real_clip])
    assert [each.path for each in found] == [
        songs / "a, <i>.OGG",
        *sorted(songs.glob("b/*")),
        real_clip,
    ]
    np.testing.assert_allclose(found[-1].scores, alone.scores, rtol=1e-5)
    assert f"warning: no tags of {songs / 'c.mp3'}: it cannot be" in capsys.readouterr().out
    with pytest.raises(fcn4_dist.InputError, match="is a folder: put it into a list"):
        model.tag(songs)
    with pytest.raises(fcn4_dist.InputError, match=r"no tags of .*c\.mp3: it cannot be decoded"):
        model.tag(songs / "c.mp3")


def test_python_gives_tags_over_time_as_arrays_a_picture_and_a_page(
    exported: Path, real_clip: Path, tmp_path: Path
) -> None:
    over_time = fcn4_dist.taggram(real_clip, exported, hop_seconds=0.1)
    assert over_time.times[0] == 0
    assert over_time.times[-1] == pytest.approx(0.2)
    assert over_time.scores.shape == (len(over_time.times), len(over_time.class_names))
    np.testing.assert_array_equal(over_time.scores.mean(axis=0), over_time.song.scores)
    flags = ["--model", str(exported), "--hop_seconds", "0.1", "--top_n", "5"]
    files = [tmp_path / "flag.png", tmp_path / "flag.html"]
    shown = ["--plot", str(files[0]), "--html", str(files[1])]
    assert main(["tag", str(real_clip), *flags, *shown]) == 0
    assert over_time._repr_png_() == files[0].read_bytes()
    assert over_time.save_html(tmp_path / "own.html").read_bytes() == files[1].read_bytes()
    over_time.plot(top_n=1).savefig(tmp_path / "one.png")


def test_a_script_that_tags_songs_is_not_run_again_by_the_processes_that_decode(
    exported: Path, songs: Path, tmp_path: Path
) -> None:
    script = tmp_path / "tags.py"
    script.write_text(
        "import fcn4_dist\n"
        f"print('tagged', len(fcn4_dist.tag([{str(songs)!r}], {str(exported)!r})))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert [line for line in done.stdout.splitlines() if "tagged" in line] == ["tagged 3"]
    assert done.stderr == ""


def test_a_program_that_has_computed_with_mindspore_before_can_ask_for_tags(
    real_clip: Path, checkpoint: Path
) -> None:
    # In a process of its own: in this one the device may have been chosen already.
    program = (
        "import mindspore, numpy, fcn4_dist\n"
        "mindspore.set_context(mode=mindspore.GRAPH_MODE)\n"
        "mindspore.nn.Dense(1, 1)(mindspore.Tensor(numpy.ones((1, 1), numpy.float32)))\n"
        "import json\n"
        f"print(json.dumps(dict(fcn4_dist.top_tags({str(real_clip)!r}, {str(checkpoint)!r}))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = dict(fcn4_dist.top_tags(real_clip, checkpoint))
    assert json.loads(done.stdout) == pytest.approx(expected, rel=1e-5)


def test_a_folder_is_tagged_in_its_order_and_what_is_broken_is_passed_over(
    exported: Path, songs: Path, capsys: Captured
) -> None:
    assert main(["tag", str(songs), "--model", str(exported), "--top_n", "1"]) == 0
    told = capsys.readouterr().out
    names = [line.split(" (")[0] for line in told.splitlines() if "(0:00:" in line]
    found = [songs / "a, <i>.OGG", *sorted(songs.glob("b/*"))]
    assert names == [str(path) for path in found]
    assert f"warning: no tags of {songs / 'c.mp3'}: it cannot be decoded" in told
    assert "3 of 4 songs have tags" in told
    assert "notes.txt" not in told


def test_json_has_a_line_for_each_song_with_all_there_is(
    exported: Path, songs: Path, capsys: Captured
) -> None:
    assert main(["tag", str(songs), "--model", str(exported), "--json", "--top_n", "2"]) == 0
    captured = capsys.readouterr()
    told = [json.loads(line) for line in captured.out.splitlines()]
    assert next(Path(song["path"]).name for song in told) == "a, <i>.OGG"
    broken = {"path": str(songs / "c.mp3"), "error": "cannot be decoded: Format not recognised."}
    assert [song for song in told if "error" in song] == [broken]
    assert "3 of 4 songs have tags" in captured.err
    tagger = Tagger(load_network(exported))
    for song in told:
        if "error" in song:
            continue
        tags = tagger.tag(Path(song["path"]))
        assert song["seconds"] == pytest.approx(tags.seconds, abs=1e-3)
        assert list(song["scores"]) == list(CLASS_NAMES)
        assert list(song["scores"].values()) == pytest.approx(tags.scores.tolist(), abs=2e-6)
        assert song["top"] == [name for name, _ in tags.top(2)]
        assert song["windows"]["seconds"] == 1.3
        np.testing.assert_allclose(song["windows"]["starts"], tags.starts, atol=1e-3)
        np.testing.assert_allclose(song["windows"]["scores"], tags.window_scores, atol=2e-6)


def test_csv_has_a_row_for_each_song_with_the_score_of_each_class(
    exported: Path, songs: Path, capsys: Captured
) -> None:
    assert main(["tag", str(songs), "--model", str(exported), "--csv"]) == 0
    captured = capsys.readouterr()
    heading, *rows = csv.reader(captured.out.splitlines())
    assert heading == ["path", "seconds", *CLASS_NAMES]
    assert next(Path(row[0]).name for row in rows) == "a, <i>.OGG"
    assert len(rows) == 3 and all(0 <= float(cell) <= 1 for row in rows for cell in row[2:])
    assert f"warning: no tags of {songs / 'c.mp3'}" in captured.err


def test_without_any_tags_it_has_failed(exported: Path, songs: Path, capsys: Captured) -> None:
    shutil.copy(songs / "c.mp3", songs / "d.mp3")
    broken = [str(songs / "c.mp3"), str(songs / "d.mp3")]
    assert main(["tag", *broken, "--model", str(exported)]) == 1
    assert "0 of 2 songs have tags" in capsys.readouterr().out
    assert main(["tag", broken[0], "--model", str(exported)]) == 2
    assert "c.mp3: it cannot be decoded: Format not recognised." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gone.mp3"], "there is no file or folder gone.mp3"),
        (["EMPTY"], "there is no audio file (.aif, .aiff"),
        (["SONG", "--top_n", "0"], "--top_n must be at least 1, got 0"),
        (["SONG", "--processes", "-1"], "--processes must be at least 0, got -1"),
        (
            ["SONG", "--hop_seconds", "9"],
            "hop_seconds must be at least 0.008, a frame, and at most 1.3",
        ),
        (["SONG", "SONG", "--plot", "a.png"], "--plot shows one song, and 2 are named: name one"),
        (["SONG", "--html", "EMPTY"], "is a folder: name a file"),
        (["SONG", "--html", "./SONG"], "--html SONG is the song itself: name another file"),
        (["SONG", "--html", "a", "--plot", "./a"], "--plot and --html both name a: name two files"),
        (["SONG", "--plot", "SONG/a.png"], "plot SONG cannot be written to (SONG is a file)"),
        (["SONG", "--checkpoint", "x"], "--model and --checkpoint name two networks: name one"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    exported: Path,
    real_clip: Path,
    tmp_path: Path,
    arguments: list[str],
    sentence: str,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "EMPTY").mkdir()
    shutil.copy(real_clip, tmp_path / "SONG")
    assert main(["tag", *arguments, "--model", str(exported)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_pipe_is_not_waited_for(exported: Path, tmp_path: Path, capsys: Captured) -> None:
    os.mkfifo(tmp_path / "a.mp3")
    for place in ("a.mp3", ""):
        assert main(["tag", str(tmp_path / place), "--model", str(exported)]) == 2
        assert "a.mp3: it cannot be read: It is a pipe, not a file" in capsys.readouterr().err


def test_the_tags_over_time_are_drawn_and_played(
    exported: Path, real_clip: Path, tmp_path: Path, capsys: Captured
) -> None:
    picture, page = tmp_path / "new" / "a.png", tmp_path / "new" / "a.html"
    command = ["tag", str(real_clip), "--model", str(exported), "--hop_seconds", "0.1"]
    assert main([*command, "--plot", str(picture), "--html", str(page)]) == 0
    told = capsys.readouterr().out
    assert f"tags over time: {picture}" in told
    assert f"tags over time, with the music: {page}" in told
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = page.read_text()
    assert text.count('class="strip"') == 3 and "data:audio/mpeg;base64," in text
    assert "4 windows of 1.3 s" in text and "dog &lt;b&gt;bark" in text


def test_a_name_that_is_not_utf_8_is_no_obstacle(
    exported: Path, real_clip: Path, tmp_path: Path, capsys: Captured
) -> None:
    name = os.fsdecode(b"caf\xe9.ogg")
    shutil.copy(real_clip, tmp_path / name)
    assert main(["tag", str(tmp_path), "--model", str(exported), "--json"]) == 0
    assert Path(json.loads(capsys.readouterr().out)["path"]).name == name


def test_songs_of_hostile_names_are_rows_and_no_formulas(
    checkpoint: Path,
    real_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{name}{real_clip.suffix}" for name in ("=1+1", "@\r", "a\x1b[2J\n\u202e\udce9")]
    names.append(f"Ke$ha{real_clip.suffix}")
    for name in names:
        shutil.copy(real_clip, os.fsencode(name))
    request = ["tag", *names, "--checkpoint", str(checkpoint), "--processes", "1"]
    shown = {}
    for kind in ("--csv", "--json", "--batch_size=8"):
        command = [sys.executable, "-m", "fcn4_dist", *request, kind]
        shown[kind] = subprocess.run(command, capture_output=True, check=True).stdout
    text = shown["--csv"].decode("utf-8", "surrogateescape")
    _, *rows = csv.reader(io.StringIO(text, newline=""))
    assert [row[0] for row in rows] == [f"'{names[0]}", f"'{names[1]}", *names[2:]]
    lines = shown["--json"].decode("ascii").splitlines()
    assert [json.loads(line)["path"] for line in lines] == names
    for_people = Lines(shown["--batch_size=8"].decode())
    assert for_people == cleaned(for_people) and r"a\x1b[2J\n\u202e\udce9" in for_people
