"""The command line: help, wrong settings, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist import __version__
from fcn4_dist.cli import main
from fcn4_dist.cli.main import COMMANDS as DECLARATIONS
from fcn4_dist.config import COMMANDS, SETTINGS

CANN = Path(__file__).parents[1] / "data/cann"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(arguments)
    return code, capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_setting_of_a_command_with_its_default_and_unit(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help-all"])
    text = " ".join(capsys.readouterr().out.split())
    assert exit_.value.code == 0
    (declaration,) = [each for each in DECLARATIONS if each.name == command]
    for setting in SETTINGS.values():
        shown = f"--{setting.name} VALUE" in text
        assert shown == bool({*declaration.settings}.intersection(setting.commands))
        if shown:
            assert f" {setting.meaning}" in text
            if setting.choices:
                assert f"one of {', '.join(setting.choices)}" in text
            if isinstance(setting.default, float):
                assert f"default: {setting.default} {setting.unit}".rstrip() in text


@pytest.mark.parametrize("command", ["train", "cross-validate"])
def test_help_explains_settings_in_groups(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help-all"])
    text = capsys.readouterr().out
    titles = [line[:-1] for line in text.splitlines() if line[:1].isupper() and line[-1] == ":"]
    groups = list(dict.fromkeys(setting.group for setting in SETTINGS.values()))
    assert [title for title in titles if title in groups] == groups
    assert titles[-len(groups) - 2 :] == ["Common flags", *groups, "Every command"]


def test_help_imports_neither_mindspore_nor_librosa_nor_numpy() -> None:
    program = (
        "import sys\n"
        "from fcn4_dist.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(str({'mindspore', 'librosa', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stderr.strip() == "set()"


@pytest.mark.parametrize(
    ("modules", "packages"),
    [
        # The scheduler of a job gets no further; MindSpore brings a part of SciPy.
        ("fcn4_dist.jobs.train", {"librosa", "mindspore", "scipy", "sklearn"}),
        ("fcn4_dist.training.loop", {"librosa", "matplotlib", "sklearn", "tensorboardX"}),
    ],
)
def test_what_trains_imports_no_package_before_it_is_needed(
    modules: str, packages: set[str]
) -> None:
    code = f"import sys, {modules}; sys.exit(str({packages} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.splitlines()[-1] == "set()"


def test_the_module_and_the_console_command_are_the_same_program() -> None:
    console = Path(sys.executable).with_name("fcn4-dist")
    for command in ([str(console)], [sys.executable, "-m", "fcn4_dist"]):
        result = subprocess.run([*command, "--version"], capture_output=True, text=True)
        assert result.stdout == f"fcn4-dist {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["tain"], "there is no command 'tain', did you mean 'fcn4-dist train'?"),
        (["train", "--batchsize", "8"], "unknown flag --batchsize, did you mean '--batch_size'?"),
        (["train", "--batch-size=0"], "--batch_size: batch_size must be at least 1, got 0"),
        (["predict", "a.wav"], "no command 'predict', did you mean 'fcn4-dist tag'?"),
        (["help", "me"], "there is no command 'me'; 'fcn4-dist --help' lists them all"),
        (["rank-table"], "the following arguments are required: ACTION"),
        (["checkpoints", "lst", "a"], "no action 'lst', did you mean 'fcn4-dist checkpoints list'"),
        (["--lr", "3", "train"], "--lr stands in front of the command: name that first;"),
        (["train", "--epoch_s", "3"], "unknown flag --epoch_s, did you mean '--epoch_size'?"),
        (["train", "-lr", "3"], "unknown flag -lr, did you mean '--lr'?"),
        (["train", "--top-n", "3"], "unknown flag --top_n, which is of tag;"),
        (["train", "--gpus", "2"], "--gpus, did you mean '--device_num' of cross-validate, launch"),
        (["train", "--epochs", "3", "--epoch_size=3"], "epoch_size is given twice as a flag"),
        (["train", "--learning-rate", "fast"], "--learning_rate: lr must be a number, got 'fast'"),
        (["train", "--lr", ""], "--lr: lr must be a number, got ''"),
        (["eval", "--", "--lr"], "unknown argument --;"),
        (["train", "--", "--lr"], "there is no folder or file --lr: name"),
        (["train", "--config"], "argument --config: expected one argument"),
        (["train", "--config", "."], "cannot read the settings file .: Is a directory"),
        (["train", "my.yaml"], "my.yaml is a file of settings, not music: name it as --config my"),
        (["eval", "-v"], "unknown flag -v, did you mean '--verbose'?"),
        (["eval", "."], "unknown argument ., did you mean '--data_dir=.'?"),
        (["tag", "--epochs", "3"], "unknown flag --epochs, which is of train, cross-validate and"),
        (["tag", "--topp", "3"], "unknown flag --topp; 'fcn4-dist tag --help-all' lists them all"),
        (["tag", "a.wav", "--json=1"], "argument --json: takes no value, got '1'"),
        (["tag", "a.wav", "--top_n", "five"], "--top_n: must be a whole number, got 'five'"),
        (["launch", "--lr", "3", "train"], "unknown flag --lr, which stands behind train;"),
        (["launch", "--workers", "3", "train"], "--workers, did you mean '--device_num'?"),
        (["launch"], "the following arguments are required: worker_command"),
        (["train", "--lr"], "argument --lr: expected one argument"),
        (["tag", "a.wav", "--top_n=1", "--top_n=1"], "--top_n is given twice: leave one"),
        (["tag", "a.wav", "--top_n", "1" * 30], "argument --top_n: must be at most 10000, got 11"),
        (["tag", "a.wav", "--device_id=-1"], "argument --device_id: must be at least 0, got -1"),
        (["tag", "a.wav", "--prefix", "../a"], "argument --prefix: must be a name, not a path"),
        (["tag", "$NO_SUCH/a.wav"], "argument SONG: the variable NO_SUCH is not set"),
        (["report", "a" * 256], "argument RUN_DIR: a path must have at most 255 bytes between"),
        (["verify", ""], "argument DIR: a path must not be empty"),
        (["inspect", "a\nb"], "argument DIR: a path must hold no control characters"),
        (["train", "--config", "~nobody1/a.yaml"], "~nobody1 is no user's folder"),
        (["launch", "--nnodes", "99999", "train"], "argument --nnodes: must be at most 4096"),
        (
            ["launch", "--device_num", "2", "train", "--device_num", "3"],
            "--device_num is given twice: leave one",
        ),
        (["train", "--lr", "fast"], "--lr: lr must be a number, got 'fast'"),
        (["train", "--lr", "-1"], "--lr: lr must be above 0, got -1.0"),
        (["train", "--epoch_size", "0"], "--epoch_size: epoch_size must be at least 1, got 0"),
        (["train", "--device_target", "GPU"], "must be one of auto, Ascend, CPU, got 'GPU'"),
        (["preprocess", "--dataset", "gtzn"], "--dataset: dataset must be one of folder, gtzan, "),
        (["synth", "--clips_per_class", "0"], "clips_per_class must be at least 1, got 0"),
        (["synth", "--synth_seconds", "long"], "synth_seconds must be a number, got 'long'"),
        (["synth", "--clip_per_class", "3"], "did you mean '--clips_per_class'?"),
        (["train", "--mixed_precision", "maybe"], "must be True or False, got 'maybe'"),
        (["train", "--config", "none.yaml"], "cannot read the settings file none.yaml: No such"),
        (["train", "--device_target", "CPU"], "data/manifest.json is missing"),
        (["synth", "--audio_path", "/dev/null/x"], "audio_path /dev/null/x cannot be written to"),
        (["preprocess", "--npy_path", "/dev/null"], "(/dev/null is a file): name another folder"),
        (["preprocess", "--window_seconds", "1"], "a window of 47 frames is too short"),
        (["preprocess"], "audio_path data/genres_original is not a folder"),
        (["preprocess", "--get_npy", "0", "--get_mindrecord", "0"], "are both off"),
        (
            ["preprocess", "--get_npy", "0"],
            "annotations file data/annotations_final.csv is missing",
        ),
        (["launch", "--device_num", "0", "train"], "--device_num must be at least 1, got 0"),
        (["launch", "--device_num", "2", "preprocess"], "invalid choice: 'preprocess'"),
        (["launch", "train", "--device_target", "CPU"], "how many workers? give their number"),
        (["launch", "train", "--device_num", "2", "--lr"], "argument --lr: expected one argument"),
        (
            ["launch", "train", "--device_num", "two"],
            "--device_num: must be a whole number, got 'two'",
        ),
        (["launch", "train", "--devices", "7-4"], "has the descending range 7-4: turn it"),
        (["launch", "train", "--node_rnk", "1"], "--node_rnk, did you mean '--node_rank'?"),
        (["launch", "train", "--batchsize", "8"], "--batchsize, did you mean '--batch_size'?"),
        (["doctor", "--device_nums", "2"], "--device_nums, did you mean '--device_num'?"),
        (
            ["doctor", "--run", "--seconds", "nan"],
            "--seconds must be at least 0 and finite, got nan",
        ),
        (["doctor", "--run", "--seconds=-1"], "--seconds must be at least 0 and finite, got -1.0"),
        (["doctor", "--lr", "fast"], "--lr: lr must be a number, got 'fast'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, errors = run(*arguments, capsys=capsys)
    assert code == 2
    assert errors.startswith("fcn4-dist: error: ")
    assert sentence in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (
            ["eval", "--device_target", "CPU", "--data_dir", "x"],
            ["x/manifest.json is missing", "there is no checkpoint weight/MusicTagger-10_24.ckpt"],
        ),
        (
            ["launch", "train", "--rank_table_file", "none.json"],
            ["none.json cannot be used as a rank table", "there is no such file"],
        ),
        (
            ["train", "--device_target", "Ascend"],
            ["give --device_target CPU to run on the processor", "data/manifest.json is missing"],
        ),
        (
            ["launch", "--device_num", "2", "train", "--device_target", "Ascend"],
            ["give --device_target CPU", "data/manifest.json is missing"],
        ),
        (
            ["launch", "train", "--device_target=CPU", "--device_num=2", "--run_dir=/dev/null/x"],
            ["data/manifest.json is missing", "run_dir /dev/null/x cannot be written to"],
        ),
    ],
)
def test_several_things_that_are_wrong_are_said_at_once_in_a_line_each(
    arguments: list[str], sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, errors = run(*arguments, capsys=capsys)
    assert code == 2
    for line, sentence in zip(errors.splitlines(), sentences, strict=True):
        assert line.startswith("fcn4-dist: error: ")
        assert sentence in line


def test_help_is_given_behind_whatever_else_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["tag", "--topp", "3", "-h"], ["train", "--lr=", "-h"], ["help", "tag"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 0
        assert capsys.readouterr().out.startswith("usage: fcn4-dist t")


def test_nothing_is_left_behind_by_a_refused_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("train", "--device_target", "CPU", capsys=capsys)
    run("launch", "--device_num", "2", "eval", "--device_target", "CPU", capsys=capsys)
    run("doctor", "--device_num", "2", capsys=capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_value_in_a_file_names_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.yaml").write_text("# mine\nlr: 0.001\nbatch_sise: 8\n")
    code, errors = run("train", "--config", "my.yaml", capsys=capsys)
    assert code == 2
    assert "my.yaml, line 3: batch_sise is not a setting, did you mean 'batch_size'?" in errors


def test_of_several_files_a_later_one_wins_and_each_value_says_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.yaml").write_text("audio_path: clips\nseed: 3\n")
    (tmp_path / "mine.yaml").write_text("seed: 4\n")
    files = ["--config", "site.yaml", "--config", "mine.yaml"]
    assert main(["synth", *files, "--clips_per_class", "1", "--synth_seconds", "0.2"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["audio_path", "clips", "site.yaml,", "line", "1"] in lines
    assert ["seed", "4", "mine.yaml,", "line", "1"] in lines
    code, errors = run("synth", *files, "--config", "none.yaml", capsys=capsys)
    assert (code, "cannot read the settings file none.yaml" in errors) == (2, True)


def test_of_a_setting_that_is_given_twice_the_later_one_wins_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["train", "--device_target", "CPU", "--lr", "1", "--seed", "2", "--seed", "2"]
    assert main([*command, "--lr=2"]) == 2
    printed = capsys.readouterr().out
    assert "note: --lr 1 is overridden by --lr 2, which comes later\n" in printed
    assert "seed" not in printed


def test_a_flag_without_effect_on_the_command_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    main(["synth", "--lr", "0.1", "--clips_per_class", "1", "--synth_seconds", "0.2"])
    assert "note: --lr has no effect on synth" in capsys.readouterr().out


def test_what_mindspore_raises_of_an_ascend_card_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (CANN / "error_earlier_job.txt").read_text()

    def fail_as_on_a_card(*_: object) -> None:
        raise RuntimeError(text)

    # fcn4_dist.cli.main is the function, too.
    monkeypatch.setattr(sys.modules["fcn4_dist.cli.main"], "parse", fail_as_on_a_card)
    code, errors = run("train", capsys=capsys)
    assert code == 1
    assert "RuntimeError: [CRITICAL] HCCL_ADPT" in errors
    sentence = errors.splitlines()[-1]
    assert sentence.startswith("fcn4-dist: error: CANN's error EJ0001, an earlier job still holds")
    assert "wait 10 s and start again" in sentence
    assert "unexpected" not in errors


def test_what_mindspore_raises_where_there_is_no_more_memory_is_told_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "-" * 52
    text = (
        f"\n{rule}\n- Memory not enough:\n{rule}\nMemory isn't enough and alloc failed, size: 4B."
    )

    def fail_as_under_ulimit(*_: object) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(sys.modules["fcn4_dist.cli.main"], "parse", fail_as_under_ulimit)
    code, errors = run("train", capsys=capsys)
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "no more memory for this process (Memory isn't enough and alloc failed, size" in errors


# What was known to earlier versions ---------------------------------------------------------------


def test_synth_makes_what_a_settings_file_of_an_earlier_version_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.yaml").write_text("clips_per_class: 2\nsynth_seconds: 0.2\n")
    command = ["synth", "--config", "old.yaml", "--audio_path", "made/clips"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    # Here it has the effect that it had.
    assert "warning" not in printed
    assert "2 clips of 0.2 s for each of 10 genres" in printed
    assert len(list((tmp_path / "made/clips").glob("*/*.wav"))) == 20
    # What was made is known from the saved settings.
    again = ["synth", "--config", "made/synth_settings.yaml", "--audio_path", "again/clips"]
    assert main(again) == 0
    printed = capsys.readouterr().out
    assert "warning" not in printed
    assert "2 clips of 0.2 s for each of 10 genres" in printed
    # Elsewhere it has none.
    assert main(["train", "--config", "made/synth_settings.yaml"]) == 2
    assert "clips_per_class is a flag of synth now" in capsys.readouterr().out
    # A flag wins, and is nothing of an earlier version.
    assert main([*command, "--clips_per_class", "1"]) == 0
    assert "1 clip of 0.2 s for each of 10 genres" in capsys.readouterr().out


def test_flags_of_earlier_versions_are_taken_and_the_way_across_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["preprocess", "--num_workers", "2"]) == 2
    captured = capsys.readouterr()
    assert "note: --num_workers: num_workers is called processes now" in captured.out
    assert "audio_path data/genres_original is not a folder" in captured.err
    assert main(["train", "--hccl_socket_ifname", "eth0"]) == 2
    captured = capsys.readouterr()
    assert "export HCCL_SOCKET_IFNAME=eth0 on the hosts that need it" in captured.out
    assert "data/manifest.json is missing" in captured.err
    assert main(["train", "--clips_per_class", "30"]) == 2
    assert "note: --clips_per_class has no effect on train" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_told_by_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "synth_settings.yaml").mkdir(parents=True)
    code, errors = run(
        "synth",
        "--audio_path",
        "rock",
        "--clips_per_class",
        "1",
        "--synth_seconds",
        "0.2",
        capsys=capsys,
    )
    assert code == 1
    assert errors == (
        "fcn4-dist: error: synth_settings.yaml: it is a folder (Is a directory): name a file\n"
    )


def test_a_value_that_is_the_name_of_a_command_builds_no_flags_of_that_command() -> None:
    # Those of preprocess import NumPy, whose threads must not be there before SIGTERM is held.
    program = (
        "import sys; from fcn4_dist.cli.main import main; main(sys.argv[1:]); "
        "raise SystemExit('numpy' in sys.modules)"
    )
    arguments = ["train", "--data_dir", "preprocess", "--no_such_flag"]
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True)
    assert result.returncode == 0


def test_a_starter_that_has_closed_the_standard_streams_breaks_nothing() -> None:
    command = f'exec "{sys.executable}" -m fcn4_dist completion bash'

    for closed in ("<&- >&-", "<&- >&- 2>&-"):
        ended = subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, "")
