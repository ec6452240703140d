"""The floor of a decoding step at batch 1: the weights' bytes over the speed at which this machine reads memory.

Arguments: weights, bytes an element. The speed is the best of several sums over 1 GB.
"""
import json
import os
import sys
import time

import torch

weights, element = sys.argv[1], int(sys.argv[2])
block = torch.ones(256 * 1024 * 1024)
best = float("inf")
for _ in range(8):
    started = time.perf_counter()
    block.sum()
    best = min(best, time.perf_counter() - started)
bandwidth = block.nbytes / best
size = os.path.getsize(f"{weights}/model.safetensors") / 4 * element
print(json.dumps({"milliseconds": [size / bandwidth * 1000], "gigabytesPerSecond": bandwidth / 1e9}))
