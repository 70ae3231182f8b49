"""Hidden checks of module 17: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_memoization import (
    attended,
    counted,
    hidden_of,
    is_passed_on,
    is_written,
    kept,
    masks,
    shared,
    written,
)


@pytest.mark.exercise("17.1")
class TestTokensProcessed:
    @pytest.mark.points(0.5)
    def test_other_lengths(self, submission, rng):
        sizes = [[int(p), int(n)] for p, n in rng.integers(2, 500, size=(5, 2))]
        sizes += [[1, int(rng.integers(20, 90))], [int(rng.integers(20, 90)), 1]]
        cases = [[[*size, cached], {}] for size in sizes for cached in (False, True)]
        submission.check(counted, rtol=0, atol=0, name="tokens_processed", cases=cases)


def drawn_pieces(rng, dtype):
    """Rows of a text in some pieces; keys and values have other widths."""
    heads, d_k, d_v = (int(size) for size in rng.permutation([2, 3, 5]))
    counts = [int(n) for n in rng.integers(1, 5, size=4)]
    return [
        [rng.normal(size=(2, heads, n, width)).astype(dtype) for width in (d_k, d_v)]
        for n in counts
    ]


def refused(memoization, size, piece):
    """What a cache says of a first piece that does not fit, and whether it is as before."""
    from tinytorch.core.tensor import Tensor

    cache = memoization.KVCache(size)
    try:
        cache.append(*(Tensor(x.copy(), dtype=x.dtype) for x in piece))
        told = "taken"
    except ValueError as error:
        told = str(error)
    return [told, cache.length, cache.keys is None and cache.values is None]


@pytest.mark.exercise("17.2")
class TestKVCache:
    @pytest.mark.points(1)
    def test_other_pieces(self, submission, rng):
        for dtype in ("f4", "f8"):
            pieces = drawn_pieces(rng, dtype)
            total = sum(K.shape[2] for K, _ in pieces)
            submission.check(kept, kind="KVCache", size=total, pieces=pieces)
            given = {"kind": "KVCache", "size": total + int(rng.integers(1, 4)), "pieces": pieces}
            submission.check(kept, **given)
            big = [np.repeat(x[:, :, :1], 5, axis=2) for x in pieces[0]]
            *_, told, length = submission.run(kept, more=big, **given)
            assert "capacity" in told, f"5 more tokens do not fit: {told}"
            assert length == total, f"after the error the length is {length}"
            told, length, empty = submission.run(refused, size=4, piece=big)
            assert "capacity" in told, f"5 tokens at once do not fit where capacity is 4: {told}"
            assert length == 0 and empty, "after the error something is kept"


@pytest.mark.exercise("17.3")
class TestLookBackMask:
    @pytest.mark.points(1)
    def test_other_sizes(self, submission, rng):
        cases = []
        for _ in range(4):
            n = int(rng.integers(5, 30))
            m = n + int(rng.integers(1, 9))
            cases += [[n, m], [n, m, int(rng.integers(2, m))], [n, n, int(rng.integers(2, n))]]
            cases += [[1, m, int(rng.integers(2, m))]]
        submission.check(masks, cases=cases)


@pytest.mark.exercise("17.4")
class TestGroupedAttention:
    @pytest.mark.points(1)
    def test_values_masks_and_gradients(self, submission, rng):
        for heads, kv_heads in ((6, 2), (4, 1), (6, 3)):
            arrays = {"Q": rng.normal(size=(2, heads, 5, 3)), "forms_weights": bool(kv_heads == 2)}
            arrays["K"], arrays["V"] = (rng.normal(size=(2, kv_heads, 7, d)) for d in (3, 2))
            for shape in (None, (5, 7), (2, 5, 7), (2, 1, 1, 7), (2, heads, 5, 7)):
                mask = None if shape is None else rng.integers(0, 2, size=shape)
                submission.check(shared, mask=mask, **arrays)


def drawn_layer(rng, kv_heads, options):
    """State of a layer of width 24 with 6 heads, and a text of 7 tokens in pieces."""
    state = {}
    for part, width in (("q", 24), ("k", 4 * kv_heads), ("v", 4 * kv_heads), ("out", 24)):
        state[f"{part}_proj.weight"] = rng.normal(0, 0.4, size=(24, width))
        state[f"{part}_proj.bias"] = rng.normal(size=width)
    cuts = sorted(rng.choice(np.arange(1, 7), size=3, replace=False).tolist())
    pieces = np.split(rng.normal(size=(2, 7, 24)), cuts, axis=1)
    options = {"num_kv_heads": kv_heads, **options}
    return {"sizes": [24, 6], "pieces": pieces, "state": state, "options": options}


@pytest.mark.exercise("17.5")
class TestGroupedQueryAttention:
    @pytest.mark.points(1)
    def test_with_a_cache(self, submission, rng):
        base = float(rng.uniform(20, 200))
        for kv_heads, options in (
            (2, {}), (1, {"rotary_base": base}), (3, {"window": 3, "rotary_base": base}),
            (6, {"window": 2}),
        ):  # fmt: skip
            submission.check(attended, **drawn_layer(rng, kv_heads, options))
        mask = rng.integers(0, 2, size=(7, 7)) | np.eye(7, dtype=int)
        given = drawn_layer(rng, 2, {"rotary_base": base})
        submission.check(attended, mask=mask, **given)

    @pytest.mark.points(1)
    def test_without_a_cache(self, submission, rng):
        for kv_heads, options in ((2, {}), (3, {"rotary_base": float(rng.uniform(20, 200))})):
            given = drawn_layer(rng, kv_heads, options) | {"cached": False}
            given["pieces"] = given["pieces"][:1]
            submission.check(attended, atol=1e-5, **given)
            n = given["pieces"][0].shape[1]
            submission.check(attended, atol=1e-5, mask=np.tri(n), **given)


@pytest.mark.exercise("17.6")
class TestSlidingCache:
    @pytest.mark.points(1)
    def test_other_windows(self, submission, rng):
        for dtype in ("f4", "f8"):
            for window in (1, int(rng.integers(2, 6)), 50):
                pieces = drawn_pieces(rng, dtype)
                found = submission.run(kept, kind="SlidingCache", size=window, pieces=pieces)[0]
                for number, (keys, values, *rest) in enumerate(found):
                    n = pieces[number][0].shape[2]
                    for x, place in ((keys, 0), (values, 1)):
                        rows = np.concatenate([p[place] for p in pieces[: number + 1]], axis=2)
                        right = rows[:, :, max(0, rows.shape[2] - (window - 1 + n)) :]
                        assert np.array_equal(x, right), f"piece {number}, window {window}"
                    assert rest == [str(np.dtype(dtype))] * 2 + [rows.shape[2]], f"it is {rest}"
        pieces = [[rng.normal(size=(1, 1, 1, 2)).astype("f4")] * 2 for _ in range(40)]
        answers, _, held, _ = submission.run(kept, kind="SlidingCache", size=3, pieces=pieces)
        assert np.array_equal(answers[-1][0][0, 0], [K[0, 0, 0] for K, _ in pieces[-3:]])
        assert max(shape[2] for shape in held) <= 8, "the arrays grow with the text"


@pytest.mark.exercise("17.7")
class TestCachedGPT:
    @pytest.mark.points(1.5)
    def test_three_kinds_of_positions(self, submission, rng):
        for positions in ("learned", "sinusoidal", "rotary"):
            for start in (None, int(rng.integers(1, 4))):
                size, n = int(rng.integers(5, 9)), int(rng.integers(3, 6))
                given = {"positions": positions, "table": rng.normal(size=(size, 4))}
                given |= {"places": rng.normal(size=(n + 4, 4)), "start": start}
                given["ids"] = rng.integers(0, size, (2, n))
                given["lines"] = rng.uniform(0.3, 1.5, size=(int(rng.integers(4, 7)), 2)).tolist()
                given["window"] = None if positions == "learned" else int(rng.integers(2, 5))
                is_passed_on(submission.run(hidden_of, **given), **given)

    @pytest.mark.points(0.5)
    def test_the_whole_model_in_pieces(self, submission, rng):
        def logits(memoization, ids, cuts, options):
            import numpy as np

            from tinytorch.core.attention import vectorized_attention

            config = memoization.DecoderConfig(
                11, context_len=9, num_layers=2, num_heads=4, embed_dim=16, num_kv_heads=2,
                **options,
            )  # fmt: skip
            model = memoization.CachedGPT(
                config, vectorized_attention, rng=np.random.default_rng(1)
            ).eval()
            full = np.array(model(ids).data)
            for number, part in enumerate(model.parameters()):
                part.data = part.data + 0.1 * np.sin(number + np.arange(part.data.size)).reshape(
                    part.shape
                ).astype("f4")
                part.requires_grad = False
            caches = model.new_caches()
            pieces = [np.array(model(p, caches).data) for p in np.split(ids, cuts, axis=1)]
            return [full, np.concatenate(pieces, axis=1)]

        for options in (
            {"positions": "learned"}, {"positions": "sinusoidal", "window": 3},
            {"positions": "rotary", "window": 2, "norm": "rms"},
        ):  # fmt: skip
            ids = rng.integers(0, 11, size=(2, 9))
            cuts = sorted(rng.choice(np.arange(1, 9), size=3, replace=False).tolist())
            submission.check(logits, atol=1e-4, ids=ids, cuts=cuts, options=options)


@pytest.mark.exercise("17.8")
class TestGenerateCached:
    @pytest.mark.points(1)
    def test_longer_texts(self, submission, rng):
        for count in (1, 5, 12):
            options = {"temperature": float(rng.uniform(0.5, 2)), "top_k": int(rng.integers(1, 9))}
            options["top_p"] = float(rng.uniform(0.2, 0.9))
            ids = rng.integers(0, 9, size=int(rng.integers(2, 12))).tolist()
            given = {"ids": ids, "count": count, "context_len": int(rng.integers(3, 8))}
            given |= {"options": options, "as_array": count == 5}
            is_written(submission.run(written, **given), **given)


@pytest.mark.exercise("17.9")
class TestCacheBytes:
    @pytest.mark.points(0.5)
    def test_other_sizes(self, submission, rng):
        cases = []
        for _ in range(4):
            sizes = [int(size) for size in rng.integers(3, 90, size=4)]
            cases += [[sizes, {}], [sizes, {"bytes_per_number": int(rng.integers(3, 9))}]]
            cases += [[sizes, {"window": int(rng.integers(1, sizes[3]))}]]
            cases += [[sizes, {"window": sizes[3] + 5, "bytes_per_number": 1}]]
        submission.check(counted, rtol=0, atol=0, name="cache_bytes", cases=cases)
