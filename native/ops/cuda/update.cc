#include <ATen/ops/linalg_vector_norm.h>

#include "ops/aten/table.h"
#include "ops/cuda/table.h"

namespace hyperfit::cuda {

// One tensor is one reduction. In float32: asked for float64 it would copy all of it first.
at::Tensor norm_of(const std::vector<at::Tensor>& tensors, Buffer& scratch) {
  if (tensors.size() != 1) return aten::norm_of(tensors, scratch);
  return at::linalg_vector_norm(tensors.front(), /*ord=*/2).to(at::kDouble);
}

}  // namespace hyperfit::cuda
