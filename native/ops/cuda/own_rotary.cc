#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {
namespace {

HeadStrides strides_of(const at::Tensor& heads) { return {heads.stride(0), heads.stride(1), heads.stride(2)}; }

bool is_heads(const at::Tensor& tensor) { return (is_float(tensor) || is_bfloat16(tensor)) && tensor.dim() == 4 && tensor.stride(3) == 1; }

bool takes(const at::Tensor& out, const at::Tensor& x, const Rotation& rotation) {
  if (!rotation.cos.defined()) return false;
  const at::Tensor &cos = rotation.cos, &sin = rotation.sin;
  return is_heads(out) && is_heads(x) && out.scalar_type() == x.scalar_type() && out.sizes() == x.sizes() && is_float(cos) &&
         is_float(sin) && cos.stride(-1) == 1 && cos.strides() == sin.strides() && x.size(3) % 2 == 0;
}

HeadSizes sizes_of(const at::Tensor& x, const at::Tensor& angles) {
  const bool per_row = angles.dim() == 4;
  return {x.size(0), x.size(1), x.size(2), x.size(3) / 2, per_row ? angles.stride(0) : 0, per_row ? 0 : angles.stride(0)};
}

}  // namespace

void rotate(at::Tensor out, const at::Tensor& x, const Rotation& rotation, double sign) {
  const auto& [cos, sin] = rotation;
  const bool done =
      takes(out, x, rotation) &&
      HYPERFIT_LAUNCH_BY_TYPE("rotate", rotate, out, blocks_for(x.size(0) * x.size(1) * x.size(2), kThreads / kWarp), data_of(out),
                              data_of(x), data_of(cos), data_of(sin), sign, sizes_of(x, cos), strides_of(out), strides_of(x));
  if (!done) libtorch_rows(x.device()).rotate(out, x, rotation, sign);
}

// A kernel takes what stands dense within a head; angles are of one position a row.
void rotate_token(at::Tensor& turned_q, at::Tensor& turned_k, const CachePlace& place, const TokenHeads& heads, const Rotation& rotation) {
  const auto& [q, k, v] = heads;
  const auto& [cos, sin] = rotation;
  const auto fits = [type = q.scalar_type()](const at::Tensor& tensor) { return is_heads(tensor) && tensor.scalar_type() == type; };
  const bool turns = cos.defined();
  const bool plain = fits(q) && fits(k) && fits(v) && fits(place.keys) && fits(place.values) && fits(turned_q) &&
                     turned_q.is_contiguous() && place.positions.is_contiguous() &&
                     q.size(0) * (q.size(1) + 2 * k.size(1)) < (int64_t{1} << 30) &&
                     (!turns || (cos.dim() == 4 && takes(turned_q, q, rotation)));
  const TokenSizes sizes{q.size(0), q.size(1), k.size(1), q.size(3), turns ? cos.stride(0) : 0};
  const TokenStrides strides{strides_of(q), strides_of(k), strides_of(v), strides_of(place.keys), strides_of(place.values)};
  const bool done =
      plain && HYPERFIT_LAUNCH_BY_TYPE("rotate", rotate_token, q, blocks_for(sizes.batch * (sizes.heads + 2 * sizes.kv), kThreads / kWarp),
                                       data_of(turned_q), data_of(place.keys), data_of(place.values), data_of(q), data_of(k), data_of(v),
                                       data_of(cos), data_of(sin), data_of(place.positions), sizes, strides);
  if (!done) libtorch_rows(q.device()).rotate_token(turned_q, turned_k, place, heads, rotation);
}

}  // namespace hyperfit::cuda::own
