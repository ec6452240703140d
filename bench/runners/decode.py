"""One process, one engine: transformers generate, greedy, key/value cache. Arguments: weights, tokens, batch, new tokens, dtype."""
import json
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM

weights, tokens_file, batch, new_tokens, dtype = sys.argv[1:]
B, N = int(batch), int(new_tokens)
ids = torch.tensor(json.load(open(tokens_file)))
prompts = torch.stack([ids[row * 500 : row * 500 + 32] for row in range(B)])
model = AutoModelForCausalLM.from_pretrained(weights, dtype=getattr(torch, dtype), attn_implementation="sdpa").eval()


def timed(count):
    started = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(
            prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0
        )
    return (time.perf_counter() - started) * 1000, out[:, 32:].tolist()


timed(4)
prefill, _ = timed(1)
whole, generated = timed(N)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"milliseconds": [(whole - prefill) / (N - 1)], "prefill": [prefill], "ids": generated, "peakBytes": peak}))
