"""The command line as users meet it: a real process, real files, exit codes, nothing left behind."""

from __future__ import annotations

import pytest

from pocketvox.cli import build_parser
from pocketvox.commands.common import error_line, new_file, result_names
from pocketvox.errors import OutputError, StructureError

VERBS = ("scan", "interactions", "voxelize", "label", "dataset", "train", "evaluate", "presets", "demo")


def left_behind(folder, *expected) -> set[str]:
    """Files under a folder that are not expected there."""
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return found - set(expected)


# ------------------------------------------------------------------------------------------------------ help and usage
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
        (["scan"], "required: INPUT"),
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
    assert target.read_text() == "old"
    with new_file(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_file_where_a_folder_should_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"), new_file(tmp_path / "file" / "x.csv"):
        pass
