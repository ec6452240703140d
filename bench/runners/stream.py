"""The floor of a decoding step at batch 1: the weights' bytes over the speed at which this device reads its memory.

Settings: weights, bytesPerWeight. The speed is the best of several sums over 1 GB.
"""
import os
import time

import torch

from runner import answer, device, settings, wait

block = torch.ones(256 * 1024 * 1024, device=device)
best = float("inf")
for _ in range(8):
    wait()
    started = time.perf_counter()
    block.sum()
    wait()
    best = min(best, time.perf_counter() - started)
bandwidth = block.nbytes / best
size = os.path.getsize(f"{settings['weights']}/model.safetensors") / 4 * settings["bytesPerWeight"]
answer({"milliseconds": [size / bandwidth * 1000], "gigabytesPerSecond": bandwidth / 1e9})
