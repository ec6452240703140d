#pragma once
#include <c10/core/Device.h>

#include "ops/ops.h"

namespace hyperfit {

/// The operations of a model on that device: its backend's, or libtorch's where it has none, or where own kernels are switched off.
const Ops& select_ops(at::Device device);

/// The same device by its number, by which streams, graphs and kernels are asked for and tensors know it: "cuda" is the one that is current
/// on this thread, the first where nobody chose.
at::Device numbered(at::Device device);

/// A card, or a backend that somebody else has registered and that brings the operators which libtorch has on cards alone.
bool computes_as_a_card(at::Device device);

/// Whether models made from now on compute by own kernels, or by libtorch's operators, which are slower and obvious: the oracle.
bool kernels_enabled();
void set_kernels_enabled(bool enabled);

}  // namespace hyperfit
