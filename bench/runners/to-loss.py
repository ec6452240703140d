"""One process, one engine: transformers, from nothing to a training loss. Settings: weights, tokens, mode, folder and the recipe.

A checkpoint holds weights and moments, as save_pretrained and torch.save write them; the last one stays.
"""
import tempfile

import torch
from transformers import AutoModelForCausalLM

from runner import answer, device, device_type, peak_bytes, read_tokens, settings

samples, T, B = settings["samples"], settings["sequence"], settings["batch"]
windows = read_tokens().to(device)[: samples * T].view(samples, T)
folder = tempfile.mkdtemp(prefix="theirs-", dir=settings["folder"])
model = AutoModelForCausalLM.from_pretrained(settings["weights"], dtype=torch.float32, attn_implementation="sdpa").to(device)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=settings["learningRate"], weight_decay=0.0, fused=True)
torch.manual_seed(0)
steps, epoch_losses = 0, []


def train_step(tokens):
    with torch.autocast(device_type, torch.bfloat16, enabled=settings["mode"] == "autocast"):
        loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def save():
    model.save_pretrained(folder)
    torch.save(optimizer.state_dict(), f"{folder}/optimizer.pt")


for _ in range(settings["maxEpochs"]):
    losses = []
    for rows in torch.randperm(samples).split(B):
        losses.append(train_step(windows[rows]))
        steps += 1
        if steps % settings["checkpointEverySteps"] == 0:
            save()
    epoch_losses.append(sum(losses) / len(losses))
    if epoch_losses[-1] < settings["targetLoss"]:
        break
answer({"steps": steps, "loss": epoch_losses[-1], "epochLosses": epoch_losses, "peakBytes": peak_bytes()})
