"""Public checks of module 17: each says what it expects, and runs without the reference."""

import math

import numpy as np
import pytest


def expect(what, got, values, rtol=1e-5):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=rtol, atol=1e-6), f"{what}: {np.asarray(got).tolist()}"


def counted(memoization, name, cases):
    """What a counting function gives, and of which types that is."""
    found = [getattr(memoization, name)(*given, **options) for given, options in cases]
    return [found, sorted({type(count).__name__ for count in found})]


@pytest.mark.exercise("17.1")
class TestTokensProcessed:
    @pytest.mark.points(0.5)
    def test_the_case_on_paper(self, submission):
        cases = [[[1, 3, False], {}], [[1, 3, True], {}], [[4, 2, False], {}], [[4, 0, True], {}]]
        found = submission.run(counted, name="tokens_processed", cases=cases)
        assert found == [[6, 3, 9, 0], ["int"]], f"it gives {found}"


def kept(memoization, kind, size, pieces, more=None):
    """After each piece: keys, values, dtype and length; its arrays; what one more piece does."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    cache, answers, arrays = getattr(memoization, kind)(size), [], []
    for piece in pieces:
        given = [Tensor(x.copy(), dtype=x.dtype) for x in piece]
        K, V = cache.append(*given)
        answers.append([np.array(K.data), np.array(V.data), str(K.dtype), str(V.dtype)])
        answers[-1].append(cache.length)
        arrays.append((cache.keys, cache.values))
    same = all(x is y for pair in arrays for x, y in zip(pair, arrays[0], strict=True))
    held = [list(x.shape) if x.base is None else list(x.base.shape) for x in arrays[-1]]
    if more is None:
        return [answers, same, held, ""]
    try:
        cache.append(*(Tensor(x.copy(), dtype=x.dtype) for x in more))
        told = "taken"
    except ValueError as error:
        told = str(error)
    return [answers, same, held, told, cache.length]


def tokens(*numbers, width=2):
    """Keys of one head whose numbers say which token they belong to."""
    return np.array([[[[float(number)] * width for number in numbers]]])


@pytest.mark.exercise("17.2")
class TestKVCache:
    @pytest.mark.points(1)
    def test_three_tokens_in_room_for_four(self, submission):
        pieces = [[tokens(1, 2), tokens(10, 20, width=1)], [tokens(3), tokens(30, width=1)]]
        more = [tokens(4, 5), tokens(40, 50, width=1)]
        answers, same, held, told, length = submission.run(
            kept, kind="KVCache", size=4, pieces=pieces, more=more
        )
        expect("the keys", answers[0][0], tokens(1, 2))
        expect("all keys", answers[1][0], tokens(1, 2, 3))
        expect("all values", answers[1][1], tokens(10, 20, 30, width=1))
        assert [answer[2:] for answer in answers] == [["float64"] * 2 + [2], ["float64"] * 2 + [3]]
        assert same and held == [[1, 1, 4, 2], [1, 1, 4, 1]], "room is asked for once, for capacity"
        assert "capacity" in told, f"two more tokens do not fit: {told}"
        assert length == 3, "after the error the length is another"


def masks(memoization, cases):
    import numpy as np

    found = [memoization.look_back_mask(*case) for case in cases]
    return [np.array(mask.numpy() != 0, float) for mask in found]


@pytest.mark.exercise("17.3")
class TestLookBackMask:
    @pytest.mark.points(0.5)
    def test_the_case_on_paper(self, submission):
        plain, narrow = submission.run(masks, cases=[[2, 5], [2, 5, 2]])
        expect("without a window", plain, [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
        expect("with a window of 2", narrow, [[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]])


def shared(memoization, Q, K, V, mask, forms_weights):
    """Output, weights and gradients; how often attention is called and whether with K itself."""
    import numpy as np

    from tinytorch.core.attention import vectorized_attention
    from tinytorch.core.tensor import Tensor

    given = [Tensor(x.copy(), requires_grad=True, dtype=x.dtype) for x in (Q, K, V)]
    seen = []

    def attention(Q, K, V, mask=None):
        seen.append(bool(np.shares_memory(K.data, given[1].data)) and K.shape == given[1].shape)
        output, weights = vectorized_attention(Q, K, V, mask)
        return output, weights if forms_weights else None

    output, weights = memoization.grouped_attention(attention, *given, mask)
    output.backward(np.cos(np.arange(output.data.size)).reshape(output.shape))
    weights = None if weights is None else np.array(weights.data)
    return [np.array(output.data), weights, [np.array(x.grad) for x in given], seen]


@pytest.mark.exercise("17.4")
class TestGroupedAttention:
    @pytest.mark.points(1)
    def test_four_heads_share_two_of_keys(self, submission):
        Q, K = np.zeros((1, 4, 1, 2)), np.ones((1, 2, 2, 2))
        V = np.array([[[[2.0], [4.0]], [[20.0], [60.0]]]])
        given = {"Q": Q, "K": K, "V": V, "forms_weights": True}
        found, weights, *_ = submission.run(shared, mask=None, **given)
        expect("the output", found, [[[[3.0]], [[3.0]], [[40.0]], [[40.0]]]])
        expect("the weights", weights, np.full((1, 4, 1, 2), 0.5))
        mask = np.array([[[[1, 0]], [[0, 1]], [[1, 1]], [[1, 0]]]])
        found, _, _, seen = submission.run(shared, mask=mask, **given)
        expect("with a mask for each head", found, [[[[2.0]], [[4.0]], [[40.0]], [[20.0]]]])
        assert seen == [True], "attention is called once, with K as it is"


def attended(memoization, sizes, pieces, state, options, mask=None, cached=True):
    """Outputs of a layer to pieces of a text; what its cache was given."""
    import numpy as np

    from tinytorch.core.attention import vectorized_attention
    from tinytorch.core.tensor import Tensor

    class Cache:
        length = 0

        def __init__(self):
            self.rows = [], []

        def append(self, K, V):
            for rows, x in zip(self.rows, (K, V), strict=True):
                rows.append(np.array(x.data))
            self.length += K.shape[2]
            return tuple(
                Tensor(np.concatenate(rows, axis=2), dtype=np.float64) for rows in self.rows
            )

    def look_back_mask(num_queries, num_keys, window=None):  # 17.3 and 17.4 have their own checks
        shift = num_keys - num_queries
        seen = np.tri(num_queries, num_keys, shift)
        return Tensor(seen - (0 if window is None else np.tri(*seen.shape, shift - window)))

    def grouped_attention(attention, Q, K, V, mask=None):
        index = np.arange(Q.shape[1]) // (Q.shape[1] // K.shape[1])
        return attention(Q, K[:, index], V[:, index], mask)

    memoization.look_back_mask = look_back_mask
    memoization.grouped_attention = grouped_attention
    layer = memoization.GroupedQueryAttention(*sizes, vectorized_attention, **options)
    layer = layer.to(np.float64)
    layer.load_state_dict(state)
    for part in layer.parameters():
        part.requires_grad = not cached
    cache, outputs, end = Cache() if cached else None, [], 0
    for piece in pieces:
        start, end = end, end + piece.shape[1]
        words = Tensor(piece, dtype=np.float64, requires_grad=not cached)
        part = None if mask is None else mask[start:end, :end]
        value = words if cached else words * words
        output, weights = layer.attend(words, words, value, part, cache=cache)
        outputs.append([np.array(output.data), np.array(weights.data)])
    if cached:
        return [outputs, [np.concatenate(rows, axis=2) for rows in cache.rows]]
    output.backward(np.cos(np.arange(output.data.size)).reshape(output.shape))
    return [outputs, [np.array(words.grad), *(np.array(p.grad) for p in layer.parameters())]]


def plain_state():
    """One head of width 2: keys and values are the words, every query is 0."""
    parts = {f"{name}_proj.weight": np.eye(2) for name in ("k", "v", "out")}
    return parts | {"q_proj.weight": np.zeros((2, 2))}


@pytest.mark.exercise("17.5")
class TestGroupedQueryAttention:
    @pytest.mark.points(1)
    def test_means_of_what_is_seen(self, submission):
        pieces = [np.array([[[2.0, 4.0]]]), np.array([[[4.0, 8.0], [6.0, 12.0]]])]
        given = {"sizes": [2, 1], "pieces": pieces, "state": plain_state()}
        outputs, rows = submission.run(attended, options={"bias": False}, **given)
        expect("the first output", outputs[0][0], [[[2, 4]]])
        expect("the next outputs", outputs[1][0], [[[3, 6], [4, 8]]])
        expect("the keys in the cache", rows[0], [[[[2, 4], [4, 8], [6, 12]]]])
        options = {"bias": False, "window": 2}
        outputs, _ = submission.run(attended, options=options, **given)
        expect("with a window of 2", outputs[1][0], [[[3, 6], [5, 10]]])

    @pytest.mark.points(1)
    def test_keys_are_turned_by_their_place(self, submission):
        words = np.array([[[1.0, 0.0]]])
        options = {"bias": False, "rotary_base": 10.0}
        given = {"sizes": [2, 1], "pieces": [words] * 3, "state": plain_state()}
        _, rows = submission.run(attended, options=options, **given)
        turned = [[math.cos(place), math.sin(place)] for place in range(3)]
        expect("the keys in the cache", rows[0], [[turned]])
        expect("the values in the cache", rows[1], [[[[1, 0]] * 3]])


@pytest.mark.exercise("17.6")
class TestSlidingCache:
    @pytest.mark.points(1)
    def test_a_window_of_two(self, submission):
        pieces = [[tokens(*p), tokens(*p, width=1)] for p in ([1], [2], [3], [4, 5], [6])]
        answers, *_ = submission.run(kept, kind="SlidingCache", size=2, pieces=pieces)
        right = [[1], [1, 2], [2, 3], [3, 4, 5], [5, 6]]
        for number, (answer, seen) in enumerate(zip(answers, right, strict=True)):
            expect(f"the keys after piece {number}", answer[0], tokens(*seen))
            expect(f"the values after piece {number}", answer[1], tokens(*seen, width=1))
        assert [answer[4] for answer in answers] == [1, 2, 3, 5, 6], "length counts every token"


def hidden_of(memoization, positions, table, places, ids, lines, start, window):
    """hidden() of a model whose dropout, blocks and norm are straight lines.

    Also what its blocks are handed, and what is said of a text that is too long.
    """
    from types import SimpleNamespace

    import numpy as np

    from tinytorch.core.attention import vectorized_attention
    from tinytorch.core.layers import Layer
    from tinytorch.core.tensor import Tensor

    class Line(Layer):
        def __init__(self, factor, shift):
            self.numbers, self.handed = (factor, shift), []

        def forward(self, x, mask=None, cache=None):
            self.handed.append([mask, cache])
            return x * self.numbers[0] + self.numbers[1]

    memoization.look_back_mask = lambda n, m, window=None: Tensor(np.array([n, m, window or 0]))
    size, dim = table.shape
    config = memoization.DecoderConfig(
        size, context_len=len(places), num_layers=len(lines) - 2, num_heads=1, embed_dim=dim,
        positions=positions, window=window,
    )  # fmt: skip
    model = memoization.CachedGPT(config, vectorized_attention)
    model.tokens.weight.data = np.array(table, "f4")
    if positions == "learned":
        model.positions.weight.data = np.array(places, "f4")
    model.dropout, *model.blocks, model.norm = (Line(*line) for line in lines)
    caches = None if start is None else [SimpleNamespace(length=start) for _ in model.blocks]
    output = model.hidden(ids, caches)
    handed = [block.handed for block in model.blocks]
    own = [len(h) == 1 and h[0][1] is (caches and caches[i]) for i, h in enumerate(handed)]
    seen = [None if h[0][0] is None else np.array(h[0][0].data) for h in handed]
    try:
        model.hidden(np.zeros((1, len(places) + 1 - (start or 0)), int), caches)
        told = "taken"
    except ValueError as error:
        told = str(error)
    called = [len(block.handed) for block in model.blocks]
    return [np.array(output.data), own, seen, told, called]


def is_passed_on(found, positions, table, places, ids, lines, start, window):
    output, own, seen, told, called = found
    n, first, dim = ids.shape[1], start or 0, table.shape[1]
    x = table[ids] + (places[first : first + n] if positions == "learned" else 0)
    if positions == "sinusoidal":
        t, c = np.arange(first, first + n)[:, None], np.arange(dim)
        x = x + np.sin(t / 10000 ** ((c - c % 2) / dim) + np.pi / 2 * (c % 2))
    for factor, shift in lines:
        x = x * factor + shift
    expect("what comes before the head", output, x, 1e-4)
    assert all(own), "each block gets its own cache, once"
    for mask in seen:
        if start is None:
            assert mask is not None and mask.tolist() == [n, n, window or 0], "look_back_mask(n, n)"
    assert "context_len" in told, f"one token too many: {told}"
    assert called == [1] * (len(lines) - 2), "the blocks are called with a text that is too long"


@pytest.mark.exercise("17.7")
class TestCachedGPT:
    @pytest.mark.points(1)
    def test_two_ids_after_one(self, submission):
        given = {"positions": "learned", "table": np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])}
        given |= {"places": np.array([[9.0, 9.0], [0.5, 0.0], [0.0, 0.5], [7.0, 7.0]])}
        given |= {"ids": np.array([[2, 1]]), "lines": [[0.5, 0], [2, 1], [3, 0], [1, 0.25]]}
        given |= {"start": 1, "window": None}
        found = submission.run(hidden_of, **given)
        expect("what comes before the head", found[0], [[[7.75, 6.25], [3.25, 10.75]]])
        is_passed_on(found, **given)


def written(memoization, ids, count, context_len, options, as_array=False):
    """New ids of a model whose next id follows from what its cache has seen; how it was called."""
    from types import SimpleNamespace

    import numpy as np

    from tinytorch.core.layers import Layer
    from tinytorch.core.tensor import Op, Tensor

    class Fake(Layer):
        def __init__(self):
            self.config = SimpleNamespace(context_len=context_len)
            self.weight, self.read, self.modes = Tensor(1.0, requires_grad=True), [], []

        def new_caches(self):
            return [SimpleNamespace(length=0, ids=[])]

        def next_logits(self, ids, caches=None):
            ids = np.asarray(getattr(ids, "data", ids))
            caches[0].ids += [int(each) for each in ids[0]]
            caches[0].length = len(caches[0].ids)
            self.read.append([int(each) for each in ids[0]])
            logits = np.zeros((1, 11))
            logits[0, (3 * sum(caches[0].ids) + caches[0].length) % 10] = 9
            output = self.weight * Tensor(logits)
            self.modes.append([self.training, output.node is not None])
            return output

        def forward(self, ids, caches=None):
            return self.next_logits(ids, caches).reshape(1, 1, 11)

    def sample_token(logits, **options):  # exercise 13.12 has checks of its own
        handed.append({name: options.get(name) for name in ("temperature", "top_k", "top_p")})
        rngs.append(options.get("rng") is rng)
        return int(np.argmax(np.asarray(getattr(logits, "data", logits))))

    memoization.sample_token = sample_token
    model, rng, rngs, handed = Fake(), np.random.default_rng(1), [], []
    given = np.array(ids) if as_array else list(ids)
    stream = memoization.generate_cached(model, given, count, rng=rng, **options)
    start = next(stream)
    early, between = len(model.read), Op.recording
    new, same = [int(each) for each in (start, *stream)], list(given) == list(ids)
    after = [between, model.training]
    return [new, early, model.read, model.modes, handed, all(rngs), same, after]


def is_written(found, ids, count, context_len, options, as_array=False):
    new, early, read, modes, handed, rngs, same, [between, afterwards] = found
    text, seen, right = list(ids), [], []
    for number in range(count):
        piece = text[-1:] if number else text[-context_len:]
        if len(seen) + len(piece) > context_len:
            seen, piece = [], text[-(context_len // 2) :]
        seen = seen + piece
        right.append(piece)
        text.append((3 * sum(seen) + len(seen)) % 10)
    assert read == right, f"the model reads {read}, expected {right}"
    assert new == text[len(ids) :], f"the new ids are {new}"
    assert early == 1, "the first id comes only after more calls of the model"
    assert modes == [[False, False]] * count, "dropout is on, or the pass is recorded"
    wanted = {"temperature": options.get("temperature", 1.0), "top_k": options.get("top_k"),
              "top_p": options.get("top_p")}  # fmt: skip
    assert all(one == wanted for one in handed) and rngs, "the options are not handed on"
    assert same, "the given ids were changed"
    assert between, "between two ids the caller's own calculations are not recorded"
    assert not afterwards, "the model is in training afterwards"


@pytest.mark.exercise("17.8")
class TestGenerateCached:
    @pytest.mark.points(1)
    def test_four_new_ids(self, submission):
        given = {"ids": [1, 2, 3], "count": 4, "context_len": 4, "options": {"temperature": 0.5}}
        is_written(submission.run(written, **given), **given)


@pytest.mark.exercise("17.9")
class TestCacheBytes:
    @pytest.mark.points(0.5)
    def test_three_layers(self, submission):
        cases = [[[3, 2, 5, 7], {}], [[3, 2, 5, 7], {"bytes_per_number": 4}]]
        cases += [[[3, 2, 5, 7], {"window": 4}], [[3, 2, 5, 7], {"window": 11}]]
        found = submission.run(counted, name="cache_bytes", cases=cases)
        assert found == [[840, 1680, 480, 840], ["int"]], f"it gives {found}"


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
