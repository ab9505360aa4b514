"""Causal scaled_dot_product_attention of PyTorch in float32, forward and backward.

Argument, as JSON: shapes (a list of sequences, tokens, heads, dim, valueDim), threads. Prints, as JSON, for each shape the
best seconds of "forward" and "backward". Its fast kernel wants values as wide as keys: narrower ones are padded with
zeros if that is faster, and "padded" says so. Queries, keys and values lie as a model's projections make them,
[sequences, tokens, heads, dim]; or as the kernel likes them best, heads first, if that is faster.
"""

import json
import sys
import time

import torch
from torch.nn.functional import pad, scaled_dot_product_attention

args = json.loads(sys.argv[1])
torch.set_num_threads(args["threads"])


def measure(shape: dict, padded: bool, heads_first: bool) -> dict:
    sequences, tokens, heads, dim, value_dim = (shape[n] for n in ("sequences", "tokens", "heads", "dim", "valueDim"))

    def tensor(width: int) -> torch.Tensor:
        axes = (sequences, heads, tokens, width) if heads_first else (sequences, tokens, heads, width)
        x = torch.randn(axes)
        return (x if heads_first else x.transpose(1, 2)).requires_grad_()

    q, k, v = tensor(dim), tensor(dim), tensor(value_dim)
    times = {"forward": float("inf"), "backward": float("inf"), "padded": padded}
    end = time.perf_counter() + args["seconds"]
    runs = 0
    while runs < 3 or time.perf_counter() < end:
        runs += 1
        start = time.perf_counter()
        values = pad(v, (0, dim - value_dim)) if padded else v
        y = scaled_dot_product_attention(q, k, values, is_causal=True)[..., :value_dim]
        middle = time.perf_counter()
        gradient = torch.ones_like(y)
        begin = time.perf_counter()
        torch.autograd.grad(y, (q, k, v), gradient)
        times["forward"] = min(times["forward"], middle - start)
        times["backward"] = min(times["backward"], time.perf_counter() - begin)
    return times


def fastest(shape: dict) -> dict:
    ways = [(padded, first) for padded in {False, shape["valueDim"] < shape["dim"]} for first in (False, True)]
    return min((measure(shape, *way) for way in ways), key=lambda times: times["forward"] + times["backward"])


print(json.dumps({"shapes": [fastest(shape) for shape in args["shapes"]], "torch": torch.__version__}))
