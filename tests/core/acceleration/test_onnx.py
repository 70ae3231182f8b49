"""ONNX's own cases of its operator Attention, through `flash_attention`.

What the operator has and the function has not is made of what it has: past and present keys are
joined; keys that are padding, causality counted from the last query, and a window to one side
become masks; narrow floats are computed in float32. Weights are never formed, so of the optional
output `qk_matmul_output` nothing is compared. As here, the cap comes before what is added.
"""

import importlib
import warnings

import numpy as np
import pytest

from tinytorch.core.acceleration import flash_attention
from tinytorch.core.tensor import Tensor

helper = pytest.importorskip("onnx").helper


def collected():
    """Name, node, inputs and outputs of every case."""
    found, cases = [], importlib.import_module("onnx.backend.test.case.node")
    kept, cases.expect = cases.expect, lambda *given, **named: found.append((given, named))
    state = np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some cases divide by 0 on their way
            importlib.import_module("onnx.backend.test.case.node.attention")
    finally:
        cases.expect = kept
        np.random.set_state(state)
    return {named["name"]: (node, named) for (node,), named in found}


CASES = collected()


def split_heads(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def allowed_keys(shape, offset, valid, options):
    """Who may look where, (batch or 1, 1, n_q, n_k), from what counts positions."""
    key = np.arange(shape[1])
    distance = np.arange(shape[0])[:, None] + np.reshape(offset, (-1, 1, 1, 1)) - key
    left, right = (options.get(f"{side}_window_size", -1) for side in ("left", "right"))
    allowed = (distance >= 0) | (not options.get("is_causal"))
    allowed &= (distance <= left) | (left < 0)
    allowed &= (-distance <= right) | (right < 0)
    return allowed if valid is None else allowed & (key < np.reshape(valid, (-1, 1, 1, 1)))


def run(inputs, options):
    """The operator's first output, by `flash_attention`."""
    q, k, v = (inputs[name] for name in "QKV")
    if flat := q.ndim == 3:
        kv_heads = options["kv_num_heads"]
        q, k, v = (
            split_heads(q, options["q_num_heads"]),
            *(split_heads(x, kv_heads) for x in (k, v)),
        )
    past = inputs.get("past_key", k[:, :, :0])
    k = np.concatenate([past, k], axis=2)
    v = np.concatenate([inputs.get("past_value", v[:, :, :0]), v], axis=2)
    valid, n_q, n_k = inputs.get("nonpad_kv_seqlen"), q.shape[2], k.shape[2]
    arguments = {"scale": options.get("scale"), "softcap": options.get("softcap") or None}
    given = inputs.get("attn_mask", np.ones((1, 1), bool))
    missing = [(0, 0)] * (given.ndim - 1) + [(0, n_k - given.shape[-1] if given.size > 1 else 0)]
    if given.dtype == bool:
        given = np.pad(given, missing)
    else:
        given = np.pad(given.astype(np.float32), missing, constant_values=-np.inf)
        arguments["bias"], given = given, np.ones((1, 1), bool)
    left, right = (options.get(f"{side}_window_size", -1) for side in ("left", "right"))
    own = valid is None and not past.size and right < 0 and (left < 0 or options.get("is_causal"))
    if own:  # what the function's own options say
        arguments["causal"] = bool(options.get("is_causal"))
        arguments["window"] = None if left < 0 else left + 1
        mask = given
    else:
        offset = past.shape[2] if valid is None else valid - n_q
        mask = allowed_keys((n_q, n_k), offset, valid, options) & given
    mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, (1, 1, n_q, n_k)))
    leaves = [Tensor(x.astype(np.float32)) for x in (q, k, v)]
    output = flash_attention(*leaves, mask, **arguments)[0].data
    return output.swapaxes(1, 2).reshape(len(q), n_q, -1) if flat else output


def test_the_package_has_cases_of_every_kind():
    assert len(CASES) >= 60
    assert sum("gqa" in name for name in CASES) >= 8
    assert sum("softcap" in name for name in CASES) >= 8


@pytest.mark.parametrize("name", CASES)
def test_a_case_of_onnx_has_the_expected_output(name):
    node, named = CASES[name]
    arrays, right = named["inputs"], named["outputs"][0]
    names = [each for each in node.input if each]
    options = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    output = run(dict(zip(names, arrays, strict=True)), options)
    atol = {"float32": 1e-6, "float16": 2e-3, "bfloat16": 2e-2}[str(right.dtype)]
    np.testing.assert_allclose(output, right.astype(np.float32), rtol=1e-3, atol=atol)
