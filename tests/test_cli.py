"""The command line as users meet it: a real process, real files, exit codes, nothing left behind."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial

import pytest
from conftest import DEMO, environment

from pocketvox.cli import build_parser, main
from pocketvox.commands import source_tree
from pocketvox.commands.common import error_line, new_file
from pocketvox.errors import OutputError, StructureError
from pocketvox.naming import result_names

VERBS = (
    "scan", "score", "compare", "explain", "interactions", "voxelize", "label", "dataset", "train", "compress",
    "evaluate", "benchmark", "presets", "demo", "completion",
)  # fmt: skip


#: What bash offers for words typed so far, the last one unfinished.
COMPLETIONS = [
    (("sca",), {"scan"}),
    (("scan", "--ro"), {"--rotations"}),
    (("scan", "--engine", "op"), {"openvino"}),
    (("scan", "1ab"), {"1abc.pdb"}),
    (("scan", "1abc.pdb", "-o", ""), {"results"}),
]


# ------------------------------------------------------------------------------------------------------ help and usage
@pytest.mark.parametrize(("words", "offered"), COMPLETIONS)
def test_bash_completes(cli, tmp_path, words, offered):
    """Verbs, options, choices, files where files are taken and folders where folders are."""
    (tmp_path / "1abc.pdb").touch()
    (tmp_path / "results").mkdir()
    (tmp_path / "completion").write_text(cli("completion", "bash").stdout)
    line = " ".join(f"'{word}'" for word in ("pocketvox", *words))
    program = (
        f'. ./completion; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _shtab_pocketvox; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_has_an_example(verb, capsys):
    """Each verb explains itself with a command that could be typed."""
    with pytest.raises(SystemExit) as stop:
        build_parser().parse_args([verb, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert f"example:\n  pocketvox {verb}" in text


def test_every_verb_is_tested_here():
    """The list above is the parser's own."""
    parser = build_parser()
    choices = next(action.choices for action in parser._actions if action.dest == "verb")
    assert set(choices) == set(VERBS)


def test_version(cli):
    done = cli("--version")
    assert (done.returncode, done.stdout) == (0, "pocketvox 0.1.0\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required: VERB"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["scan"], "required: -o/--out"),
        (["scan", "-o", "out"], "Expected INPUT"),
        (["scan", "x.pdb"], "required: -o/--out"),
        (["scan", "x.pdb", "-o", "out", "--engine", "abacus"], "invalid choice: 'abacus'"),
        (["scan", "x.pdb", "-o", "out", "--threads", "0"], "whole number of at least 1"),
        (["scan", "x.pdb", "-o", "out", "--model", "one"], "whole number of at least 1"),
        (["scan", "x.pdb", "-o", "out", "--center", "1", "nan", "3"], "finite number"),
        (["scan", "x.pdb", "-o", "out", "--center", "1", "2", "3", "--size", "-5"], "number above 0"),
        (["scan", "x.pdb", "-o", "out", "--center", "1", "2", "3", "--size", "5", "6"], "one edge or three"),
        (["scan", "x.pdb", "-o", "out", "--size", "20"], "Give --center"),
        (["scan", "x.pdb", "-o", "out", "--around", "A:1", "--center", "1", "2", "3"], "exclude each other"),
        (["scan", "x.pdb", "-o", "out", "--formats", "ccp4,vrml"], "Received: vrml"),
        (["scan", "x.pdb", "-o", "out", "-q", "-v"], "not allowed with"),
        (["interactions", "x.pdb", "a.sdf", "--ligand", "b.sdf"], "given twice"),
        (["voxelize", "x.pdb"], "required: -o/--out"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else None,
)
def test_wrong_usage_exits_with_2(cli, tmp_path, arguments, complaint):
    """Usage errors are told apart from bad inputs, say what is wrong and touch nothing."""
    done = cli(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


# --------------------------------------------------------------------------------------------------------------- names
def test_inputs_of_the_same_name_get_folders_of_their_own():
    """No result overwrites another; names follow the order of the inputs."""
    inputs = ["a/1abc.pdb", "b/1abc.cif.gz", "1ABC.ent", "1abc-2.pdb", "c/2xyz"]
    assert result_names(inputs) == ["1abc", "1abc-2", "1ABC-3", "1abc-2-2", "2xyz"]


def test_error_line_is_one_line_and_names_the_file_once():
    assert error_line(StructureError("a.pdb: broken.\nFix it."), "a.pdb") == "pocketvox: error: a.pdb: broken. Fix it."
    assert error_line(StructureError("broken"), "a.pdb") == "pocketvox: error: a.pdb: broken"


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    """An exception while writing leaves the old file and no fragment."""
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), new_file(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "old"
    with new_file(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_file_where_a_folder_should_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"), new_file(tmp_path / "file" / "x.csv"):
        pass


# ------------------------------------------------------------------------------------------------------- interruptions
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and POSIX signals")
@pytest.mark.parametrize("others", [[], [str(DEMO)]], ids=["alone", "while another is predicted"])
def test_interruption_exits_with_130_and_leaves_nothing(tmp_path, preset, others):
    """Ctrl-C while an input is read: one line, exit code 130, no output folder."""
    pipe = tmp_path / "slow.pdb"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "pocketvox", "scan", *others, str(pipe), "-o", "out", "--preset", str(preset)]
    process = subprocess.Popen(
        [*command, "--threads", "2"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # shells have background jobs ignore it
    )
    with open(pipe, "w"):  # returns when the process has opened its input
        errors = _interrupted(process)
    assert process.returncode == 130
    assert errors == "pocketvox: interrupted\n"
    assert [p.name for p in tmp_path.iterdir()] == ["slow.pdb"]


def _interrupted(process: subprocess.Popen) -> str:
    """What a process that gets SIGINT writes to stderr; it gets it again if it came just before a read, unseen."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)[1]
    process.kill()
    pytest.fail(f"still runs: {process.communicate()[1]}")


@pytest.mark.skipif(os.name != "posix", reason="pipes break differently elsewhere")
def test_a_closed_pipe_is_no_error_message():
    """`pocketvox ... | head` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pocketvox", "presets", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment(), timeout=120, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_tools_of_the_source_tree_say_so_when_they_are_absent(monkeypatch, capsys, tmp_path):
    """From an installed package, `evaluate` and `dataset` say in one line what they need."""
    monkeypatch.setattr(source_tree, "ROOT", tmp_path)
    for arguments in (["evaluate", "--preset", "x"], ["dataset", "build", "--anything"], ["benchmark", "score", "x"]):
        assert main(arguments) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "part of the source tree" in line


def test_logging_is_left_as_it_was(tmp_path):
    """A program that calls ``main`` keeps its own logging."""
    logger = logging.getLogger("pocketvox")
    before = (logger.handlers[:], logger.level, logger.propagate)
    assert main(["scan", "x.pdb", "-o", str(tmp_path / "o"), "--preset", "absent", "-v"]) == 1
    assert (logger.handlers[:], logger.level, logger.propagate) == before


def test_arguments_are_handed_over(cli):
    """Options that only the tool knows reach it: here its own complaint comes back, with its exit code."""
    done = cli("evaluate", "--split", "nonsense")
    assert done.returncode == 2
    assert "benchmarks.first_numbers" in done.stderr and "invalid choice: 'nonsense'" in done.stderr
