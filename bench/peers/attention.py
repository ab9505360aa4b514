"""Causal scaled_dot_product_attention of PyTorch in float32, forward and backward.

Argument, as JSON: shapes (a list of sequences, tokens, heads, dim, valueDim), threads, seconds (for each measurement).
Prints, as JSON, for each shape the best seconds of "forward" and "backward", whichever way is fastest: its fast kernel
wants values as wide as keys, so that narrower ones are padded with zeros or not; tokens or heads come first in memory.
"""

import json
import sys
import time
from itertools import product

import torch
from torch.nn.functional import pad, scaled_dot_product_attention

args = json.loads(sys.argv[1])
torch.set_num_threads(args["threads"])


def measure(shape: dict, padded: bool, heads_first: bool) -> dict:
    sequences, tokens, heads, dim, value_dim = (shape[n] for n in ("sequences", "tokens", "heads", "dim", "valueDim"))

    def tensor(width: int) -> torch.Tensor:
        if heads_first:
            return torch.randn(sequences, heads, tokens, width).requires_grad_()
        return torch.randn(sequences, tokens, heads, width).transpose(1, 2).requires_grad_()

    q, k, v = tensor(dim), tensor(dim), tensor(value_dim)
    times = {"forward": float("inf"), "backward": float("inf")}
    runs, end = 0, time.perf_counter() + args["seconds"]
    while runs < 3 or time.perf_counter() < end:
        runs += 1
        start = time.perf_counter()
        values = pad(v, (0, dim - value_dim)) if padded else v
        y = scaled_dot_product_attention(q, k, values, is_causal=True)[..., :value_dim]
        times["forward"] = min(times["forward"], time.perf_counter() - start)
        gradient = torch.ones_like(y)
        start = time.perf_counter()
        torch.autograd.grad(y, (q, k, v), gradient)
        times["backward"] = min(times["backward"], time.perf_counter() - start)
    return times


def fastest(shape: dict) -> dict:
    ways = product({False, shape["valueDim"] < shape["dim"]}, (False, True))
    return min((measure(shape, *way) for way in ways), key=lambda times: sum(times.values()))


print(json.dumps({"shapes": [fastest(shape) for shape in args["shapes"]]}))
