"""Predicted models: confidence of pockets and hot-spots, flags in the outputs, and what is left out on request."""

import csv
import json

import gemmi
import numpy as np
import pytest

from pocketvox.errors import StructureError
from pocketvox.pipeline import scan
from pocketvox.report import write_result
from pocketvox.report.page import page_html
from pocketvox.structure import read_structure
from pocketvox.structure.predicted import residue_confidence, without_low_confidence

#: Residues 23 to 30 of both chains, the catalytic aspartates among them, are of low confidence.
LOW = range(23, 31)


@pytest.fixture(scope="module")
def model_file(demo_file, tmp_path_factory):
    """The bundled protease as a prediction: no ligand, no water, one pLDDT per residue."""
    structure = gemmi.read_structure(str(demo_file))
    structure.remove_ligands_and_waters()
    for cra in structure[0].all():
        number = cra.residue.seqid.num
        cra.atom.b_iso, cra.atom.occ = (45.0 if number in LOW else 90.0 + number % 8), 1.0
    lines = structure.make_pdb_string(gemmi.PdbWriteOptions(minimal=True))
    path = tmp_path_factory.mktemp("predicted") / "model.pdb"
    path.write_text(f"REMARK   1 ALPHAFOLD MONOMER V2.0 PREDICTION\n{lines}")
    return path


@pytest.fixture(scope="module")
def result(model_file):
    return scan(model_file)


def test_pockets_and_hotspots_have_the_confidence_of_their_residues(result):
    atoms = result.structure.atoms
    plddt = {(str(atoms.chain_id[i]), int(atoms.res_id[i])): float(atoms.b_factor[i]) for i in range(len(atoms))}
    assert result.predicted and result.pockets
    for pocket in result.pockets:
        lining = [plddt[chain, int(number)] for chain, number in (r.split("_") for r in pocket.residue_ids)]
        assert pocket.plddt == pytest.approx(np.mean(lining), abs=1e-3)
        for hotspot in pocket.hotspots:
            partners = [label.split(":")[0:2] for label in hotspot.partners]
            found = [plddt[chain, int(rest.split(" ")[1])] for chain, rest in partners]
            assert not found or hotspot.plddt == pytest.approx(min(found))
    assert {h.plddt == 45 for h in result.hotspots} == {True, False}


def test_every_output_says_so(result, tmp_path):
    folder = write_result(result, tmp_path / "x")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["predicted"] is True
    for name, found in (("pockets", result.pockets), ("hotspots", result.hotspots)):
        with (folder / f"{name}.csv").open() as file:
            assert [row["plddt"] for row in csv.DictReader(file)] == [f"{item.plddt:.1f}" for item in found]
    assert [p["plddt"] for p in summary["pockets"]] == [round(p.plddt, 4) for p in result.pockets]
    page = page_html(result)
    assert "<strong>45</strong>" in page and "chains have the colour of their confidence" in page
    assert "pLDDT" in result._repr_html_()


def test_an_experimental_structure_has_no_confidence(demo_file, tmp_path):
    result = scan(demo_file)
    assert not result.predicted and all(p.plddt is None for p in (*result.pockets, *result.hotspots))
    assert "pLDDT" not in page_html(result) and not any("pLDDT" in text for text in result.warnings)


def test_pockets_of_low_confidence_are_warned_of(model_file, tmp_path):
    lines = model_file.read_text().splitlines()
    low = [
        line[:60] + f"{50 + int(line[22:26]) % 9:6.2f}" + line[66:] if line.startswith(("ATOM", "HETATM")) else line
        for line in lines
    ]
    (tmp_path / "low.pdb").write_text("\n".join(low) + "\n")
    result = scan(tmp_path / "low.pdb")
    assert any("mean pLDDT below 70" in text and text.startswith("pocket1 (5") for text in result.warnings)


def test_residues_below_the_least_are_left_out(model_file, cli, tmp_path):
    done = cli("scan", model_file, "-o", "out", "--min-plddt", "70", "--no-report", "--formats", "pymol")
    assert done.returncode == 0, done.stderr
    assert "16 of 198 residues are left out: their pLDDT is below 70" in done.stderr
    structure = gemmi.read_structure(str(tmp_path / "out" / "model" / "structure.cif"))
    assert {residue.seqid.num for chain in structure[0] for residue in chain}.isdisjoint(LOW)


def test_links_follow_the_residues_that_stay(model_file):
    structure = read_structure(model_file)
    atoms = structure.atoms
    last = len(atoms) - 1
    first_low = int(np.flatnonzero(residue_confidence(atoms) < 70)[0])
    linked = type(structure)(**{**vars(structure), "links": np.array([[0, last], [first_low, last]], np.int32)})
    kept = without_low_confidence(linked, 70)
    assert kept.links.tolist() == [[0, len(kept.atoms) - 1]]
    assert without_low_confidence(linked, 10) is linked
    with pytest.raises(StructureError, match="at least 99"):
        without_low_confidence(linked, 99)


def test_confidence_from_0_to_1_is_taken_times_100(model_file, tmp_path):
    lines = model_file.read_text().splitlines()
    scaled = [
        line[:60] + f"{float(line[60:66]) / 100:6.2f}" + line[66:] if line.startswith(("ATOM", "HETATM")) else line
        for line in lines
    ]
    (tmp_path / "esm.pdb").write_text("\n".join(scaled) + "\n")
    structure = read_structure(tmp_path / "esm.pdb")
    assert structure.predicted and structure.atoms.b_factor.max() == pytest.approx(97)
    assert any("times 100" in note for note in structure.warnings)
