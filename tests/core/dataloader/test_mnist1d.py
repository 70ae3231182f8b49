"""MNIST-1D: the numbers of the authors' own package, and what the paper says of them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tinytorch.mnist1d import curves, mnist1d


@pytest.fixture(scope="module")
def data():
    return mnist1d()


def test_shapes_and_dtypes_are_the_published(data) -> None:
    assert [part.shape for part in data] == [(4000, 40), (4000,), (1000, 40), (1000,)]
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype.kind == "i"


def test_the_first_rows_are_the_published(data) -> None:
    # printed by: from mnist1d.data import make_dataset; make_dataset() of mnist1d 0.0.2.post1
    first = [-0.33200567, -0.47191037, -0.77869708, -1.00974083, -0.88235257, 0.10393481]
    assert data.x_train[0, :6] == pytest.approx(first, abs=1e-6)
    assert data.x_test[0, :3] == pytest.approx([-0.07877078, -0.21073171, -0.09175138], abs=1e-6)
    assert data.y_train[:12].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1, 6, 9]
    assert data.y_test[:8].tolist() == [2, 6, 3, 9, 4, 3, 1, 9]


@pytest.mark.parametrize(("seed", "num_samples"), [(42, 5000), (1, 200)])
def test_the_authors_package_makes_the_same(seed, num_samples, monkeypatch) -> None:
    own_example = [path for path in sys.path if Path(path).name == "examples"]  # has that name, too
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in own_example])
    theirs = pytest.importorskip("mnist1d.data")
    arguments = theirs.get_dataset_args()
    arguments.seed, arguments.num_samples = seed, num_samples
    right, mine = theirs.make_dataset(arguments), mnist1d(seed, num_samples)
    for part, name in zip(mine, ("x", "y", "x_test", "y_test"), strict=True):
        assert part.shape == right[name].shape
        np.testing.assert_allclose(part, right[name], rtol=0, atol=1e-6)


def test_each_digit_has_its_tenth_and_rows_are_standardized(data) -> None:
    labels = np.concatenate([data.y_train, data.y_test])
    assert np.bincount(labels).tolist() == [500] * 10
    rows = np.concatenate([data.x_train, data.x_test]).astype(float)
    assert rows.mean() == pytest.approx(0, abs=1e-6) and rows.std() == pytest.approx(1, abs=1e-6)


def test_no_row_stands_in_both_parts(data) -> None:
    both = np.concatenate([data.x_train, data.x_test])
    assert len(np.unique(both, axis=0)) == 5000


def test_the_same_seed_gives_the_same_and_another_gives_another() -> None:
    one, same, other = (mnist1d(seed, 50).x_train for seed in (3, 3, 4))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_numpys_own_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()
    mnist1d(7, 20)
    assert np.array_equal(before, np.random.get_state()[1])


def test_the_share_to_learn_from_and_the_size_can_be_told() -> None:
    data = mnist1d(1, num_samples=119, train_fraction=0.5)  # 11 a digit
    assert [len(part) for part in data] == [55, 55, 55, 55]
    with pytest.raises(ValueError, match="at least 10"):
        mnist1d(1, num_samples=9)


def test_ten_different_curves_begin_and_end_at_zero() -> None:
    found = curves()
    assert found.shape == (10, 12) and len(np.unique(found, axis=0)) == 10
    assert not found[:, 0].any()
    assert found[:, -1] == pytest.approx(np.zeros(10), abs=1e-12)
