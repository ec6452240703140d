"""One process, one engine: transformers, to its first token or training step. Settings as in load.mjs; mode: float32 or autocast."""
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from runner import answer, device, device_type, peak_bytes, read_tokens, settings, wait

weights = settings["weights"]
tokenizer = AutoTokenizer.from_pretrained(weights) if settings["until"] == "token" else None
model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32, attn_implementation="sdpa").to(device)
loaded = time.time() * 1000


def first_token():
    model.eval()
    prompt = tokenizer(settings["text"], return_tensors="pt").to(device)
    with torch.inference_mode():
        out = model.generate(**prompt, max_new_tokens=1, do_sample=False, pad_token_id=0)
    return out[0, prompt["input_ids"].shape[1] :].tolist()


def first_step():
    model.train()
    B, T = settings["batch"], settings["sequence"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
    tokens = read_tokens().to(device)[: B * T].view(B, T)
    with torch.autocast(device_type, torch.bfloat16, enabled=settings["mode"] == "autocast"):
        loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
    loss.backward()
    optimizer.step()
    wait()


ids = first_token() if settings["until"] == "token" else first_step()
answer({"loaded": loaded, "reached": time.time() * 1000, "ids": ids, "peakBytes": peak_bytes()})
