"""One process, one engine: transformers at its best settings. Arguments: weights, tokens, batch, sequence, steps, mode.

mode: float32, autocast (bfloat16 over float32 weights), compile (autocast through torch.compile).
"""
import json
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM

weights, tokens_file, batch, sequence, steps, mode = sys.argv[1:]
B, T, count = int(batch), int(sequence), int(steps)
ids = torch.tensor(json.load(open(tokens_file)))
model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32, attn_implementation="sdpa")
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
forward = torch.compile(model) if mode == "compile" else model
losses, milliseconds = [], []
for step in range(count + 1):
    tokens = ids[step * B * T : (step + 1) * B * T].view(B, T)
    started = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=mode != "float32"):
        loss = forward(input_ids=tokens, labels=tokens, use_cache=False).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if step > 0:
        milliseconds.append((time.perf_counter() - started) * 1000)
    losses.append(loss.item())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"milliseconds": milliseconds, "losses": losses, "peakBytes": peak}))
