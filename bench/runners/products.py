"""The floor of a training step: its own matrix products alone, each in the fastest form that any library here has.

Settings: weights, rows (batch x sequence), dtype. Forms: the plain product into a new and into a given matrix, with
either operand laid out for it, weights prepacked by oneDNN and by MKL (the packing itself not counted), and OpenBLAS through numpy
in float32. Each counts with the best of its calls, as on a machine without neighbours; beside it stands the median of the same calls.
On a card the plain products, and no others, since its library lays nothing out beforehand. Attention's own products (under 2 % of the work
at these lengths) are left out: the floor is a little too low, never too high.
"""
import ctypes
import statistics
import time

import numpy as np
import torch

from runner import answer, device, read_config, settings, wait

# Results stay on the heap: otherwise each new one of 200 MB is paid for in page faults, which a step that reuses its buffers has not.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
ctypes.CDLL(None).mallopt(M_MMAP_MAX, 0)
ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, 2**31 - 1)

ROWS, DTYPE = settings["rows"], getattr(torch, settings["dtype"])
absent = {}


def product_shapes():
    """(name, out, in, how often)"""
    config = read_config()
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    return [
        ("query", queries, hidden, layers), ("key, value", keys, hidden, 2 * layers), ("attention output", hidden, queries, layers),
        ("gate, up", inner, hidden, 2 * layers), ("down", hidden, inner, layers), ("head", config["vocab_size"], hidden, 1),
    ]


def times_of(form, seconds=0.15):
    """At least four times and for this long: the threads of the library used before spin for a while."""
    form()
    wait()
    times, since = [], time.perf_counter()
    while len(times) < 4 or time.perf_counter() - since < seconds:
        started = time.perf_counter()
        form()
        wait()
        times.append(time.perf_counter() - started)
    return times


def fastest(forms):
    times = {name: times_of(form) for name, form in forms.items()}
    name = min(times, key=lambda name: min(times[name]))
    return min(times[name]), statistics.median(times[name]), name


def plain_forms(a, b):
    """a @ b, [rows, inner] times [inner, columns], both as views of whatever layout."""
    out = torch.empty(a.shape[0], b.shape[1], dtype=a.dtype, device=a.device)
    ac, bc = a.contiguous(), b.contiguous()
    bt = b.t().contiguous().t()
    forms = {
        "mm": lambda: a @ b,
        "mm into": lambda: torch.mm(a, b, out=out),
        "rows laid out": lambda: torch.mm(ac, bc, out=out),
        "columns laid out": lambda: torch.mm(ac, bt, out=out),
    }
    if a.dtype == torch.float32 and device == "cpu":
        an, bn, on = ac.numpy(), b.numpy(), out.numpy()
        forms["OpenBLAS"] = lambda: np.matmul(an, bn, out=on)
    return forms


def onednn_form(x, w):
    packed = torch.ops.mkldnn._reorder_linear_weight(w, x.shape[0])
    return lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")


def mkl_form(x, w):
    packed = torch.ops.mkl._mkl_reorder_linear_weight(w, x.shape[0])
    return lambda: torch.ops.mkl._mkl_linear(x, packed, w, None, x.shape[0])


def prepacked_forms(x, w):
    """x @ w.t() with the weight packed beforehand; a library that this build or type lacks is named in `absent`."""
    forms = {}
    if device != "cpu":
        return forms
    for name, make in {"oneDNN prepacked": onednn_form, "MKL prepacked": mkl_form}.items():
        try:
            form = make(x, w)
            assert torch.allclose(form(), x @ w.t(), rtol=2e-2, atol=1)
            forms[name] = form
        except (RuntimeError, AttributeError) as error:
            absent[name] = str(error).splitlines()[0]
    return forms


def transposed_forms(dy, x):
    """dy.t() @ x, and its transpose: whichever of the two is faster will do. Copies and packing are not counted."""
    copied = torch.empty(x.shape[1], x.shape[0], dtype=x.dtype, device=x.device)
    out = torch.empty(x.shape[1], dy.shape[1], dtype=x.dtype, device=x.device)
    dyt, xt = dy.t().contiguous(), x.t().contiguous()
    prepacked = {
        f"{name}, {side}": form
        for side, forms in {"inputs packed": prepacked_forms(dyt, xt), "gradients packed": prepacked_forms(xt, dyt)}.items()
        for name, form in forms.items()
    }
    return {
        **plain_forms(dy.t(), x),
        **prepacked,
        "transposed": lambda: torch.mm(x.t(), dy, out=out),
        "transposed after a copy": lambda: torch.mm(copied.copy_(x.t()), dy, out=out),
    }


@torch.inference_mode()
def main():
    total, typical, forms = 0.0, 0.0, {}
    for name, out, inner, times in product_shapes():
        x, w, dy = (torch.randn(rows, columns).to(device, DTYPE) for rows, columns in ((ROWS, inner), (out, inner), (ROWS, out)))
        for kind, choices in {
            "forward": {**plain_forms(x, w.t()), **prepacked_forms(x, w)},
            "input gradient": {**plain_forms(dy, w), **prepacked_forms(dy, w.t().contiguous())},
            "weight gradient": transposed_forms(dy, x),
        }.items():
            seconds, median, form = fastest(choices)
            total += seconds * times
            typical += median * times
            forms[f"{name}, {kind}"] = {
                "form": form,
                "milliseconds": seconds * 1000,
                "gigaflops": 2 * ROWS * out * inner / seconds / 1e9,
                "times": times,
            }
    answer({"milliseconds": [total * 1000], "typicalMilliseconds": typical * 1000, "forms": forms, "absent": absent})


main()
