"""Hidden checks of module 10: inputs are drawn anew for each batch of submissions."""

import pytest

from tests.grading.test_tokenization import (
    applied,
    bytes_of_tokens,
    decoded,
    encoded,
    matched,
    merges_of_pairs,
    ordinary,
    pairs,
    refused,
    there_and_back,
    trained,
)

PATTERN = " ?[^ ]+| "
LETTERS = [*"abcdefgh éγ猫"]


def drawn_text(rng, letters, length):
    return "".join(rng.choice(list(letters), size=length).tolist())


def drawn_merges(rng, count):
    """Merges of what comes before, each pair once; no two of the same bytes."""
    tokens, merges = [bytes([byte]) for byte in range(256)], []
    while len(merges) < count:
        a, b = (int(rng.choice([97, 98, 99, 32, *range(256, len(tokens))])) for _ in range(2))
        token = tokens[a] + tokens[b]
        if token not in tokens and len(token) < 9:
            merges.append((a, b))
            tokens.append(token)
    return merges


@pytest.mark.exercise("10.1")
class TestCharTokenizer:
    @pytest.mark.points(0.5)
    def test_other_texts(self, submission, rng):
        texts = [drawn_text(rng, LETTERS, length) for length in (61, 7, 1)]
        submission.check(there_and_back, vocabulary="".join(LETTERS), texts=texts)

    @pytest.mark.points(0.5)
    def test_the_first_without_an_id(self, submission, rng):
        place, number = (int(one) for one in rng.integers(11, 40, size=2))
        text = drawn_text(rng, "abc", place) + "YabZ"
        ids = [1] * place
        cases = [
            text,
            [*ids, 50 + number, 2, 99],
            [*ids, -number],
            [*ids, 3],
            text.replace("Y", "B"),
        ]
        cases += ["abc", [0, 2]]
        found = submission.run(refused, vocabulary="abc", cases=cases)
        assert [kind for kind, _ in found] == ["ValueError"] * 5 + ["taken"] * 2
        for (_, message), part in zip(found, ("Y", 50 + number, -number, 3, "B"), strict=False):
            assert str(part) in message, "what has no id is not named"
            assert str(place) in message, "its position is not named"
        assert "Z" not in found[0][1], "another character than the first is named"
        assert [value for _, value in found[5:]] == [[0, 1, 2], "ac"]


@pytest.mark.exercise("10.2")
class TestCountPairs:
    @pytest.mark.points(0.5)
    def test_other_ids(self, submission, rng):
        cases = [rng.integers(0, kinds, 97).tolist() for kinds in (1, 2, 3, 7, 300)]
        submission.check(pairs, cases=cases)


@pytest.mark.exercise("10.3")
class TestMergePair:
    @pytest.mark.points(1)
    def test_other_ids(self, submission, rng):
        cases = []
        for kinds in (1, 2, 3, 5):
            for length in (1, 2, 5, 61):
                ids = rng.integers(0, kinds, length).tolist()
                cases.append([ids, rng.integers(0, kinds, 2).tolist(), 300])
        cases += [[[4, 5, 5, 4, 5], [4, 5], 4], [[4, 4, 5, 5], [4, 5], 5]]
        submission.check(merges_of_pairs, cases=cases)


@pytest.mark.exercise("10.4")
class TestCharacterClass:
    @pytest.mark.points(1)
    def test_other_categories(self, submission, rng):
        known = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Nl", "No", "Zs", "Cf", "Co"]
        marks = ["Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "S", "P"]
        drawn = [str(rng.choice(known)), *map(str, rng.choice(marks, 2, replace=False)), "L"]
        submission.check(matched, categories=drawn)

        def refuses(tokenization, category):
            try:
                return ["taken", tokenization.character_class(category)]
            except Exception as error:
                return [type(error).__name__, category in str(error)]

        category = "Q" + drawn_text(rng, "abcdefgh", 3)
        assert submission.run(refuses, category=category) == ["ValueError", True]


@pytest.mark.exercise("10.5")
class TestTrainBpe:
    @pytest.mark.points(1)
    def test_other_texts(self, submission, rng):
        cases = [[drawn_text(rng, letters, 997), 300, PATTERN] for letters in ("aab ", "abcdé   ")]
        submission.check(trained, cases=cases)

    @pytest.mark.points(1)
    def test_ties_repetitions_and_the_end(self, submission, rng):
        letters = rng.permutation([*"ghijklmn"]).tolist()
        word, other = "".join(letters[:4]), "".join(letters[4:])
        many = " ".join([word] * int(rng.integers(3, 9)) + [other * 2])
        cases = [[word, 258, PATTERN], [many, 261, PATTERN], [word[0] * 23, 259, PATTERN]]
        cases += [[word + other, 256, PATTERN], [word, 300, PATTERN], ["", 300, PATTERN]]
        submission.check(trained, cases=cases)


@pytest.mark.exercise("10.6")
class TestTokenBytes:
    @pytest.mark.points(0.5)
    def test_other_merges(self, submission, rng):
        merges = drawn_merges(rng, 40)
        submission.check(bytes_of_tokens, merges=merges)
        later = 256 + len(merges) + int(rng.integers(0, 9))
        for wrong in ((97, later), (later, 97), (97, -int(rng.integers(1, 200)))):
            assert submission.run(bytes_of_tokens, merges=[*merges, wrong]) == "ValueError"


@pytest.mark.exercise("10.7")
class TestApplyMerges:
    @pytest.mark.points(1)
    def test_other_tables_in_any_order(self, submission, rng):
        text = drawn_text(rng, "aabc", 301)
        pattern_of = [[97, 98], [97, 97], [98, 99], [99, 97], [97, 99]]
        order = rng.permutation(5).tolist()
        table = [[*pattern_of[k], 256 + 3 * n] for n, k in enumerate(order)]
        made = [row[2] for row in table]
        for number in range(6):
            a, b = (int(one) for one in rng.choice([*made, 97, 98, 99], 2))
            if [a, b] not in [row[:2] for row in table]:
                table.append([a, b, 300 + 2 * number])
                made.append(300 + 2 * number)
        shuffled = [table[k] for k in rng.permutation(len(table)).tolist()]
        words = [list(text[i : i + 13].encode()) for i in range(0, 299, 13)]
        submission.check(applied, cases=[[ids, shuffled] for ids in words])


@pytest.mark.exercise("10.8")
class TestEncodeOrdinary:
    @pytest.mark.points(1)
    def test_other_texts_and_ids_of_bytes(self, submission, rng):
        merges = drawn_merges(rng, 40)
        texts = [drawn_text(rng, "aabc  éγ", length) for length in (97, 13, 1)]
        texts += [" ".join(["abc", "bca"] * 3), "<|end|>"]
        submission.check(ordinary, merges=merges, pattern=PATTERN, texts=texts)
        submission.check(ordinary, merges=merges, pattern="[^c]|c", texts=texts)

        def moved(tokenization, order, pattern, texts):
            ranks = {bytes([byte]): number for byte, number in enumerate(order)}
            ranks |= {b"ab": 260, b"abc": 270, b" a": 280, b" ab": 290}
            tokenizer = tokenization.BPETokenizer.from_ranks(ranks, pattern=pattern)
            return [tokenizer.encode_ordinary(text) for text in texts]

        order = rng.permutation(256).tolist()
        submission.check(moved, order=order, pattern=PATTERN, texts=texts)


@pytest.mark.exercise("10.9")
class TestDecodeBytes:
    @pytest.mark.points(1)
    def test_other_ids(self, submission, rng):
        merges = drawn_merges(rng, 20)
        number = int(rng.integers(500, 900))
        inputs = {"merges": merges, "special": {"<|é|>": number, "[S]": 400}}
        ids = [*range(276), 400, number]
        cases = [rng.permutation(ids).tolist(), rng.choice(ids, 61).tolist(), [206]]
        submission.check(decoded, **inputs, cases=cases)
        place = int(rng.integers(11, 40))
        wrong = [[97] * place + [one] for one in (number - 1, number + 1, -3, 276)]
        for (kind, text), case in zip(
            submission.run(decoded, **inputs, cases=wrong), wrong, strict=True
        ):
            assert kind == "ValueError", "an id that is none is no ValueError"
            assert str(case[-1]) in text and str(place) in text, "the id or its place is not named"


@pytest.mark.exercise("10.10")
class TestEncode:
    @pytest.mark.points(1)
    def test_other_names_and_places(self, submission, rng):
        merges = drawn_merges(rng, 20)
        names = ["(a+b)", "<|c|>", "<|c|>x", "a|b" + drawn_text(rng, "uvw", 3)]
        parts = [*names, *names, "ab c", " ", "γ", "<|c", "b(a", "aab)"]
        cases = [["".join(rng.choice(parts, 9).tolist()), "all"] for _ in range(7)]
        cases += [["ab c" + names[3] + " " + names[0], [names[3], names[0]]], ["aab ", ()]]
        submission.check(encoded, merges=merges, special=names, cases=cases)
        submission.check(encoded, merges=merges, special=[], cases=[["aab <|c|>", "all"], ["", ()]])
        within = drawn_text(rng, "ab ", 4)
        overlap = ["<a>", f"({within}<a>)", ">cde"]
        cases = [[f"ab({within}<a>)", [overlap[1]]], ["ab<a>cde", ["<a>"]], ["<a>>cde", "all"]]
        submission.check(encoded, merges=merges, special=overlap, cases=cases)
        before = drawn_text(rng, "abγ ", int(rng.integers(11, 40)))
        cases = [[before + names[3] + names[0], ()], [before + names[3], names[:3]]]
        for kind, text in submission.run(encoded, merges=merges, special=names, cases=cases):
            assert kind == "ValueError", "a special token that is not allowed is no ValueError"
            assert names[3] in text and str(len(before)) in text, "it, or its place, is not named"
