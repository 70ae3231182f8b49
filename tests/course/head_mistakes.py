"""Planted mistakes in multi-head attention; each comes with the judge that has to reject it."""

from collections.abc import Callable

from tests.core.attention import head_judges as judges
from tests.core.attention.head_judges import MultiHead
from tinytorch.core.attention import MultiHeadAttention, merge_heads, split_heads

MISTAKES: list[tuple[MultiHead, Callable[[MultiHead], None]]] = []


class Steps(MultiHeadAttention):
    """The layer in steps that a mistake can replace one by one."""

    judge = staticmethod(judges.heads_agree_with_the_oracle)

    def __init_subclass__(cls) -> None:
        MISTAKES.append((cls, cls.judge))

    def project(self, query, key, value):
        return self.q_proj(query), self.k_proj(key), self.v_proj(value)

    def split(self, x):
        return split_heads(x, self.num_heads)

    def join(self, output):
        return merge_heads(output)

    def last(self, joined):
        return self.out_proj(joined)

    def attend(self, query, key, value, mask=None):
        Q, K, V = map(self.split, self.project(query, key, value))
        output, weights = self.attention(Q, K, V, mask)
        return self.last(self.join(output)), weights


class HeadsMergedWithoutTheTranspose(Steps):
    def join(self, output):
        batch, heads, n, width = output.shape
        return output.reshape(batch, n, heads * width)


class HeadsSplitByReshapeOnly(Steps):
    def split(self, x):
        batch, n, width = x.shape
        return x.reshape(batch, self.num_heads, n, width // self.num_heads)


class HeadsSplitInterleaved(Steps):
    def split(self, x):
        batch, n, width = x.shape
        columns = x.reshape(batch, n, width // self.num_heads, self.num_heads)
        return columns.transpose(2, 3).transpose(1, 2)


class AverageOfTheHeads(Steps):
    def join(self, output):
        mean = output.mean(dim=1, keepdims=True)
        return merge_heads(mean + output * 0)


class WeightsAveragedOverTheHeads(Steps):
    def attend(self, query, key, value, mask=None):
        output, weights = super().attend(query, key, value, mask)
        return output, weights.mean(dim=1, keepdims=True) + weights * 0


class NoOutputProjection(Steps):
    def last(self, joined):
        return joined


class OutputWithoutItsBias(Steps):
    def last(self, joined):
        return joined @ self.out_proj.weight


class QueryAndKeySwapped(Steps):
    def project(self, query, key, value):
        return self.k_proj(query), self.q_proj(key), self.v_proj(value)


class ValuesProjectedAsKeys(Steps):
    def project(self, query, key, value):
        return self.q_proj(query), self.k_proj(key), self.k_proj(value)


class ValuesTakenFromTheKeys(Steps):
    def project(self, query, key, value):
        return self.q_proj(query), self.k_proj(key), self.v_proj(key)


class KeysTakenFromTheValues(Steps):
    def project(self, query, key, value):
        return self.q_proj(query), self.k_proj(value), self.v_proj(value)


class ProjectionsTransposed(Steps):
    def project(self, query, key, value):
        _, K, V = super().project(query, key, value)
        return query @ self.q_proj.weight.T + self.q_proj.bias, K, V


class OneHeadOfTheFullWidth(Steps):
    def split(self, x):
        return split_heads(x, 1)


class MaskForgotten(Steps):
    judge = staticmethod(judges.heads_are_causal)

    def attend(self, query, key, value, mask=None):
        return super().attend(query, key, value, None)


class PaddingForgotten(MaskForgotten):
    judge = staticmethod(judges.a_padded_sentence_computes_what_it_does_alone)


class ScaledByTheWholeWidth(Steps):
    def project(self, query, key, value):
        Q, K, V = super().project(query, key, value)
        return Q / self.num_heads**0.5, K, V


class GradientMistake(MultiHeadAttention):
    """One of the projections gets no gradient: its output is wrapped anew."""

    lost = ""

    def __init_subclass__(cls) -> None:
        MISTAKES.append((cls, judges.all_gradients_agree_with_the_oracle))

    def attend(self, query, key, value, mask=None):
        parts = {"q": self.q_proj(query), "k": self.k_proj(key), "v": self.v_proj(value)}
        parts = {name: x.detach() if name == self.lost else x for name, x in parts.items()}
        Q, K, V = (split_heads(x, self.num_heads) for x in parts.values())
        output, weights = self.attention(Q, K, V, mask)
        output = output.detach() if self.lost == "out" else output
        return self.out_proj(merge_heads(output)), weights


class GradientOfQLost(GradientMistake):
    lost = "q"


class GradientOfKLost(GradientMistake):
    lost = "k"


class GradientOfVLost(GradientMistake):
    lost = "v"


class GradientBehindTheOutputLost(GradientMistake):
    lost = "out"
