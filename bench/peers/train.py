"""Training steps of the official model: forward, backward, gradient norm, fused AdamW, in float32 and with bf16 autocast.

Argument, as JSON: config, batch, length, threads, seconds (for each measurement). Prints, as JSON: tokens/s of the best step
as "float32" and "bf16", with the faster of two ways in which transformers computes experts. (The third, "batched_mm", copies
the weights of an expert for every token and is far slower.)
"""

import json
import sys
import time

import torch
from model import official_model, token_ids

args = json.loads(sys.argv[1])
torch.set_num_threads(args["threads"])
batch, length = args["batch"], args["length"]
ids = token_ids(batch * length, args["config"]["vocab_size"]).view(batch, length)


def best_step(experts: str, bf16: bool) -> float:
    model = official_model(args["config"]).train()
    model.set_experts_implementation(experts)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    best, end = float("inf"), None
    while end is None or time.perf_counter() < end:
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if end is None:  # the first step warms up
            end = time.perf_counter() + args["seconds"]
        else:
            best = min(best, time.perf_counter() - start)
    return best


def fastest(bf16: bool) -> float:
    return batch * length / min(best_step(experts, bf16) for experts in ("eager", "grouped_mm"))


print(json.dumps({"float32": fastest(False), "bf16": fastest(True)}))
