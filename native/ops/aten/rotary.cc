#include <ATen/ops/index_put.h>
#include <ATen/ops/mul.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {

void rotate(at::Tensor out, const at::Tensor& x, const Rotation& rotation, double sign) {
  if (!rotation.cos.defined()) {
    out.copy_(x);
    return;
  }
  const int64_t half = x.size(-1) / 2;
  at::Tensor first = out.narrow(-1, 0, half), second = out.narrow(-1, half, half);
  const at::Tensor x1 = x.narrow(-1, 0, half), x2 = x.narrow(-1, half, half);
  at::mul_out(first, x1, rotation.cos);
  first.addcmul_(x2, rotation.sin, -sign);
  at::mul_out(second, x2, rotation.cos);
  second.addcmul_(x1, rotation.sin, sign);
}

void rotate_token(at::Tensor& turned_q, at::Tensor& turned_k, const CachePlace& place, const TokenHeads& heads, const Rotation& rotation) {
  rotate(turned_q, heads.q, rotation, 1);
  rotate(turned_k, heads.k, rotation, 1);
  const c10::List<std::optional<at::Tensor>> where({place.rows, std::nullopt, place.positions});
  at::Tensor keys = place.keys, values = place.values;
  keys.index_put_(where, turned_k.squeeze(2));
  values.index_put_(where, heads.v.squeeze(2));
}

}  // namespace hyperfit::aten
