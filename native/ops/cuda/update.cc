#include <ATen/ops/linalg_vector_norm.h>

#include "ops/arena.h"
#include "ops/aten/table.h"
#include "ops/cuda/table.h"

namespace hyperfit::cuda {
namespace {

constexpr int64_t kPart = int64_t{1} << 16;  // elements that are added up in float32

}  // namespace

// Norms of parts in float32, and of those in float64: asked for float64 at once, libtorch would copy all elements first.
at::Tensor norm_of(const std::vector<at::Tensor>& tensors, Buffer& scratch) {
  if (tensors.size() != 1) return aten::norm_of(tensors, scratch);
  const Temporaries temporaries;
  const at::Tensor all = tensors.front().view({-1});
  const int64_t whole = all.numel() / kPart, rest = all.numel() % kPart, parts = whole + (rest > 0 ? 1 : 0);
  const at::Tensor norms = temporaries.empty({parts}, all.options());
  const auto take = [&](int64_t first, int64_t count, const at::Tensor& rows) {
    at::Tensor there = norms.narrow(0, first, count);
    at::linalg_vector_norm_out(there, rows, /*ord=*/2, at::IntArrayRef{1});
  };
  if (whole > 0) take(0, whole, all.narrow(0, 0, whole * kPart).view({whole, kPart}));
  if (rest > 0) take(whole, 1, all.narrow(0, whole * kPart, rest).view({1, rest}));
  at::Tensor norm = scratch.view({}, all.options().dtype(at::kDouble));
  return at::linalg_vector_norm_out(norm, temporaries.in_type(norms, at::kDouble), /*ord=*/2);
}

}  // namespace hyperfit::cuda
