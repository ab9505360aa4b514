"""An answer that several beams look for with the official model's `generate`, in float32 and in bfloat16.

Argument, as JSON: config, context, tokens, beams, threads. Prints, as JSON: tokens of the answer a second in the best of
three runs in each, the time that the context takes included.
"""

import json
import sys
import time

import torch
from model import official_model, token_ids

args = json.loads(sys.argv[1])
torch.set_num_threads(args["threads"])
model = official_model(args["config"]).eval()
ids = token_ids(args["context"], args["config"]["vocab_size"]).view(1, -1)
tokens = args["tokens"]


def seconds() -> float:
    start = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            num_beams=args["beams"],
            do_sample=False,
        )
    assert out.shape[1] == args["context"] + tokens
    return time.perf_counter() - start


def tokens_per_second() -> float:
    seconds()
    return tokens / min(seconds() for _ in range(3))


float32 = tokens_per_second()
model = model.to(torch.bfloat16)
print(json.dumps({"float32": float32, "bf16": tokens_per_second()}))
