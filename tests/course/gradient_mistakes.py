"""Planted mistakes in the gradients: right values forward, one thing wrong backward."""

import math

import numpy as np

from tests.core.attention.judges import Attention
from tests.course.mistakes import finish, scaled_scores
from tinytorch.core.attention import attention_scores, attention_weights, weighted_sum
from tinytorch.core.tensor import Op, Tensor

MISTAKES: list[Attention] = []


def with_rules(scores_rule=attention_scores.rule, sum_rule=weighted_sum.rule) -> Attention:
    """The library's forward loops with other gradient rules."""
    scores_op, sum_op = Op(attention_scores.forward), Op(weighted_sum.forward)
    scores_op.gradient(scores_rule)
    sum_op.gradient(sum_rule)

    def attention(Q, K, V, mask=None):
        weights = attention_weights(scores_op(Q, K) / math.sqrt(Q.shape[-1]), mask)
        return sum_op(weights, V), weights

    return attention


def T(x):  # noqa: N802, as in the formula
    return np.swapaxes(x, -2, -1)


# name: (rule of the scores, rule of the sum); None leaves the right one
RULES = {
    "gradient of Q lost": (lambda g, o, Q, K: (None, T(g) @ Q), None),
    "gradient of K lost": (lambda g, o, Q, K: (g @ K, None), None),
    "gradients of Q and K swapped": (lambda g, o, Q, K: (T(g) @ Q, g @ K), None),
    "rows and columns of the gradient swapped": (lambda g, o, Q, K: (T(g) @ K, g @ Q), None),
    "only the last key in Q's gradient": (
        lambda g, o, Q, K: (g[..., -1:] * K[..., -1:, :], T(g) @ Q),
        None,
    ),
    "only the last query in K's gradient": (
        lambda g, o, Q, K: (g @ K, T(g)[..., -1:] * Q[..., -1:, :]),
        None,
    ),
    "sign of K's gradient": (lambda g, o, Q, K: (g @ K, -T(g) @ Q), None),
    "gradient of the weights lost": (None, lambda g, o, w, V: (None, T(w) @ g)),
    "gradient of V lost": (None, lambda g, o, w, V: (g @ T(V), None)),
    "only the last query in V's gradient": (
        None,
        lambda g, o, w, V: (g @ T(V), T(w)[..., -1:] * g[..., -1:, :]),
    ),
    "first sentence's gradient for all": (
        lambda g, o, Q, K: (g[:1] @ K[:1] + 0 * Q, T(g) @ Q),
        None,
    ),
}

for name, (scores_rule, sum_rule) in RULES.items():
    planted = with_rules(scores_rule or attention_scores.rule, sum_rule or weighted_sum.rule)
    planted.__name__ = name.replace(" ", "_")
    MISTAKES.append(planted)


def weights_detached(Q, K, V, mask=None):
    _, weights = finish(scaled_scores(Q, K), V, mask)
    return weights.detach() @ V, weights


def values_wrapped_anew(Q, K, V, mask=None):
    return finish(scaled_scores(Q, K), Tensor(V.numpy(), dtype=V.dtype), mask)


MISTAKES += [weights_detached, values_wrapped_anew]
