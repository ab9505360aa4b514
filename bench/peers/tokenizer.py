"""Hugging Face's tokenizers (Rust): trains a byte-level BPE vocabulary, then encodes text that it has not seen.

Argument, as JSON: texts and heldOut (files of one JSON string a line), entries, threads. Prints, as JSON: trainSeconds,
encodeSeconds (of heldOut, one thread, as ours does), tokens.
"""

import json
import os
import sys
import time

args = json.loads(sys.argv[1])
os.environ["RAYON_NUM_THREADS"] = str(args["threads"])

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402  (reads the variable once)


def lines(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=args["entries"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
)
texts, held_out = lines(args["texts"]), lines(args["heldOut"])
start = time.perf_counter()
tokenizer.train_from_iterator(texts, trainer)
trained = time.perf_counter()
tokens = sum(len(tokenizer.encode(text).ids) for text in held_out)
print(json.dumps({"trainSeconds": trained - start, "encodeSeconds": time.perf_counter() - trained, "tokens": tokens}))
