#include <ATen/ops/where.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {

void penalise(at::Tensor& logits, const at::Tensor& penalties, const at::Tensor& seen) {
  const at::Tensor penalised = at::where(logits.lt(0), logits.mul(penalties), logits.div(penalties));
  logits.copy_(at::where(seen, penalised, logits));
}

}  // namespace hyperfit::aten
