"""The floor of a training step: its own matrix products alone, each in the fastest form this machine's library has.

Arguments: weights, rows (batch x sequence), dtype. Attention's products (under 2 % of the work at these lengths) are left out,
which makes the floor a little too low, never too high.
"""
import json
import sys
import time

import torch

weights, rows, dtype_name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dtype = getattr(torch, dtype_name)
config = json.load(open(f"{weights}/config.json"))
hidden, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
kv = config["num_key_value_heads"] * config["head_dim"]
queries = config["num_attention_heads"] * config["head_dim"]
layers = config["num_hidden_layers"]
# (out, in, how often)
shapes = [(queries, hidden, layers), (kv, hidden, 2 * layers), (hidden, queries, layers), (inner, hidden, 2 * layers), (hidden, inner, layers), (vocabulary, hidden, 1)]


def fastest(*forms, repeats=5):
    best = float("inf")
    for form in forms:
        form()
        for _ in range(repeats):
            started = time.perf_counter()
            form()
            best = min(best, time.perf_counter() - started)
    return best


total = 0.0
for out, inp, times in shapes:
    x, w, dy = torch.randn(rows, inp).to(dtype), torch.randn(out, inp).to(dtype), torch.randn(rows, out).to(dtype)
    forward = fastest(lambda: x @ w.t())
    dgrad = fastest(lambda: dy @ w)
    wgrad = fastest(lambda: dy.t() @ x, lambda: x.t() @ dy, lambda: x.t().contiguous() @ dy)
    total += (forward + dgrad + wgrad) * times
print(json.dumps({"milliseconds": [total * 1000]}))
