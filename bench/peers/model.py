"""The official model (transformers) of a benchmark's configuration, with random weights."""

import torch
from transformers import AXK1Config, AXK1ForCausalLM


def official_model(config: dict) -> AXK1ForCausalLM:
    # No token ends a sequence, so that generation always has its full length.
    config = {**config, "num_key_value_heads": config["num_attention_heads"], "bos_token_id": None, "eos_token_id": None}
    torch.manual_seed(1)
    return AXK1ForCausalLM(AXK1Config(**config)).float()


def token_ids(count: int, vocabulary: int) -> torch.Tensor:
    i = torch.arange(count)
    return (i * 7919 + (i % 13) * 31) % vocabulary
