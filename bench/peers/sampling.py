"""Drawing tokens as `generate` of transformers does, one row of logits at a time.

Argument, as JSON: file (float32 logits, row after row), rows, settings (temperature, topK, topP), seconds (for each).
Prints, as JSON, the best "seconds" of a token in each of the settings.
"""

import json
import sys
import time

import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

args = json.loads(sys.argv[1])
torch.set_num_threads(1)
with open(args["file"], "rb") as file:
    logits = torch.frombuffer(bytearray(file.read()), dtype=torch.float32).view(args["rows"], 1, -1)


def drawer(temperature: float, topK: int = 0, topP: float = 1.0):
    if temperature == 0:
        return lambda scores: torch.argmax(scores, dim=-1)
    processors = LogitsProcessorList()
    if temperature != 1:
        processors.append(TemperatureLogitsWarper(temperature))
    if topK:
        processors.append(TopKLogitsWarper(topK))
    if topP < 1:
        processors.append(TopPLogitsWarper(topP))
    return lambda scores: torch.multinomial(torch.softmax(processors(None, scores), dim=-1), num_samples=1)


def best(settings: dict) -> float:
    draw = drawer(**settings)
    seconds, runs, end = float("inf"), 0, time.perf_counter() + args["seconds"]
    while runs < 3 or time.perf_counter() < end:
        runs += 1
        start = time.perf_counter()
        for row in logits:
            draw(row)
        seconds = min(seconds, time.perf_counter() - start)
    return seconds / len(logits)


with torch.no_grad():
    print(json.dumps({"seconds": [best(settings) for settings in args["settings"]]}))
