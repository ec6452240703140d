"""One process, one engine: transformers generate, greedy, key/value cache.

Settings: weights, tokens, batch, newTokens, promptLength, dtype, noRepeatNgramSize, staticCache. A cache of fixed size is what transformers
compiles its decoding step over, on a card.
"""
import time

import torch
from transformers import AutoModelForCausalLM

from runner import answer, device, minor_faults, peak_bytes, read_tokens, settings, wait

B, N, P = settings["batch"], settings["newTokens"], settings.get("promptLength", 32)
ids = read_tokens().to(device)
stride = min(500, (len(ids) - P) // B)
prompts = torch.stack([ids[row * stride : row * stride + P] for row in range(B)])
model = (
    AutoModelForCausalLM.from_pretrained(settings["weights"], dtype=getattr(torch, settings["dtype"]), attn_implementation="sdpa")
    .to(device)
    .eval()
)
options = {"no_repeat_ngram_size": settings["noRepeatNgramSize"]} if settings.get("noRepeatNgramSize") else {}
if settings.get("staticCache"):
    options["cache_implementation"] = "static"


def timed(count):
    started = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=False,
            pad_token_id=0,
            **options
        )
    wait()
    return (time.perf_counter() - started) * 1000, out[:, P:].tolist()


timed(N if settings.get("staticCache") else 4)  # what is compiled is compiled for this length
# One wait in it would spoil every figure derived from it.
prefill = sorted(timed(1)[0] for _ in range(3))[1]
before = minor_faults()
whole, generated = timed(N)
answer({
    "milliseconds": [(whole - prefill) / (N - 1)],
    "prefill": [prefill],
    "minorFaultsPerStep": (minor_faults() - before) / N,
    "ids": generated,
    "peakBytes": peak_bytes(),
})
