"""Public checks of module 10: each says what it expects, and runs without the reference."""

import pytest


def there_and_back(tokenization, vocabulary, texts):
    import numpy as np

    from tinytorch.core.tensor import Tensor

    tokenizer = tokenization.CharTokenizer(vocabulary)
    ids = [tokenizer.encode(text) for text in texts]
    kinds = [tokenizer.decode(kind(one)) for one in ids for kind in (list, np.array, Tensor) if one]
    return [ids, kinds]


def refused(tokenization, vocabulary, cases):
    tokenizer = tokenization.CharTokenizer(vocabulary)

    def answer(case):
        try:
            return [
                "taken",
                (tokenizer.encode if isinstance(case, str) else tokenizer.decode)(case),
            ]
        except Exception as error:
            return [type(error).__name__, str(error)]

    return [answer(case) for case in cases]


@pytest.mark.exercise("10.1")
class TestCharTokenizer:
    @pytest.mark.points(0.5)
    def test_ids_are_places_among_the_sorted_characters(self, submission):
        ids, texts = submission.run(there_and_back, vocabulary="cab a", texts=["abc", " cc", ""])
        assert ids == [[1, 2, 3], [0, 3, 3], []]
        assert texts == ["abc"] * 3 + [" cc"] * 3, "decode gives the text back"

    @pytest.mark.points(0.5)
    def test_what_has_no_id_is_named_with_its_place(self, submission):
        cases = ["abcX", "abé", [0, 1, 3], [0, -1]]
        found = submission.run(refused, vocabulary="abc", cases=cases)
        assert [kind for kind, _ in found] == ["ValueError"] * 4
        for (_, text), parts in zip(found, ("X3", "é2", "32", ["-1", "1"]), strict=True):
            assert all(part in text for part in parts), f"not named: {text}"


def pairs(tokenization, cases):
    counted = [tokenization.count_pairs(ids) for ids in cases]
    never = sum(one[-1, -1] for one in counted)  # a Counter has a 0 for what it never met
    found = [sorted([*pair, n] for pair, n in one.items() if n) for one in counted]
    return [found, never]


@pytest.mark.exercise("10.2")
class TestCountPairs:
    @pytest.mark.points(0.5)
    def test_every_pair_of_neighbours(self, submission):
        found = submission.run(pairs, cases=[[1, 2, 3, 1, 2], [7, 7, 7], [5], []])
        assert found == [[[[1, 2, 2], [2, 3, 1], [3, 1, 1]], [[7, 7, 2]], [], []], 0]


def merges_of_pairs(tokenization, cases):
    answers = []
    for ids, pair, new_id in cases:
        given = list(ids)
        found = tokenization.merge_pair(given, tuple(pair), new_id)
        answers.append([found, given == ids, found is given])
    return answers


@pytest.mark.exercise("10.3")
class TestMergePair:
    @pytest.mark.points(1)
    def test_from_left_to_right_each_id_once(self, submission):
        cases = [[[1, 2, 3, 1, 2], [1, 2], 9], [[7] * 5, [7, 7], 8], [[2, 1, 2, 1], [1, 2], 9]]
        cases += [[[1], [1, 2], 9], [[], [1, 2], 9]]
        found = submission.run(merges_of_pairs, cases=cases)
        right = [[9, 3, 9], [8, 8, 7], [2, 9, 1], [1], []]
        assert [one[0] for one in found] == right
        assert all(unchanged for _, unchanged, _ in found), "the ids that were given are changed"
        assert not any(same for *_, same in found), "the list that was given came back"


def matched(tokenization, categories):
    """How many characters a class matches, and the sum of their numbers."""
    import re
    import warnings

    warnings.simplefilter("ignore")
    every = "".join(map(chr, range(0x110000)))
    answers = []
    for category in categories:
        found = re.findall(f"[{tokenization.character_class(category)}]", every)
        answers.append([len(found), sum(map(ord, found))])
    return answers


@pytest.mark.exercise("10.4")
class TestCharacterClass:
    @pytest.mark.points(1)
    def test_every_punctuation_mark_and_no_other_character(self, submission):
        import unicodedata

        (found,) = submission.run(matched, categories=["P"])
        every = [code for code in range(0x110000) if unicodedata.category(chr(code))[0] == "P"]
        assert found == [len(every), sum(every)]


def trained(tokenization, cases):
    return [tokenization.train_bpe(text, size, pattern) for text, size, pattern in cases]


@pytest.mark.exercise("10.5")
class TestTrainBpe:
    @pytest.mark.points(1)
    def test_the_most_frequent_pair_becomes_an_id_again_and_again(self, submission):
        pattern = " ?[^ ]+| "
        cases = [["abab", 258, pattern], ["cdxab", 257, pattern], ["ab ab ab cdcd", 258, pattern]]
        first, second, third = submission.run(trained, cases=cases)
        assert first == [(97, 98), (256, 256)]
        assert second == [(97, 98)], "of equally frequent pairs the smaller goes first"
        assert third == [(97, 98), (32, 256)], "pairs count as often as their pieces come"


def bytes_of_tokens(tokenization, merges):
    try:
        return [list(token) for token in tokenization.token_bytes(merges)]
    except Exception as error:
        return type(error).__name__


@pytest.mark.exercise("10.6")
class TestTokenBytes:
    @pytest.mark.points(0.5)
    def test_each_id_is_the_bytes_of_its_parts(self, submission):
        found = submission.run(bytes_of_tokens, merges=[(97, 98), (256, 200), (257, 256)])
        right = [[byte] for byte in range(256)] + [[97, 98], [97, 98, 200], [97, 98, 200, 97, 98]]
        assert found == right
        for wrong in ([(97, 256)], [(-1, 97)], [(97, 98), (300, 97)]):
            assert submission.run(bytes_of_tokens, merges=wrong) == "ValueError"


def applied(tokenization, cases):
    answers = []
    for ids, table in cases:
        given, new_ids = list(ids), {(a, b): new for a, b, new in table}
        found = tokenization.apply_merges(given, new_ids)
        answers.append([found, given == ids and len(new_ids) == len(table), found is given])
    return answers


@pytest.mark.exercise("10.7")
class TestApplyMerges:
    @pytest.mark.points(1)
    def test_the_pair_that_was_learned_first_goes_first(self, submission):
        table = [[97, 98, 300], [98, 99, 290], [300, 300, 301]]
        cases = [[97, 98, 99], [97, 98, 97, 98, 97, 98], [99, 97], [97], []]
        found = submission.run(applied, cases=[[ids, table] for ids in cases])
        assert [one[0] for one in found] == [[97, 290], [301, 300], [99, 97], [97], []]
        assert all(unchanged for _, unchanged, _ in found), "what was given is changed"
        assert not any(same for *_, same in found), "the list that was given came back"


def ordinary(tokenization, merges, pattern, texts):
    tokenizer = tokenization.BPETokenizer(merges, ["<|end|>"], pattern)
    first = [tokenizer.encode_ordinary(text) for text in texts]
    kept = [list(ids) for ids in first]
    for ids in first:
        ids.append(-1)
    return [kept, [tokenizer.encode_ordinary(text) for text in texts]]


@pytest.mark.exercise("10.8")
class TestEncodeOrdinary:
    @pytest.mark.points(1)
    def test_pieces_bytes_and_merges(self, submission):
        merges = [(97, 98), (32, 256), (98, 32)]
        texts = ["ab ab", "b ab", "γ", "", "<|end|>"]
        right = [[256, 257], [98, 257], [206, 179], [], [*b"<|end|>"]]
        for found in submission.run(ordinary, merges=merges, pattern=" ?[^ ]+| ", texts=texts):
            assert found == right
        characters = submission.run(ordinary, merges=merges, pattern="[^γ]|γ", texts=["ab ab"])
        assert characters[0] == [[97, 98, 32, 97, 98]], "pieces are those of the pattern"


def decoded(tokenization, merges, special, cases):
    import numpy as np

    from tinytorch.core.tensor import Tensor

    tokenizer, answers = tokenization.BPETokenizer(merges, special), []
    for ids in cases:
        try:
            kinds = [tokenizer.decode_bytes(kind(ids)) for kind in (list, np.array, Tensor) if ids]
            answers.append([[type(one).__name__, *one] for one in kinds])
        except Exception as error:
            answers.append([type(error).__name__, str(error)])
    return answers


@pytest.mark.exercise("10.9")
class TestDecodeBytes:
    @pytest.mark.points(1)
    def test_bytes_of_every_id(self, submission):
        inputs = {"merges": [(97, 98), (256, 200)], "special": {"<|end|>": 300}}
        cases = [[257, 206, 300, 256], [206, 179], [97, 299], [97, -1, 5]]
        found = submission.run(decoded, **inputs, cases=cases)
        right = [97, 98, 200, 206, *b"<|end|>", 97, 98]
        assert found[0] == [["bytes", *right]] * 3 and found[1] == [["bytes", 206, 179]] * 3
        for (kind, text), parts in zip(found[2:], (["299", "1"], ["-1", "1"]), strict=True):
            assert kind == "ValueError" and all(part in text for part in parts), text


def encoded(tokenization, merges, special, cases):
    tokenizer, answers = tokenization.BPETokenizer(merges, special, " ?[^ ]+| "), []
    for text, allowed in cases:
        try:
            answers.append(tokenizer.encode(text, allowed))
        except Exception as error:
            answers.append([type(error).__name__, str(error)])
    return answers


@pytest.mark.exercise("10.10")
class TestEncode:
    @pytest.mark.points(1)
    def test_special_tokens_where_they_are_allowed(self, submission):
        names = ["[S]", "<|end|>", "<|end|>!"]  # 257, 258, 259
        cases = [["ab <|end|> ab", "all"], ["<|end|>!S[S][S]", ["[S]", "<|end|>!"]], ["S", ()]]
        cases += [["γab<|end|>", ()], ["[S]<|end|>", ["[S]"]]]
        found = submission.run(encoded, merges=[(97, 98)], special=names, cases=cases)
        assert found[:3] == [[256, 32, 258, 32, 256], [259, 83, 257, 257], [83]]
        for kind, text in found[3:]:
            assert kind == "ValueError" and "<|end|>" in text and "3" in text, text
        plain = submission.run(encoded, merges=[(97, 98)], special=[], cases=[["abab", "all"]])
        assert plain == [[256, 256]]


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
