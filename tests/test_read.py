"""Reading structures: formats, conformers, kinds, names, and files that cannot be used."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import DEMO, ROOT, environment
from pdb_lines import BENZAMIDINE, atom, chain, group, text

from pocketvox.errors import StructureError
from pocketvox.structure.atoms import NUCLEIC, OTHER, PROTEIN, WATER
from pocketvox.structure.read import read_structure

DATA = Path(__file__).parent / "data"
WATER_AT = (5.0, -6.0, 5.0)


@pytest.fixture
def read(tmp_path):
    """Write text or bytes to a file and read it."""

    def run(content, name="x.pdb", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_structure(path, **options)

    return run


def residues(structure):
    """(chain, number, insertion code, name) of each residue, in order."""
    a = structure.atoms
    first = np.flatnonzero(np.diff(a.residue, prepend=-1))
    return [(str(a.chain_id[i]), int(a.res_id[i]), str(a.ins_code[i]), str(a.res_name[i])) for i in first]


def kinds(structure):
    """Kind of each residue name."""
    return dict(zip(structure.atoms.res_name.tolist(), structure.atoms.kind.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------ real entries


def test_pdb_entry_with_alternate_locations():
    s = read_structure(DATA / "1orc.pdb.gz")
    # counted in the file by hand: 559 ATOM/HETATM records, six of them letter B at 0.35-0.5 occupancy
    assert (s.name, len(s.atoms), s.resolution, s.method) == ("1orc", 553, 1.54, "X-RAY DIFFRACTION")
    assert np.bincount(s.atoms.kind, minlength=4).tolist() == [496, 0, 0, 57]
    assert len(s.sha256) == 64 and not s.predicted
    assert any("alternate" in w for w in s.warnings)


def test_mmcif_entry_with_nucleic_acid_and_modified_peptide():
    s = read_structure(DATA / "1pfe.cif.gz")
    assert {"DSN": PROTEIN, "NCY": PROTEIN, "MVA": PROTEIN, "DG": NUCLEIC, "QUI": OTHER, "HOH": WATER}.items() <= kinds(
        s
    ).items()
    assert set(s.atoms.parent[s.atoms.res_name == "MVA"]) == {"VAL"}
    assert len(s.links) == 16 and (s.atoms.residue[s.links[:, 0]] != s.atoms.residue[s.links[:, 1]]).all()


def test_pdb_of_before_1996_has_line_numbers_where_elements_stand():
    s = read_structure(DATA / "pdb1gdr.ent.gz")
    assert len(s.atoms) == 105 and set(s.atoms.element) == {"C"}


def test_binary_cif_equals_the_mmcif_it_was_made_of(tmp_path):
    from biotite.structure.io.pdbx import BinaryCIFBlock, BinaryCIFCategory, BinaryCIFFile, CIFFile

    with gzip.open(DATA / "1pfe.cif.gz", "rt") as f:
        block = CIFFile.read(f).block
    names = ("entry", "atom_site", "entity", "struct_conn", "exptl", "refine")
    made = {n: BinaryCIFCategory({k: block[n][k].as_array(str) for k in block[n]}) for n in names}
    path = tmp_path / "1pfe.bcif"
    BinaryCIFFile({"1PFE": BinaryCIFBlock(made)}).write(path)
    packed = tmp_path / "1pfe.bcif.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    a, b, c = read_structure(DATA / "1pfe.cif.gz"), read_structure(path), read_structure(packed)
    order = np.lexsort((b.atoms.name, b.atoms.res_id, b.atoms.chain_id))
    expected = np.lexsort((a.atoms.name, a.atoms.res_id, a.atoms.chain_id))
    for field in ("coord", "element", "name", "res_name", "chain_id", "res_id", "kind", "parent", "occupancy"):
        np.testing.assert_array_equal(getattr(a.atoms, field)[expected], getattr(b.atoms, field)[order], field)
    assert len(b.links) == len(a.links) and b.resolution == a.resolution and b.method == a.method
    np.testing.assert_array_equal(b.atoms.coord, c.atoms.coord)
    for cut in (100, len(path.read_bytes()) // 2):
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(StructureError, match="not a complete BinaryCIF|binary data"):
            read_structure(path)


def test_reading_is_quick_and_needs_no_biotite():
    code = (
        "import sys, time; from pocketvox.structure import read_structure, partition\n"
        f"partition(read_structure(r'{DEMO}'))\n"
        f"t = time.process_time(); partition(read_structure(r'{DEMO}')); t = time.process_time() - t\n"
        "assert t < 0.06, t\nassert 'biotite' not in sys.modules and 'rdkit' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------------ conformers, models


def test_highest_occupancy_wins_and_ties_go_to_the_first_letter(read):
    lines = chain("ALA " * 11)
    for number, (a, b) in {20: (0.3, 0.7), 21: (0.5, 0.5)}.items():
        for letter, occupancy, x in (("B", b, 2.0), ("A", a, 1.0)):
            lines += group({"C1": (x, -9, 0)}, "LIG", number, (number, 0, 0), altloc=letter, occupancy=occupancy)
    s = read(text(lines))
    x = s.atoms.coord[s.atoms.res_name == "LIG"][:, 0]
    assert x.tolist() == [22.0, 22.0]  # residue 20: B (20 + 2); residue 21: tie, A (21 + 1)


def test_atoms_that_the_chosen_letter_lacks_come_from_the_other(read):
    lines = chain("ALA " * 11)
    lines += [atom("OG", "SER", "A", 12, (50, 50, 50), altloc="B", occupancy=0.4)]
    lines += [atom("CA", "SER", "A", 12, (51, 50, 50), altloc="A", occupancy=0.6)]
    lines += [atom("CA", "SER", "A", 12, (52, 50, 50), altloc="B", occupancy=0.4)]
    s = read(text(lines))
    mine = s.atoms.res_id == 12
    assert sorted(s.atoms.name[mine]) == ["CA", "OG"] and s.atoms.coord[mine][s.atoms.name[mine] == "CA"][0, 0] == 51


def test_one_letter_serves_the_whole_residue(read):
    lines = chain("ALA " * 11)
    for letter, occupancies in (("A", (0.9, 0.3)), ("B", (0.1, 0.5))):  # A has the higher mean
        for name, occupancy, x in zip(("CA", "CB"), occupancies, (50, 52), strict=True):
            place = (x + (letter == "B"), 50, 50)
            lines.append(atom(name, "SER", "A", 12, place, altloc=letter, occupancy=occupancy))
    s = read(text(lines))
    assert s.atoms.coord[s.atoms.res_id == 12][:, 0].tolist() == [50, 52]


def test_two_residue_types_at_one_position_leave_the_likelier(read):
    lines = chain("ALA " * 11)
    for name, letter, occupancy in (("SER", "A", 0.4), ("THR", "B", 0.6)):
        lines += chain(name, start=12, origin=11 * np.array([3.33, 1.42, 0]), altloc=letter, occupancy=occupancy)
    assert [r[3] for r in residues(read(text(lines)))][-1] == "THR"


def test_models_first_by_default_or_by_number_and_the_error_lists_them(read):
    content = ""
    for number, shift in ((3, 0.0), (7, 1.0)):
        content += f"MODEL     {number:4d}\n" + "\n".join(chain(origin=(shift, 0, 0))) + "\nENDMDL\n"
    s = read(content)
    assert s.atoms.coord[0, 0] == 0 and "2 models" in s.warnings[0]
    assert read(content, model=7).atoms.coord[0, 0] == 1
    with pytest.raises(StructureError, match=r"no model 1\. Models in the file: 3, 7"):
        read(content, model=1)


def test_zero_occupancy_atoms_are_kept_with_a_warning(read):
    s = read(text(chain(occupancy=0.0)))
    assert len(s.atoms) == 60 and any("60 atoms with zero occupancy" in w for w in s.warnings)


def test_hydrogens_are_kept(read):
    s = read(text(chain(), atom("HA", "ALA", "A", 1, (1.5, 0, 1.0)), atom("D", "ALA", "A", 1, (0, 0, 1.0), column="D")))
    assert (~s.atoms.heavy).sum() == 2


# ------------------------------------------------------------------------------------------------ numbering and size


def test_insertion_codes_negative_and_jumping_numbers(read):
    lines = chain("GLY", start=-5)
    for i, (number, ins) in enumerate(((-4, " "), (7, " "), (7, "A"), (7, "B"), (3, " "))):
        lines += chain("ALA", start=number, ins=ins, origin=(i + 1) * np.array([3.33, 1.42, 0]))
    s = read(text(lines))
    assert [r[1:3] for r in residues(s)] == [(-5, ""), (-4, ""), (7, ""), (7, "A"), (7, "B"), (3, "")]
    assert s.atoms.label(5 * 3 + 1) == "A:ALA 7A:CA"


def test_more_than_99999_atoms_and_hybrid_36(read):
    lines = chain()
    waters = []
    for i in range(100_000):
        number = i % 9999 + 1  # numbers start again, as in simulation files
        waters.append(
            atom("O", "HOH", "W", number, (i % 100, i // 100 % 100, 20 + i // 10000), serial="*****", het=True)
        )
    waters.append(atom("O", "HOH", "W", "A000", (0, 0, 90), serial="A0000", het=True))
    start = time.process_time()
    s = read(text(lines, waters))
    assert time.process_time() - start < 5
    assert len(s.atoms) == 100_061 and len(residues(s)) == 12 + 100_001
    assert residues(s)[-1][1] == 10_000  # A000 is the hybrid-36 number after 9999


def test_waters_that_share_one_number_are_separate_residues(read):
    lines = []
    for i in range(3):
        lines += group({"OH2": (0, 0, 0), "H1": (0.9, 0, 0), "H2": (0, 0.9, 0)}, "TIP", 1, (4 * i, -9, 0), het=False)
    s = read(text(chain(), lines))
    assert len(residues(s)) == 15 and kinds(s)["TIP"] == WATER


def test_scattered_atoms_are_put_together(read):
    """As from programs that append the atoms they add, or sort by name; residues that share a number are left alone."""
    lines = chain() + chain(chain_id="B", origin=(0, 30, 0))
    plain = read(text(lines))
    appended = lines[1:30] + lines[31:] + [lines[30], lines[0]]
    by_name = sorted(lines, key=lambda line: line[12:16])
    for order, count in ((appended, 2), (by_name, 24)):
        s = read(text(order))
        assert residues(s) == residues(plain)
        for k in range(24):
            assert set(s.atoms.name[s.atoms.residue == k]) == {"N", "CA", "C", "O", "CB"}
        assert sorted(map(tuple, s.atoms.coord)) == sorted(map(tuple, plain.atoms.coord))
        assert s.warnings == (f"the atoms of {count} residues are scattered over the file: sorted by number",)
    turned = [line for k in range(23, -1, -1) for line in lines[5 * k : 5 * k + 5]]
    assert residues(read(text(turned))) == residues(plain)[12:] + residues(plain)[:12]
    assert read(text(turned)).warnings == ("residues are unordered: sorted by number",)
    second = [line for k in range(11, -1, -1) for line in lines[60 + 5 * k : 65 + 5 * k]]
    assert residues(read(text(lines[:60], second))) == residues(plain)  # the numbers of the second chain fall
    again = read(text(lines, chain("SER " * 12, origin=(0, 60, 0)), chain(origin=(0, 90, 0))))
    assert not again.warnings and set(residues(plain)) < set(residues(again))


def test_chains_of_several_characters(tmp_path):
    import gemmi

    structure = gemmi.read_pdb_string(text(chain()))
    structure[0][0].name = "AAB"
    structure.setup_entities()
    path = tmp_path / "multi.cif"
    path.write_text(structure.make_mmcif_document().as_string())
    s = read_structure(path)
    assert set(s.atoms.chain_id) == {"AAB"} and s.name == "multi"


# ------------------------------------------------------------------------------------------------ kinds and names


def test_hetatm_residues_in_a_chain_are_polymer_and_free_ones_are_not(read):
    lines = chain("ALA " * 5) + chain("MSE", start=6, origin=5 * np.array([3.33, 1.42, 0]), het=True)
    lines += chain("ALA " * 5, start=7, origin=6 * np.array([3.33, 1.42, 0]))
    glu = {"N": (0, 0, 0), "CA": (1.46, 0, 0), "C": (2.0, 1.42, 0), "O": (1.3, 2.4, 0), "OXT": (3.2, 1.6, 0)}
    s = read(text(lines, group(glu, "GLU", 401, (5, -12, 0))))
    assert kinds(s)["MSE"] == PROTEIN and kinds(s)["GLU"] == OTHER
    assert set(s.atoms.parent[s.atoms.res_name == "MSE"]) == {"MET"}
    # the same in ATOM records, as some programs write everything: told by OXT without a peptide bond
    assert kinds(read(text(lines, group(glu, "GLU", 401, (5, -12, 0), het=False))))["GLU"] == OTHER


def test_unlinked_residues_of_a_cut_out_pocket_stay_protein(read):
    lines = [line for i in range(12) for line in chain("SER", start=10 * i, origin=(6.0 * i, 0, 0))]
    lines.append(atom("OXT", "SER", "A", 110, (68.5, 1.4, 0)))
    assert set(kinds(read(text(lines))).values()) == {PROTEIN}


def test_a_peptide_of_hetatm_records_throughout_is_no_receptor(read):
    s = read(text(chain(), chain("PHE VAL", chain_id="B", start=1, origin=(0, -9, 0), het=True)))
    assert kinds(s)["PHE"] == OTHER and kinds(s)["ALA"] == PROTEIN


def test_a_ligand_that_a_converter_declares_polymer_is_a_ligand(tmp_path):
    """One entity for a whole chain, as gemmi makes of files without entities; a cap in it stays polymer."""
    import gemmi

    cap = {"CH3": (-2.2, -1.0, 0), "C": (-0.8, -1.06, 0), "O": (-0.2, -2.1, 0)}
    near = {"C1": (0.0, 0.0, 0.0), "O1": (1.4, 0.0, 0.0), "C2": (2.1, 1.2, 0.0)}
    lines = text(group(cap, "ACE", 0, (0, 0, 0)), chain(), group(near, "NAG", 401, (5, -12, 0)))
    structure = gemmi.read_pdb_string(lines)
    for residue in structure[0][0]:
        residue.subchain, residue.entity_type = "A", gemmi.EntityType.Polymer
    structure.ensure_entities()
    path = tmp_path / "one.cif"
    path.write_text(structure.make_mmcif_document().as_string())
    found = kinds(read_structure(path))
    assert found["NAG"] == OTHER and found["ACE"] == found["ALA"] == PROTEIN


def test_a_chain_that_a_converter_declares_non_polymer_is_a_chain(tmp_path):
    """Each residue an entity of its own, as gemmi makes of what follows an unusual residue."""
    import gemmi

    structure = gemmi.read_pdb_string(text(chain(), group({"C1": (0, 0, 0), "O1": (1.4, 0, 0)}, "EDO", 9, (5, -12, 0))))
    for number, residue in enumerate(structure[0][0]):
        residue.subchain, residue.entity_type = f"A{number}", gemmi.EntityType.NonPolymer
    structure.ensure_entities()
    path = tmp_path / "none.cif"
    path.write_text(structure.make_mmcif_document().as_string())
    found = kinds(read_structure(path))
    assert found["ALA"] == PROTEIN and found["EDO"] == OTHER


def test_caps_are_polymer_when_bound(read):
    cap = {"CH3": (-2.2, -1.0, 0), "C": (-0.8, -1.06, 0), "O": (-0.2, -2.1, 0)}
    s = read(text(group(cap, "ACE", 0, (0, 0, 0)), chain()))
    assert kinds(s)["ACE"] == PROTEIN


@pytest.mark.parametrize(
    ("name", "parent"),
    [("HIE", "HIS"), ("HSP", "HIS"), ("CYX", "CYS"), ("ASH", "ASP"), ("GLH", "GLU"), ("LYN", "LYS"), ("SEP", "SER")]
    + [("TPO", "THR"), ("PTR", "TYR"), ("CSO", "CYS"), ("KCX", "LYS"), ("HYP", "PRO"), ("LLP", "LYS"), ("NLE", "LEU")]
    + [("M3L", "LYS"), ("FME", "MET"), ("CGU", "GLU"), ("ABA", "ALA"), ("HIC", "HIS"), ("TYS", "TYR"), ("NALA", "ALA")],
)
def test_parents_of_modified_and_force_field_names(name, parent):
    from pocketvox.structure.names import parent_of

    assert parent_of(name) == parent


def test_the_table_of_modified_residues_agrees_with_the_component_dictionary():
    from pocketvox.structure.components import component_parent
    from pocketvox.structure.names import _MODIFIED

    wrong = {}
    for parent, codes in _MODIFIED.items():
        for code in codes.split():
            if component_parent(code) not in ("", parent):  # D-amino acids have no parent there
                wrong[code] = (parent, component_parent(code))
    assert not wrong


def test_a_ligand_under_a_residues_force_field_name_is_a_ligand(read):
    s = read(text(chain(), group(BENZAMIDINE, "AS4", 300, (12, -2, 4))))  # AS4 is aldosterone in the dictionary
    assert kinds(s)["AS4"] == OTHER


def test_old_and_force_field_atom_names_become_those_of_the_dictionary(read):
    lines = [line.replace(" CB ", " CD ") for line in chain("ILE " * 11)]
    lines.append(atom("OT2", "ILE", "A", 11, (35.6, 16.9, 0)))
    names = read(text(lines)).atoms.name.tolist()
    assert "CD1" in names and "CD" not in names and "OXT" in names


def test_missing_and_shifted_elements(read):
    lines = [line[:66] for line in chain("PHE " * 11)]
    ions = [atom("CA", "CA", "A", 90, (5, -9, 0), column="  ", het=True)[:66]]  # calcium, shifted left
    ions += [atom("SOD", "SOD", "A", 91, (9, -9, 0), column="  ", het=True)[:66]]
    ions += [atom("CL1", "LIG", "A", 92, (13, -9, 0), element="CL", column="  ", het=True)[:66]]
    s = read(text(lines, ions))
    assert set(s.atoms.element[s.atoms.res_name == "PHE"]) == {"C", "N", "O"}
    assert [s.atoms.element[s.atoms.res_name == r][0] for r in ("CA", "SOD", "LIG")] == ["Ca", "Na", "Cl"]


# ------------------------------------------------------------------------------------------------ predicted models


def _confident(**options):
    return [line for i in range(24) for line in chain("ALA", start=i, origin=i * np.array([3.33, 1.42, 0]), b=60 + i)]


@pytest.mark.parametrize(
    ("head", "lines", "predicted"),
    [
        ("TITLE     ALPHAFOLD MONOMER V2.0 PREDICTION FOR X\n", chain(), True),
        ("TITLE     ESMFOLD V1 PREDICTION FOR INPUT\n", chain(), True),
        ("TITLE     HYDROLASE WITH INHIBITOR\nEXPDTA    X-RAY DIFFRACTION\n", chain(), False),
        ("TITLE     ALPHAFOLD MODEL SOLVES PHASES\nEXPDTA    X-RAY DIFFRACTION\n", chain(), False),
        ("TITLE     SWISS-MODEL SERVER\nEXPDTA    THEORETICAL MODEL\nREMARK   3 QMEAN\n", chain(), True),
        ("REMARK   1 CREATED WITH OPENMM 8.0, 2023-05-01\n", _confident(), True),
        ("REMARK   1 CREATED WITH OPENMM 8.0, 2023-05-01\n", chain("ALA " * 24), False),
        ("", _confident(), True),  # one value per residue, different between residues, no header
        ("", chain("ALA " * 24), False),  # one value for all atoms
        ("", _confident() + group({"O": WATER_AT}, "HOH", 300, (0, 0, 0)), False),
        ("REMARK   3 REFINEMENT.\nTITLE     X\n", _confident(), False),
    ],
)
def test_predicted_models_are_told_from_experiments(read, head, lines, predicted):
    s = read(head + text(lines))
    assert s.predicted is predicted
    assert any("pLDDT" in w for w in s.warnings) is predicted


def test_a_quality_metric_in_mmcif_marks_a_prediction(read):
    import gemmi

    structure = gemmi.read_pdb_string(text(chain()))
    structure.setup_entities()
    content = structure.make_mmcif_document().as_string()
    assert not read(content, "a.cif").predicted
    assert read(content + "\n_ma_qa_metric.id 1\n_ma_qa_metric.name pLDDT\n", "b.cif").predicted


# ------------------------------------------------------------------------------------------------ unusable input

GOOD = text(chain())
LINE = GOOD.splitlines()[7]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.pdb", b"", "file is empty"),
        ("blank.cif", b" \n\n", "file is empty"),
        ("text.pdb", b"Dear all, here is the structure\n", "Received: text that begins 'Dear all"),
        ("page.cif", b"<html>404</html>", "Received: text that begins"),
        ("noise.bin", bytes(range(256)) * 9, "binary data"),
        ("nan.pdb", GOOD.replace(LINE[30:38], "     nan"), "three coordinates .* 'nan .* line 8"),
        ("stars.pdb", GOOD.replace(LINE[30:38], "*" * 8), r"three coordinates .*\*\*\*"),
        ("shifted.pdb", GOOD.replace("ATOM  ", "ATOM   "), "three coordinates in columns 31-54"),
        ("cut.pdb", GOOD[: GOOD.index(LINE) + 40], "three coordinates"),
        ("cut2.pdb", GOOD[: GOOD.index(LINE) + 61], "last atom record is cut off"),
        ("zero.pdb", "".join(atom("CA", "ALA", "A", i, (0, 0, 0)) + "\n" for i in range(9)), "at one point"),
        (
            "huge.pdb",
            text(chain(), atom("O", "HOH", "A", 99, (1e6, 0, 0)).replace("1000000.000", " 1000000")),
            "finite",
        ),
        ("water.pdb", text(group({"O": (1, 2, 3)}, "HOH", 1, (0, 0, 0))), "protein or nucleic acid.*only HOH"),
        ("ligand.pdb", text(group(BENZAMIDINE, "BEN", 1, (0, 0, 0))), "protein or nucleic acid.*only BEN"),
        ("header.pdb", b"HEADER    HYDROLASE\nTITLE     X\nEND\n", "a file without any"),
        ("cell.cif", b"data_x\n_cell.length_a 3\n", "_atom_site.*_cell"),
        ("wrong.pdb.gz", b"\x1f\x8b\x08" + b"junk" * 50, "gzip data are damaged"),
        ("cut.pdb.gz", gzip.compress(GOOD.encode(), mtime=0)[:200], "gzip data are damaged"),
        ("void.pdb.gz", gzip.compress(b"", mtime=0), "file is empty"),
    ],
)
def test_unusable_files_get_one_line_with_name_and_remedy(read, name, content, message):
    with pytest.raises(StructureError, match=message) as caught:
        read(content, name)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_mmcif_cut_in_a_row_or_with_unknown_coordinates(read):
    with gzip.open(DATA / "5i55.cif.gz", "rt") as f:
        content = f.read()
    atoms = content.index("\nATOM ") + 1
    with pytest.raises(StructureError, match="not a complete mmCIF file"):
        read(content[: atoms + 1000], "cut.cif")
    row = content[atoms:].splitlines()[4]
    x = row.split()[10]
    for bad in ("?", "nan"):
        with pytest.raises(StructureError, match=r"finite coordinates.*for atom A:"):
            read(content.replace(row, row.replace(f" {x} ", f" {bad} ", 1)), "bad.cif")
    whole_rows = content[: content.rindex("\nHETATM ") + 1]
    assert any("may be cut off" in w for w in read(whole_rows, "rows.cif").warnings)
    assert not any("may be cut off" in w for w in read(content, "all.cif").warnings)


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(StructureError, match="no such file, and not a PDB id"):
        read_structure(tmp_path / "none.pdb")
    with pytest.raises(StructureError, match="Received: a directory"):
        read_structure(tmp_path)


@pytest.mark.parametrize("name", ["plain", "windows.ent", "wrong.cif", "packed.pdb.gz", "x.pdbqt"])
def test_content_decides_not_the_extension(read, name):
    content = GOOD.encode()
    if name == "windows.ent":
        content = b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")
    if name == "packed.pdb.gz":
        content = gzip.compress(content)
    s = read(content, name)
    assert len(s.atoms) == 60 and "." not in s.name.replace("wrong.cif", "wrong")
