#include <ATen/ops/sum.h>

#include "ops/arena.h"
#include "ops/cpu/by_type.h"
#include "ops/cpu/cross_entropy/cross_entropy.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {

void cross_entropy(at::Tensor& logits, const at::Tensor& targets, at::Tensor& loss) {
  const Temporaries temporaries;
  const at::Tensor losses = temporaries.empty({logits.size(0)}, at::kFloat);
  kernels::by_type(logits, [&](auto* values) {
    kernels::cross_entropy(values, losses.data_ptr<float>(), targets.data_ptr<int64_t>(), logits.size(0), logits.size(1));
  });
  at::sum_out(loss, losses, at::IntArrayRef{0}, /*keepdim=*/false, at::kDouble);
}

}  // namespace hyperfit::cpu
