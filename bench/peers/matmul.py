"""x [rows, k] times a weight [n, k] transposed, with PyTorch.

Argument, as JSON: shapes (a list of rows, n, k), threads, type ("float32" or "bfloat16"). Prints, as JSON: GFLOP/s of the
best of many, for each shape.
"""

import json
import sys
import time

import torch

args = json.loads(sys.argv[1])
torch.set_num_threads(args["threads"])


def gflops(rows: int, n: int, k: int) -> float:
    x, w = (torch.rand(size, k).to(getattr(torch, args["type"])) for size in (rows, n))
    best, end = float("inf"), time.perf_counter() + 1
    while time.perf_counter() < end:
        start = time.perf_counter()
        torch.nn.functional.linear(x, w)
        best = min(best, time.perf_counter() - start)
    return 2 * rows * n * k / best / 1e9


with torch.inference_mode():
    print(json.dumps({"gflops": [gflops(s["rows"], s["n"], s["k"]) for s in args["shapes"]], "torch": torch.__version__}))
