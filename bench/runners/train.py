"""One process, one engine: transformers at its best settings. Settings: weights, tokens, batch, sequence, steps, mode.

mode: float32, autocast (bfloat16 over float32 weights), or either through torch.compile: compile-float32, compile-autocast. flash-autocast
has SDPA take its flash kernel or fail.
"""
import time
from contextlib import nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AutoModelForCausalLM

from runner import answer, device, device_type, minor_faults, peak_bytes, read_tokens, resident_bytes, settings, wait

B, T, steps, mode = settings["batch"], settings["sequence"], settings["steps"], settings["mode"]
ids = read_tokens().to(device)
runtime = resident_bytes()
model = AutoModelForCausalLM.from_pretrained(settings["weights"], dtype=torch.float32, attn_implementation="sdpa").to(device)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
forward = torch.compile(model) if mode.startswith("compile") else model


def train_step(step):
    starts = [((step * B + row) * T) % (len(ids) - T) for row in range(B)]
    tokens = torch.stack([ids[start : start + T] for start in starts])
    started = time.perf_counter()
    kernel = sdpa_kernel(SDPBackend.FLASH_ATTENTION) if mode.startswith("flash") else nullcontext()
    with kernel, torch.autocast(device_type, torch.bfloat16, enabled=mode.endswith("autocast")):
        loss = forward(input_ids=tokens, labels=tokens, use_cache=False).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    value = loss.item()
    wait()
    return value, (time.perf_counter() - started) * 1000


try:
    done = [train_step(0), train_step(1)]
except Exception as error:
    if not mode.startswith(("compile", "flash")):
        raise
    answer(
        {
            "refused": f"{'torch.compile' if mode.startswith('compile') else 'flash attention'}: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
        }
    )
before = minor_faults()
for step in range(2, steps + 2):
    done.append(train_step(step))
answer({
    "milliseconds": [milliseconds for _, milliseconds in done[2:]],
    "losses": [loss for loss, _ in done],
    "minorFaultsPerStep": (minor_faults() - before) / steps,
    "runtimeBytes": runtime,
    "peakBytes": peak_bytes(),
})
