#pragma once
#include <torch/library.h>

#include "ops/select.h"

namespace hyperfit::binding {

/// Makes the engine's operations (ops/ops.h) operators of libtorch's dispatcher: `hyperfit::norm`, `hyperfit::attention`, ... They compute
/// by the backend of their tensors' device, as a model there would, at any shape; they copy what an operation overwrites, record no
/// gradient, and check what the engine takes for granted.
void register_operators();

// Parts of the above, a file each.
void define_activations(torch::Library& library);
void define_norms(torch::Library& library);
void define_products(torch::Library& library);
void define_precision(torch::Library& library);
void define_attention(torch::Library& library);
void define_embedding(torch::Library& library);
void define_loss(torch::Library& library);
void define_choice(torch::Library& library);
void define_update(torch::Library& library);

// Pointers carry no sizes: what does not fit is refused here.

/// float32 or bfloat16, dense, of so many dimensions.
void check_computes(const at::Tensor& tensor, int64_t dimensions);
/// The same, of float32 and this shape, on the device of `other`.
void check_float32(const at::Tensor& tensor, at::IntArrayRef shape, const at::Tensor& other);
/// Of `first`'s shape, type and device, dense.
void check_alike(const at::Tensor& tensor, const at::Tensor& first);
/// int64 [count] on the device of `other`, each from `lowest` to below `limit`.
void check_integers(const at::Tensor& tensor, int64_t count, int64_t lowest, int64_t limit, const at::Tensor& other);

}  // namespace hyperfit::binding
