"""The pretrained head of examples/reaction_atoms.py, and the careful reading of its weights.

Tests marked by the `model` fixture need the wheel: in TINYTORCH_WHEELS or the repository's root.
"""

import io
import os
import pickle
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tinytorch.core.attention import scaled_dot_product_attention, vectorized_attention

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "examples"))
encoder = import_module("rxnmapper_encoder")
example = import_module("reaction_atoms")


@pytest.fixture(scope="module")
def wheel():
    try:
        return encoder.find_wheel(Path(os.environ.get("TINYTORCH_WHEELS", REPOSITORY)))
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(wheel):
    return encoder.read_wheel(wheel)


def all_weights(model, number, attention=vectorized_attention):
    return encoder.attention_weights(example.REACTIONS[number][0], model, attention)


# ---- with the wheel ----


@pytest.mark.parametrize(
    ("number", "by_head", "by_package", "confidence"),
    # the last column as in the wheel's tests/test_mapper.py, test_example_maps
    [(0, 11, 11, 0.9565619900376546), (1, 20, 20, 0.9704424331552834), (2, 27, 28, 0.91902350687)],
)
def test_the_head_maps_atoms_as_the_package_expects(model, number, by_head, by_package, confidence):
    weights = all_weights(model, number)[example.LAYER, example.HEAD]
    mapping = example.map_atoms(weights, *example.REACTIONS[number])
    assert mapping.num_right(mapping.by_head) == by_head
    assert mapping.num_right(mapping.by_package) == by_package == len(mapping.product)
    assert mapping.confidence == pytest.approx(confidence, rel=1e-5)


def test_loops_and_matrices_give_the_same_weights(model):
    loops = all_weights(model, 0, scaled_dot_product_attention)
    assert loops.shape == (12, 8, 56, 56)
    np.testing.assert_allclose(loops, all_weights(model, 0), rtol=0, atol=2e-5)


def test_the_reactions_and_answers_are_those_of_the_packages_own_test(wheel):
    source = zipfile.ZipFile(wheel).read("tests/test_mapper.py").decode()
    for text, answer in example.REACTIONS:
        assert f'"{answer}"' in source
        assert f'"{text.split(">>")[0]}>>' in source
    assert all(f'"{text}"' in source for text, _ in example.REACTIONS[:2])


def test_the_example_prints_and_draws(model, wheel, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "atoms.png"
    assert example.main(["--wheel", str(wheel), "--draw", str(picture)]) == 0
    assert "11 of 11 product atoms mapped as the package's test expects" in capsys.readouterr().out
    assert picture.read_bytes()[:4] == b"\x89PNG"


# ---- without ----


@pytest.mark.parametrize("content", [None, b"no zip file"])
def test_without_a_wheel_the_example_says_what_to_type(content, tmp_path, capsys):
    path = tmp_path / "rxnmapper-0.4.3-py3-none-any.whl"
    if content:
        path.write_bytes(content)
    assert example.main(["--wheel", str(path)]) == 2
    captured = capsys.readouterr()
    assert "pip download --no-deps rxnmapper==0.4.3" in captured.err
    assert str(path) in captured.err
    assert captured.out == ""


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "name"), [(os.system, r"\w+\.system"), (eval, "builtins.eval"), (open, r"io.open")]
)
def test_a_pickle_that_would_run_a_program_is_refused(function, name, tmp_path):
    trace = tmp_path / "trace"
    argument = {os.system: f"touch {trace}", eval: f"open({str(trace)!r}, 'w')"}.get(
        function, trace
    )
    data = pickle.dumps(Evil(function, argument))
    with pytest.raises(pickle.UnpicklingError, match=f"refused {name}"):
        encoder.read_pytorch(data)
    assert not trace.exists()


def test_the_reader_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    tensors = {"a": torch.randn(3, 5, 7), "b": torch.arange(11.0), "c": torch.tensor(2.0)}
    file = io.BytesIO()
    torch.save(tensors, file, _use_new_zipfile_serialization=False)
    read = encoder.read_pytorch(file.getvalue())
    assert list(read) == list(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read[name], tensor.numpy(), strict=True)


def test_tokens_are_atoms_bonds_brackets_and_ring_numbers():
    tokens = encoder.tokenize("[Na+].BrC%12ClC=1>>c1")
    assert tokens == ["[Na+]", ".", "Br", "C", "%12", "Cl", "C", "=", "1", ">>", "c", "1"]
    with pytest.raises(ValueError, match="leave something out"):
        encoder.tokenize("CXC")


def test_bonds_follow_branches_rings_and_dots():
    # O0 hangs on C1 by a double bond; C1, C2, N3 are a ring; Cl4 stands apart
    atoms = example.read_atoms(encoder.tokenize("O=C1(C[NH:7]1).Cl"))
    assert [atom.name for atom in atoms] == ["O0", "C1", "C2", "N3", "Cl4"]
    assert [set(atom.bonds) for atom in atoms] == [{1}, {0, 2, 3}, {1, 3}, {2, 1}, set()]
    assert atoms[0].bonds == {1: "="}
    assert atoms[3].number == "7"


def test_an_answer_written_from_the_other_end_names_the_same_atoms():
    reactants, _ = example.read_reaction("OCC(C)C>>O")
    answer = "[CH3:1]C([CH3:2])C[OH:3]>>[O:3][C:1][C:2]"
    assert example.expected_sources(reactants, answer) == [[0], [3, 4], [3, 4]]


def test_the_packages_procedure_uses_each_atom_once_and_favours_neighbours():
    reactants, product = example.read_reaction("CC.C>>CC")
    scores = np.array([[6.0, 1.0, 1.0], [3.0, 1.0, 2.0]])
    # first pair: row 0 on atom 0, 6 of 8. Then atom 0 is taken; atom 1, its neighbour, counts 90
    # times: 90 of 92, although atom 2 had the larger score.
    sources, confidence = example.map_as_package(scores, product, reactants)
    assert sources == [0, 1]
    assert confidence == pytest.approx(6 / 8 * 90 / 92)
