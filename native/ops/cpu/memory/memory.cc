#include <ATen/ops/empty.h>

#include "ops/cpu/memory/huge_pages.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {

at::Tensor empty(int64_t count, const at::TensorOptions& options) {
  at::Tensor fresh = at::empty({count}, options);
  ask_for_huge_pages(fresh);
  return fresh;
}

at::Tensor zeros(int64_t count, const at::TensorOptions& options) { return huge_zeros(count, options); }

}  // namespace hyperfit::cpu
