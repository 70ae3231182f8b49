"""Which reactant atom did each product atom come from? One pretrained attention head answers.

RXNMapper's encoder (Schwaller et al. 2021, Science Advances 7, eabe4166) learned to fill gaps in
reactions written as text; nobody told it which atom is which. Here its weights run through the
library's own layers. Get them first:  pip download --no-deps rxnmapper==0.4.3
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import own_package  # noqa: F401
from rxnmapper_encoder import attention_weights, find_wheel, read_wheel, tokenize

from tinytorch.core.attention import scaled_dot_product_attention, vectorized_attention
from tinytorch.core.tensor import Array
from tinytorch.pictures import draw_map, text_heatmap

LAYER, HEAD = 10, 5  # counted from 0; RXNMapper's own choice, core.py
NEIGHBOUR_BOOST = 90.0  # likewise

# Text given to the model, and the answer, from the wheel's tests/test_mapper.py, test_example_maps.
# In the answer, atoms with the same number are the same atom. RXNMapper rewrites a reaction with
# RDKit before the model sees it; that changes only the third, whose product is given rewritten.
REACTIONS = (
    (
        "CC(C)S.CN(C)C=O.Fc1cccnc1F.O=C([O-])[O-].[K+].[K+]>>CC(C)Sc1ncccc1F",
        "[CH3:1][CH:2]([CH3:3])[SH:4].CN(C)C=O.F[c:5]1[n:6][cH:7][cH:8][cH:9][c:10]1[F:11]."
        "O=C([O-])[O-].[K+].[K+]>>"
        "[CH3:1][CH:2]([CH3:3])[S:4][c:5]1[n:6][cH:7][cH:8][cH:9][c:10]1[F:11]",
    ),
    (
        "C1COCCO1.CC(C)(C)OC(=O)CONC(=O)NCc1cccc2ccccc12.Cl>>O=C(O)CONC(=O)NCc1cccc2ccccc12",
        "C1COCCO1.CC(C)(C)[O:3][C:2](=[O:1])[CH2:4][O:5][NH:6][C:7](=[O:8])[NH:9][CH2:10]"
        "[c:11]1[cH:12][cH:13][cH:14][c:15]2[cH:16][cH:17][cH:18][cH:19][c:20]12.Cl>>"
        "[O:1]=[C:2]([OH:3])[CH2:4][O:5][NH:6][C:7](=[O:8])[NH:9][CH2:10]"
        "[c:11]1[cH:12][cH:13][cH:14][c:15]2[cH:16][cH:17][cH:18][cH:19][c:20]12",
    ),
    (
        "C=CCN=C=S.CNCc1ccc(C#N)cc1.NNC(=O)c1cn2c(n1)CCCC2>>"
        "C=CCn1c(-c2cn3c(n2)CCCC3)nnc1N(C)Cc1ccc(C#N)cc1",
        "S=[C:17]=[N:4][CH2:3][CH:2]=[CH2:1].[NH:18]([CH3:19])[CH2:20][c:21]1[cH:22][cH:23]"
        "[c:24]([C:25]#[N:26])[cH:27][cH:28]1.O=[C:5]([c:6]1[cH:7][n:8]2[c:9]([n:10]1)"
        "[CH2:11][CH2:12][CH2:13][CH2:14]2)[NH:15][NH2:16]>>"
        "[CH2:1]=[CH:2][CH2:3][n:4]1[c:5](-[c:6]2[cH:7][n:8]3[c:9]([n:10]2)"
        "[CH2:11][CH2:12][CH2:13][CH2:14]3)[n:15][n:16][c:17]1[N:18]([CH3:19])[CH2:20]"
        "[c:21]1[cH:22][cH:23][c:24]([C:25]#[N:26])[cH:27][cH:28]1",
    ),
)


# ---- Reactions as text: tokens, atoms, bonds ----

ATOM = re.compile(r"\[?\d*([A-Z][a-z]?|[bcnops])")  # after an isotope's number: the element


class Atom(NamedTuple):
    """One atom of a reaction."""

    name: str  # element and position, counted from 0: C0, C1, S2
    element: str
    number: str  # as given in an answer: "5" in [cH:5], otherwise ""
    place: int  # among the tokens the model sees
    bonds: dict[int, str]  # neighbours, and the symbol of the bond to each


def read_atoms(tokens: Sequence[str], first: int = 0) -> list[Atom]:
    """List the atoms on one side of a reaction; `first` is the place of its first token."""
    atoms, bonds = [], read_bonds(tokens)
    for place, token in enumerate(tokens, first):
        if match := ATOM.match(token):
            element = match[1].capitalize()
            number = token.strip("]").partition(":")[2]
            name = f"{element}{len(atoms)}"
            atoms.append(Atom(name, element, number, place, bonds[len(atoms)]))
    return atoms


def read_reaction(text: str) -> tuple[list[Atom], list[Atom]]:
    """Return the atoms of the reactants and those of the product."""
    before, after = (tokenize(side) for side in text.split(">>"))
    return read_atoms(before, 1), read_atoms(after, 1 + len(before) + 1)  # [CLS] ... >> ...


def read_bonds(tokens: Sequence[str]) -> list[dict[int, str]]:
    """Follow the text: each atom is bonded to the one before; a branch goes back, a ring closes."""
    bonds: list[dict[int, str]] = []
    branches, rings, last, symbol = [], {}, None, ""
    for token in tokens:
        other = None
        if ATOM.match(token):
            other, last = last, len(bonds)
            bonds.append({})
        elif token == "(":
            branches.append(last)
        elif token == ")":
            last = branches.pop()
        elif token == ".":
            last = None
        elif token[-1].isdigit():
            other = rings.pop(token, None)
            if other is None:
                rings[token] = last
        if other is not None:
            bonds[last][other] = bonds[other][last] = symbol
        symbol = token if token in "-=#:~/\\" else ""
    return bonds


def kinds(atoms: Sequence[Atom]) -> list[int]:
    """Give two atoms the same number if their surroundings are the same, however far one walks."""
    marks = [hash(atom.element) for atom in atoms]
    for _ in atoms:
        around = [sorted((symbol, marks[j]) for j, symbol in atom.bonds.items()) for atom in atoms]
        marks = [hash((mark, *near)) for mark, near in zip(marks, around, strict=True)]
    return marks


def expected_sources(reactants: Sequence[Atom], answer: str) -> list[list[int]]:
    """List, for each product atom, the reactant atoms that the answer allows.

    The answer may write the molecules from another end, so an atom is found by its kind. Atoms of
    one kind, such as the two ends of CC(C)S, are the same atom to a chemist: both are right.
    """
    before, after = read_reaction(answer)
    kind = dict(zip((atom.number for atom in before), kinds(before), strict=True))
    ours = list(enumerate(kinds(reactants)))
    return [[r for r, mark in ours if mark == kind[atom.number]] for atom in after]


# ---- From attention to a mapping ----


def between_atoms(weights: Array, rows: Sequence[Atom], columns: Sequence[Atom]) -> Array:
    """Cut from one head's weights (n, n) how much each row's atom looks at each column's."""
    return weights[np.ix_([atom.place for atom in rows], [atom.place for atom in columns])]


def same_element(product: Sequence[Atom], reactants: Sequence[Atom]) -> Array:
    """Say which reactant atoms each product atom could have been. (product, reactants)"""
    return np.array([[p.element == r.element for r in reactants] for p in product])


def map_as_package(
    scores: Array, product: Sequence[Atom], reactants: Sequence[Atom]
) -> tuple[list[int], float]:
    """Map as RXNMapper does: the surest pair first, no atom twice, a pair's neighbours favoured.

    Args:
        scores: (product, reactants), the attention in both directions added up.

    Returns:
        The reactant atom of each product atom, -1 for none; how sure the whole is, 0 to 1.

    Source: RXNMapper 0.4.3, attention.py, generate_attention_guided_pxr_atom_mapping.
    """
    scores = np.where(same_element(product, reactants), scores, 0.0)
    sources, confidence = [-1] * len(product), 1.0
    for _ in product:
        totals = scores.sum(axis=1, keepdims=True)
        shares = np.divide(scores, totals, out=np.zeros_like(scores), where=totals > 0)
        p, r = np.unravel_index(shares.argmax(), shares.shape)
        if shares[p, r] == 0:
            break
        sources[p], confidence = int(r), confidence * float(shares[p, r])
        neighbours = np.ix_(list(product[p].bonds), list(reactants[r].bonds))
        scores[neighbours] *= NEIGHBOUR_BOOST
        scores[p], scores[:, r] = 0, 0
    return sources, confidence


@dataclass(frozen=True)
class Mapping:
    """A reaction, one head's view of it, and what the package's test expects."""

    reactants: list[Atom]
    product: list[Atom]
    look: Array  # how much each product atom looks at each reactant atom
    by_head: list[int]  # where each product atom looks most
    by_package: list[int]
    confidence: float  # of the package's procedure
    expected: list[list[int]]

    def num_right(self, sources: Sequence[int]) -> int:
        """Count the product atoms that come from where the test expects; no source counts twice."""
        return len({r for r, right in zip(sources, self.expected, strict=True) if r in right})


def map_atoms(weights: Array, text: str, answer: str) -> Mapping:
    """Map a reaction's atoms by one head's weights (n, n)."""
    reactants, product = read_reaction(text)
    look = between_atoms(weights, product, reactants)
    back = between_atoms(weights, reactants, product).T
    by_package, confidence = map_as_package(look + back, product, reactants)
    by_head = np.where(same_element(product, reactants), look, -1).argmax(axis=1).tolist()
    expected = expected_sources(reactants, answer)
    return Mapping(reactants, product, look, by_head, by_package, confidence, expected)


# ---- Showing it ----


def names(atoms: Sequence[Atom]) -> list[str]:
    """List the atoms' names."""
    return [atom.name for atom in atoms]


def print_mapping(mapping: Mapping) -> None:
    """Print where each product atom looks most, beside what the package's test expects."""
    sources = names(mapping.reactants)
    print("product  looks at  weight  test expects")
    for p, atom in enumerate(mapping.product):
        r, right = mapping.by_head[p], mapping.expected[p]
        wanted = " or ".join(sources[j] for j in right)
        verdict = "" if r in right else "  <- differs"
        print(f"{atom.name:>7}  {sources[r]:>8}  {mapping.look[p, r]:6.2f}  {wanted}{verdict}")


def print_counts(mapping: Mapping) -> None:
    """Print how many atoms are right, by the head alone and by the package's procedure."""
    n = len(mapping.product)
    for way, sources in (
        ("the head alone, its largest weight on the same element", mapping.by_head),
        ("RXNMapper's procedure on top of it", mapping.by_package),
    ):
        right = mapping.num_right(sources)
        print(f"{right} of {n} product atoms mapped as the package's test expects: {way}")
    print(f"confidence of that procedure: {mapping.confidence:.6f}")


def draw(mapping: Mapping, title: str, path: Path) -> None:
    """Draw who looks at whom, with the expected pairs ringed."""
    from matplotlib.figure import Figure

    rows, columns = names(mapping.product), names(mapping.reactants)
    size = (3 + 0.3 * len(columns), 2.2 + 0.3 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    nothing_blocked = np.zeros(mapping.look.shape, bool)
    image = draw_map(axes, mapping.look, rows, columns, nothing_blocked, vmin=0, vmax=1)
    pairs = [(r, p) for p, right in enumerate(mapping.expected) for r in right]
    axes.scatter(
        *zip(*pairs, strict=True), s=150, facecolors="none", edgecolors="orangered", lw=1.8
    )
    axes.set(xlabel="reactant atom", ylabel="product atom")
    axes.set_title(f"{title}\nring: expected pair; two in a row: atoms that are alike", fontsize=10)
    figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    figure.savefig(path, dpi=120)


def save_picture(mapping: Mapping, title: str, path: Path) -> int:
    """Draw into a file; say what to do where that is not possible. Returns an exit code."""
    try:
        draw(mapping, title, path)
    except ModuleNotFoundError:
        print("✗ a picture needs Matplotlib; type: pip install matplotlib", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"✗ cannot save {path}: {error}", file=sys.stderr)
        return 2
    print(f"drawn: {path}")
    return 0


# ---- The command line ----


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Describe and read the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="the rxnmapper wheel, or its folder")
    parser.add_argument("--reaction", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--layer", type=int, choices=range(12), default=LAYER)
    parser.add_argument("--head", type=int, choices=range(8), default=HEAD)
    parser.add_argument("--loops", action="store_true", help="attention with explicit loops")
    parser.add_argument("--draw", type=Path, metavar="FILE.png", help="save a picture")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Map one reaction. Returns 0, or 2 where the wheel or the picture is not to be had."""
    options = read_arguments(argv)
    try:
        model = read_wheel(find_wheel(options.wheel))
    except (FileNotFoundError, ValueError) as error:
        print(f"✗ {error}", file=sys.stderr)
        return 2
    text, answer = REACTIONS[options.reaction - 1]
    attention = scaled_dot_product_attention if options.loops else vectorized_attention
    weights = attention_weights(text, model, attention)[options.layer, options.head]
    mapping = map_atoms(weights, text, answer)
    title = (
        f"{text}\nlayer {options.layer}, head {options.head} (layers, heads, atoms count from 0)"
    )
    print(f"{title}\n")
    print_mapping(mapping)
    print(f"\n{text_heatmap(mapping.look, names(mapping.product), names(mapping.reactants))}\n")
    print_counts(mapping)
    return save_picture(mapping, title, options.draw) if options.draw else 0


if __name__ == "__main__":
    sys.exit(main())
