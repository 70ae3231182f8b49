"""Public checks of module 07: each says what it expects, and runs without the reference."""

import numpy as np
import pytest


def expect(what, got, values, rtol=1e-6):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=rtol, atol=1e-9), f"{what}: {np.asarray(got).tolist()}"


def by_hand(weight, x, y):
    """Mean squared error of x @ weight, and its gradient."""
    error = x @ weight - y
    return float((error**2).mean()), 2 * x.T @ error / len(y)


X = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
Y = np.array([1.0, 0.0, 3.0])


def fitted(training, x, y, weight, steps):
    """overfit_one_batch with plain steps: losses, the weight after it, kinds."""
    import numpy as np

    from tinytorch.core.layers import Layer
    from tinytorch.core.optimizers import SGD
    from tinytorch.core.tensor import Tensor

    class Plain(Layer):
        def __init__(self):
            self.weight = Tensor(weight, requires_grad=True, dtype=np.float64)

        def forward(self, x):
            return x @ self.weight

    def loss_of(model, batch):
        error = model(Tensor(batch[0], dtype=np.float64)) - Tensor(batch[1], dtype=np.float64)
        return (error * error).mean()

    model = Plain().eval()
    model.weight.grad = np.full(weight.shape, 5.0)  # left over from before
    optimizer = SGD(model.parameters(), 0.1)
    losses = training.overfit_one_batch(model, optimizer, loss_of, (x, y), steps)
    kinds = [type(losses).__name__, *{type(loss).__name__ for loss in losses}]
    return [[float(loss) for loss in losses], np.array(model.weight.data), kinds, model.training]


def is_fitted(found, x, y, weight, steps):
    losses, end, kinds, mode = found
    right = []
    for _ in range(steps):
        loss, grad = by_hand(weight, x, y)
        right.append(loss)
        weight = weight - 0.1 * grad
    expect("the losses", losses, right)
    expect("the weight at the end", end, weight)
    assert kinds == ["list", "float"], f"a list of floats is wanted; it is {kinds}"
    assert mode is False, "the model's mode was changed"


@pytest.mark.exercise("7.1")
class TestOverfitOneBatch:
    @pytest.mark.points(0.5)
    def test_three_steps(self, submission):
        weight = np.array([1.0, -1.0])
        found = submission.run(fitted, x=X, y=Y, weight=weight, steps=3)
        is_fitted(found, X, Y, weight, 3)


def judged(training, sizes, losses, modes, fails):
    """evaluate: its mean, the modes after it, and how the model was called.

    The loss of batch k is losses[k]; with `fails`, computing it is an error.
    """
    import numpy as np

    from tinytorch.core.layers import Layer, Sequential
    from tinytorch.core.tensor import Tensor

    class Plain(Layer):
        def __init__(self):
            self.weight = Tensor(1.0, requires_grad=True, dtype=np.float64)

        def forward(self, x):
            return self.weight * x

    layers = [Plain() for _ in modes]
    model = Sequential(*layers)
    for layer, mode in zip(layers, modes, strict=True):
        layer.training = mode
    seen = []

    def loss_of(model, batch):
        loss = model(float(batch[0][0]))
        seen.append([model.training, *(layer.training for layer in layers), loss.node is not None])
        if fails:
            raise ZeroDivisionError
        return loss

    layers[0].weight.grad = np.array(7.0)
    batches = (
        (np.full(size, loss), np.zeros(size)) for size, loss in zip(sizes, losses, strict=True)
    )
    try:
        mean = training.evaluate(model, batches, loss_of)
        kind = type(mean).__name__
    except (ValueError, ZeroDivisionError) as error:
        mean, kind = 0.0, type(error).__name__
    left = bool(layers[0].weight.grad == 7)
    after = [model.training, *(layer.training for layer in layers)]
    return [float(mean), kind, after, any(map(any, seen)), len(seen), left]


@pytest.mark.exercise("7.2")
class TestEvaluate:
    @pytest.mark.points(0.5)
    def test_two_batches(self, submission):
        given = {"sizes": [3, 1], "losses": [2.0, 6.0], "modes": [False, True]}
        mean, kind, modes, wrong, _, left = submission.run(judged, fails=False, **given)
        expect("the mean", mean, 3.0)
        assert (kind, modes, left) == ("float", [True, False, True], True), "something was changed"
        assert not wrong, "a layer was in training, or the pass was recorded"


def cut(training, arrays, parts):
    try:
        found = training.split_batch(tuple(arrays), parts)
    except ValueError:
        return "ValueError"
    return [type(found).__name__, [type(part).__name__ for part in found], list(map(list, found))]


def is_cut(found, arrays, parts):
    assert found != "ValueError", "a good batch is refused"
    kind, kinds, pieces = found
    number = min(parts, len(arrays[0]))
    assert (kind, kinds) == ("list", ["tuple"] * number), f"{number} tuples in a list are wanted"
    sizes = [len(piece[0]) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1, f"the sizes are {sizes}"
    for place, array in enumerate(arrays):
        assert [len(piece[place]) for piece in pieces] == sizes, "the arrays are cut differently"
        expect("the parts together", np.concatenate([piece[place] for piece in pieces]), array)


@pytest.mark.exercise("7.3")
class TestSplitBatch:
    @pytest.mark.points(0.5)
    def test_seven_samples(self, submission):
        arrays = [np.arange(14.0).reshape(7, 2), np.arange(7.0)]
        is_cut(submission.run(cut, arrays=arrays, parts=3), arrays, 3)
        wrong = [np.ones((3, 2)), np.ones(4)]
        assert submission.run(cut, arrays=wrong, parts=2) == "ValueError", "unequal arrays"


def accumulated(training, x, y, weight, parts, before, threads=False):
    """The loss, its kind, the gradient, and what was seen on the way, part by part.

    `threads`: by DataParallel, whose copies and parts are made here.
    """
    import copy

    import numpy as np

    from tinytorch.core.layers import Layer
    from tinytorch.core.tensor import Tensor

    class Plain(Layer):
        def __init__(self):
            self.weight = Tensor(weight, requires_grad=True, dtype=np.float64)
            self.unused = Tensor(np.ones(2), requires_grad=True)

        def forward(self, x):
            return x @ self.weight

    def loss_of(one, batch):
        known = one.weight.grad is not None
        seen.append([len(batch[0]), known, one is model])
        error = one(Tensor(batch[0], dtype=np.float64)) - Tensor(batch[1], dtype=np.float64)
        return (error * error).mean()

    def split_batch(batch, parts):  # these exercises have checks of their own
        ends = [len(batch[0]) * k // parts for k in range(parts + 1)]
        spans = [(ends[k], ends[k + 1]) for k in range(parts) if ends[k + 1] > ends[k]]
        return [tuple(array[i:j] for array in batch) for i, j in spans]

    def replicas(model, count):
        copies = [copy.deepcopy(model) for _ in range(count)]
        for one in copies:
            one.weight.grad = one.unused.grad = None
        return copies

    training.split_batch, training.replicas = split_batch, replicas
    model, seen = Plain(), []
    model.weight.grad = None if before is None else np.array(before)
    if threads:
        loss = training.DataParallel(parts)(model, loss_of, (x, y))
    else:
        loss = training.accumulate_gradients(model, loss_of, (x, y), parts)
    assert np.array_equal(model.weight.data, weight), "a weight was changed"
    return [float(loss), type(loss).__name__, np.array(model.weight.grad),
            model.unused.grad is None, seen]  # fmt: skip


def is_accumulated(found, x, y, weight, parts, before, threads=False):
    loss, grad = by_hand(weight, x, y)
    expect("the loss", found[0], loss)
    assert found[1] == "float", f"the loss is a {found[1]}"
    expect("the gradient", found[2], grad if before is None else grad + before)
    assert found[3], "a parameter without part in it has a gradient"
    seen = found[4]
    assert sum(size for size, _, _ in seen) == len(y), "not every sample goes through once"
    assert len(seen) == min(parts, len(y)), f"{len(seen)} parts went through"
    if threads:
        assert not any(own for *_, own in seen), "a thread uses the model itself"
    else:
        late = [known for _, known, _ in seen[1:]]
        assert all(late), "a part goes forward before the one before went backward"


@pytest.mark.exercise("7.4")
class TestAccumulateGradients:
    @pytest.mark.points(0.5)
    def test_three_samples_in_two_parts(self, submission):
        given = {"x": X, "y": Y, "weight": np.array([1.0, -1.0]), "parts": 2, "before": None}
        is_accumulated(submission.run(accumulated, **given), **given)


def copied(training, seeds, count):
    """What is shared and what is not, and the numbers that each copy's dropouts draw."""
    import numpy as np

    from tinytorch.core.layers import Dropout, Layer, Linear

    class Noisy(Layer):
        def __init__(self):
            rngs = [np.random.default_rng(seed) for seed in seeds]
            self.linear = self.again = Linear(2, 3)
            self.dropouts = [Dropout(0.5, rng=rng) for rng in (*rngs, rngs[0])]

    model = Noisy()
    model.linear.weight.grad = np.full((2, 3), 4.0)
    copies = training.replicas(model, count)
    own = [one is model for one in copies]
    told = []
    for one in copies:
        pairs = list(zip(model.parameters(), one.parameters(), strict=True))
        told.append([
            all(np.shares_memory(x.data, y.data) for x, y in pairs),
            any(x is y for x, y in pairs),
            all(y.grad is None for _, y in pairs),
            one.linear is one.again,
            one.dropouts[0].rng is one.dropouts[-1].rng,
        ])  # fmt: skip
    drawn = [[dropout.rng.random(2) for dropout in one.dropouts[:-1]] for one in copies]
    after = [dropout.rng.random(2) for dropout in model.dropouts[:-1]]
    kept = bool((model.linear.weight.grad == 4).all())
    return [own, told, drawn, after, kept]


def are_copied(found, seeds, count):
    own, told, drawn, after, kept = found
    assert own == [False] * count, "the model itself, or another number of copies"
    for memory, tensors, none, tied, one_rng in told:
        assert memory, "a copy has numbers of its own"
        assert not tensors, "a copy has the model's tensors"
        assert none, "a copy begins with a gradient"
        assert tied and one_rng, "what was one in the model is two in a copy"
    assert kept, "the model's own gradient was changed"
    for place, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        number = int(rng.integers(2**63))
        for k in range(count):
            right = np.random.Generator(np.random.PCG64([number, k])).random(2)
            expect(f"what copy {k} draws", drawn[k][place], right)
        expect("what the model draws next", after[place], rng.random(2))


@pytest.mark.exercise("7.5")
class TestReplicas:
    @pytest.mark.points(0.5)
    def test_two_copies(self, submission):
        are_copied(submission.run(copied, seeds=[1, 2], count=2), [1, 2], 2)


@pytest.mark.exercise("7.6")
class TestDataParallel:
    @pytest.mark.points(0.5)
    def test_three_samples_in_two_threads(self, submission):
        given = {"x": X, "y": Y, "weight": np.array([1.0, -1.0]), "parts": 2, "before": None}
        found = submission.run(accumulated, threads=True, **given)
        is_accumulated(found, threads=True, **given)


def replaced(training, before, text, fails):
    """What is in the folder while the block runs and after it, and the order of the calls."""
    import os
    import tempfile
    from pathlib import Path

    order, sync, rename = [], os.fsync, os.replace

    def noted(name, real):
        def call(*given, **options):
            order.append(name)
            if name == fails:
                raise PermissionError
            return real(*given, **options)

        return call

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kept.safetensors")
        if before is not None:
            path.write_text(before)
        os.fsync, os.replace = noted("fsync", sync), noted("replace", rename)
        try:
            with training.replacing(str(path)) as new:
                beside = Path(new).parent == path.parent and new != path
                Path(new).write_text(text)
                during = path.read_text() if path.exists() else None
                if fails == "block":
                    raise ZeroDivisionError
                if fails == "interrupt":
                    raise KeyboardInterrupt
            error = ""
        except (PermissionError, ZeroDivisionError, KeyboardInterrupt) as caught:
            error = type(caught).__name__
        finally:
            os.fsync, os.replace = sync, rename
        after = path.read_text() if path.exists() else None
        others = sum(each != path for each in Path(folder).iterdir())
        return [beside, isinstance(new, Path), during, error, after, others, order]


@pytest.mark.exercise("7.7")
class TestReplacing:
    @pytest.mark.points(0.5)
    def test_a_file_and_its_successor(self, submission):
        given = {"before": "old", "text": "new", "fails": ""}
        beside, path, during, error, after, others, order = submission.run(replaced, **given)
        assert beside and path, "a Path beside the file is wanted"
        assert (during, after, others) == ("old", "new", 0), "old until the end, then new"
        assert order[0] == "fsync" and not error, "the disk must have it before it is renamed"


def loaded(training, arrays, notes, change):
    """What comes back of a saved file; or, after a `change`, the error and whether it names it."""
    import contextlib
    import tempfile
    from pathlib import Path

    @contextlib.contextmanager
    def replacing(path):  # exercise 7.7 has checks of its own
        yield Path(path)

    training.replacing = replacing
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kept.safetensors")
        training.save_checkpoint(path, arrays, notes)
        content = bytearray(path.read_bytes())
        if change == "foreign":
            from safetensors.numpy import save_file

            save_file(arrays, path, {"format": "np"})
        elif change == "notes":
            path.write_bytes(bytes(content).replace(b"moons", b"noons"))
        elif isinstance(change, int):
            content[change] ^= 1
            path.write_bytes(bytes(content))
        elif isinstance(change, float):
            path.write_bytes(bytes(content[: int(change * len(content))]))
        elif change == "gone":
            path.unlink()
        try:
            found, kept = training.load_checkpoint(path)
        except (ValueError, FileNotFoundError) as error:
            return [type(error).__name__, path.name in str(error)]
        return [[str(found[name].dtype) for name in sorted(found)],
                [found[name] for name in sorted(found)], sorted(found), kept == notes]  # fmt: skip


@pytest.mark.exercise("7.8")
class TestLoadCheckpoint:
    @pytest.mark.points(0.5)
    def test_a_good_file_and_half_of_one(self, submission):
        given = {"arrays": {"b": np.arange(3.0), "a": np.array([True])}, "notes": {"step": 3}}
        dtypes, arrays, names, same = submission.run(loaded, change="", **given)
        assert (dtypes, names, same) == (["bool", "float64"], ["a", "b"], True)
        expect("an array", arrays[1], [0.0, 1.0, 2.0])
        assert submission.run(loaded, change=0.5, **given) == ["ValueError", True]


def taken(training, count, calls, once):
    """Which batch each call gives, how many were taken, by its own count and by the source's."""
    from tinytorch.core.layers import Linear
    from tinytorch.core.optimizers import SGD

    class Source:
        pulled = 0

        def __iter__(self):
            for number in range(count):
                self.pulled += 1
                yield (number,)

    source = Source()
    batches = iter(source) if once else source
    model = Linear(1, 1)
    trainer = training.Trainer(model, SGD(model.parameters(), 0.1), None, batches)
    told = []
    for _ in range(calls):
        try:
            told.append([trainer.next_batch()[0], trainer.taken, source.pulled])
        except ValueError:
            told.append(["ValueError", trainer.taken, source.pulled])
    return told


@pytest.mark.exercise("7.9")
class TestNextBatch:
    @pytest.mark.points(0.5)
    def test_two_passes_through_two_batches(self, submission):
        found = submission.run(taken, count=2, calls=4, once=False)
        assert found == [[0, 1, 1], [1, 2, 2], [0, 3, 3], [1, 4, 4]]


def stepped(training, weight, slopes, losses, max_norm, rates, begin):
    """Steps with given gradients and losses: records or errors, weights, what was asked for."""
    import numpy as np

    from tinytorch.core.layers import Layer
    from tinytorch.core.optimizers import SGD
    from tinytorch.core.tensor import Tensor

    class Plain(Layer):
        def __init__(self):
            self.weight = Tensor(weight, requires_grad=True, dtype=np.float64)

    asked, given = [], iter(zip(slopes, losses, strict=True))

    def gradients(model, loss_function, batch):
        slope, loss = next(given)
        before = 0 if model.weight.grad is None else model.weight.grad
        model.weight.grad = before + np.array(slope)
        return float(loss)

    def schedule(step):
        asked.append(step)
        return rates[step - begin]

    model = Plain()
    trainer = training.Trainer(
        model, SGD(model.parameters(), 0.1), "a loss", [], gradients=gradients,
        schedule=schedule if rates else None, max_norm=max_norm,
    )  # fmt: skip
    trainer.step, told = begin, []
    for _ in slopes:
        with np.errstate(all="ignore"):
            try:
                record = trainer.train_step(())
                row = [record.step, record.loss, record.lr, record.grad_norm]
            except ValueError as error:
                row = ["ValueError", str(error)]
        told.append([row, np.array(model.weight.data), trainer.step])
    return [told, asked]


def are_stepped(found, weight, slopes, losses, max_norm, rates, begin):
    told, asked = found
    if rates:
        assert asked == [*range(begin, begin + len(slopes))], f"the schedule is asked for {asked}"
    for k, (row, after, count) in enumerate(told):
        norm, rate = float(np.linalg.norm(slopes[k])), rates[k] if rates else 0.1
        scale = 1 if max_norm is None else min(1, max_norm / (norm + 1e-6))
        weight = weight - rate * scale * np.array(slopes[k])
        expect("the weight", after, weight)
        assert row[0] == count == begin + k + 1, f"step {row[0]} comes after {begin + k}"
        expect("loss, rate and norm", row[1:], [losses[k], rate, norm])


@pytest.mark.exercise("7.10")
class TestTrainStep:
    @pytest.mark.points(0.5)
    def test_two_steps_clipped(self, submission):
        given = {"weight": np.array([1.0, 2.0]), "slopes": [[3.0, 4.0], [0.3, 0.4]]}
        given |= {"losses": [2.5, 1.5], "max_norm": 1.0, "rates": [0.5, 0.25], "begin": 4}
        are_stepped(submission.run(stepped, **given), **given)


def trained(training, until, every, begin, evaluated):
    """train, with steps and batches of our own: the history, and when it is evaluated."""
    from tinytorch.core.layers import Linear
    from tinytorch.core.optimizers import SGD

    class Short(training.Trainer):
        def next_batch(self):
            self.taken += 1
            return ([self.taken],)

        def train_step(self, batch):
            self.step += 1
            return training.Record(self.step, batch[0][0] / 8, 0.5, 2.0)

    model = Linear(1, 1)
    trainer = Short(model, SGD(model.parameters(), 0.1), None, [])
    trainer.step, asked = begin, []

    def evaluation():
        import numpy as np

        asked.append(trainer.step)
        return np.float64(trainer.step / 4)

    trainer.train(until, every=every, evaluation=evaluation if evaluated else None)
    rows = [[r.step, r.loss, r.lr, r.grad_norm, r.val_loss] for r in trainer.history]
    kinds = sorted({type(r.val_loss).__name__ for r in trainer.history})
    return [rows, kinds, asked, trainer.taken, trainer.step]


def is_trained(found, until, every, begin, evaluated):
    rows, kinds, asked, count, step = found
    numbers = [*range(begin + 1, until + 1)]
    due = [n for n in numbers if n % every == 0] if evaluated else []
    assert asked == due, f"it is evaluated after {asked}"
    assert (count, step) == (len(numbers), until), f"{count} batches, {step} steps"
    right = [[n, (n - begin) / 8, 0.5, 2.0, n / 4 if n in due else None] for n in numbers]
    assert rows == right, "the history is another"
    assert set(kinds) <= {"float", "NoneType"}, f"val_loss is of {kinds}"


@pytest.mark.exercise("7.11")
class TestTrain:
    @pytest.mark.points(0.5)
    def test_five_steps(self, submission):
        given = {"until": 5, "every": 2, "begin": 0, "evaluated": True}
        is_trained(submission.run(trained, **given), **given)


def saved(training, weight, grads, step, lr, seed, ends=False, lost=0):
    """save, then resume of another trainer: what stands in the file, and in both afterwards.

    `ends`: the other trainer's batches end at once, so it must be as before. `lost`: how many
    batches were taken without a step.
    """
    import numpy as np

    from tinytorch.core.layers import Dropout, Layer
    from tinytorch.core.optimizers import AdamW
    from tinytorch.core.tensor import Tensor

    class Noisy(Layer):
        def __init__(self, numbers, seed):
            self.weight = Tensor(numbers, requires_grad=True, dtype=np.float64)
            self.dropout = Dropout(0.5, rng=np.random.default_rng(seed))

    class Short(training.Trainer):
        def next_batch(self):
            if ends:
                raise ValueError("no batch is left")
            self.taken += 1

    file = {}

    def save(path, tensors, notes):
        file["tensors"] = {name: np.array(array) for name, array in tensors.items()}
        file["notes"] = dict(notes)

    training.save_checkpoint = save
    training.load_checkpoint = lambda path: (
        {name: np.array(array) for name, array in file["tensors"].items()}, dict(file["notes"])
    )  # fmt: skip

    def trainer_of(numbers, seed):
        model = Noisy(numbers, seed)
        return Short(model, AdamW(model.parameters()), None, [])

    first, other = trainer_of(weight, seed), trainer_of(np.zeros(weight.shape), seed + 1)
    for grad in grads:
        first.model.weight.grad = np.array(grad)
        first.optimizer.step()
    first.model.dropout.rng.random(5)
    first.step, first.taken, first.optimizer.lr = step, step + lost, lr
    first.history = [training.Record(k + 1, 1 / (k + 1), lr / 2, 1.0) for k in range(step)]
    first.save("a file")
    try:
        other.resume("a file")
    except ValueError:
        assert ends, "a good file is refused"
    parts = []
    for one in (first, other):
        kept = one.optimizer.state_dict()
        records = [[r.step, r.loss, r.lr, r.grad_norm, r.val_loss] for r in one.history]
        parts.append([np.array(one.model.weight.data), {n: kept[n] for n in sorted(kept)},
                      one.optimizer.lr, one.step, one.taken, records,
                      one.model.dropout.rng.random(3)])  # fmt: skip
    return [parts, sorted(file["tensors"]), sorted(file["notes"])]


def is_resumed(found):
    (first, other), tensors, notes = found
    assert {"history", "model.weight"} <= {*tensors}, f"the file holds {tensors}"
    assert any(name.startswith("optimizer.") for name in tensors), f"the file holds {tensors}"
    assert {"step", "lr", "generators"} <= {*notes}, f"the notes hold {notes}"
    names = ["the weights", "the optimizer's state", "the rate", "the step", "batches taken",
             "the history", "the random numbers"]  # fmt: skip
    for name, one, right in zip(names, other, first, strict=True):
        pairs = (
            zip(one.values(), right.values(), strict=True)
            if isinstance(one, dict)
            else [(one, right)]
        )
        same = not isinstance(one, dict) or one.keys() == right.keys()
        assert same and all(np.array_equal(x, y) for x, y in pairs), f"{name} differ after resume"


@pytest.mark.exercise("7.12")
class TestSaveAndResume:
    @pytest.mark.points(0.5)
    def test_a_run_of_three_steps(self, submission):
        given = {"weight": np.array([1.0, 2.0]), "grads": [[1.0, -1.0]] * 3}
        is_resumed(submission.run(saved, step=3, lr=0.25, seed=4, **given))


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
