#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <tuple>

#include "binding/operators/operators.h"

namespace hyperfit::binding {
namespace {

AttentionRule checked_rule(double scale, double softcap, int64_t window) {
  TORCH_CHECK(window >= 0 && softcap >= 0, "expected a window and a soft cap of at least 0, got ", window, " and ", softcap);
  return {scale, softcap, window};
}

// q [B, H, T, D]; k and v [B, K, S, D].
void check_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  check_computes(q, 4);
  check_computes(k, 4);
  check_alike(v, k);
  TORCH_CHECK(k.scalar_type() == q.scalar_type() && k.device() == q.device() && q.numel() > 0 && k.size(0) == q.size(0) &&
                  k.size(3) == q.size(3) && k.size(1) > 0 && q.size(1) % k.size(1) == 0,
              "expected queries [B, H, T, D] and keys [B, K, T, D] of one type, got ", q.toString(), q.sizes(), " and ", k.toString(),
              k.sizes());
}

void check_sequences(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  check_heads(q, k, v);
  TORCH_CHECK(k.size(2) == q.size(2), "expected as many keys as queries, got ", k.size(2), " and ", q.size(2));
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, double softcap, int64_t window) {
  check_sequences(q, k, v);
  const Ops& ops = select_ops(q.device());
  AttentionScratch scratch(ops);
  at::Tensor out = at::empty({q.size(0) * q.size(2), q.size(1) * q.size(3)}, q.options());
  ops.attention(out, q, k, v, checked_rule(scale, softcap, window), scratch);
  return out;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                                                                  const at::Tensor& v, double scale, double softcap, int64_t window) {
  check_sequences(q, k, v);
  check_computes(dout, 2);
  TORCH_CHECK(dout.scalar_type() == q.scalar_type() && dout.device() == q.device() && dout.size(0) == q.size(0) * q.size(2) &&
                  dout.size(1) == q.size(1) * q.size(3),
              "expected `dout` [B*T, H*D] of the queries' type, got ", dout.toString(), dout.sizes());
  const Ops& ops = select_ops(q.device());
  AttentionScratch scratch(ops);
  at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
  ops.attention_backward(dq, dk, dv, dout, q, k, v, checked_rule(scale, softcap, window), scratch);
  return {dq, dk, dv};
}

// q [B, H, 1, D]; row b stands at position positions[b].
at::Tensor attention_decode(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values, const at::Tensor& positions,
                            double scale, double softcap, int64_t window) {
  check_heads(q, keys, values);
  TORCH_CHECK(q.size(2) == 1, "expected one new position a row, got ", q.sizes());
  check_integers(positions, q.size(0), 0, keys.size(2), q);
  const Ops& ops = select_ops(q.device());
  AttentionScratch scratch(ops);
  const at::Tensor host = positions.cpu();
  const int64_t* values_of = host.const_data_ptr<int64_t>();
  DecodeSpan span(std::vector<int64_t>(values_of, values_of + host.numel()), window);
  span.positions = positions;
  at::Tensor out = at::empty({q.size(0), q.size(1) * q.size(3)}, q.options());
  ops.attention_decode(out, q, keys, values, span, checked_rule(scale, softcap, window), scratch);
  return out;
}

void check_scores(const at::Tensor& scores) {
  check_computes(scores, 3);
  TORCH_CHECK(scores.size(2) > 0 && scores.size(1) % scores.size(2) == 0, "expected scores [matrices, heads * T, T], got ", scores.sizes());
}

at::Tensor causal_softmax(const at::Tensor& scores, double scale, double softcap, int64_t window) {
  check_scores(scores);
  const Ops& ops = select_ops(scores.device());
  AttentionScratch scratch(ops);
  at::Tensor changed = scores.clone();
  return ops.causal_softmax(changed, checked_rule(scale, softcap, window), scratch);
}

// Without a soft cap, whose backward needs what the forward kept.
at::Tensor causal_softmax_backward(const at::Tensor& dp, const at::Tensor& p, double scale, int64_t window) {
  check_scores(p);
  check_alike(dp, p);
  const Ops& ops = select_ops(p.device());
  AttentionScratch scratch(ops);
  at::Tensor changed = dp.clone();
  return ops.causal_softmax_backward(changed, p, checked_rule(scale, 0, window), scratch);
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, double sign) {
  check_computes(x, 4);
  TORCH_CHECK(x.size(3) % 2 == 0 && x.numel() > 0, "expected heads [B, H, T, D] of an even size, got ", x.sizes());
  const std::vector<int64_t> shared = {x.size(2), x.size(3) / 2}, per_row = {x.size(0), 1, 1, x.size(3) / 2};
  check_float32(cos, cos.dim() == 4 ? per_row : shared, x);
  check_alike(sin, cos);
  TORCH_CHECK(cos.dim() == 2 || x.size(2) == 1, "expected one position for angles of each row, got ", x.sizes());
  at::Tensor out = at::empty_like(x);
  select_ops(x.device()).rotate(out, x, {cos, sin}, sign);
  return out;
}

/// Of one new position a row: q turned, and copies of keys and values [B, K, S, D] with k turned and v at `positions`.
std::tuple<at::Tensor, at::Tensor, at::Tensor> rotate_token(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                            const std::optional<at::Tensor>& cos, const std::optional<at::Tensor>& sin,
                                                            const at::Tensor& keys, const at::Tensor& values, const at::Tensor& positions) {
  check_heads(q, keys, values);
  check_computes(k, 4);
  check_alike(v, k);
  TORCH_CHECK(q.size(2) == 1 && k.scalar_type() == keys.scalar_type() && k.device() == keys.device() &&
                  k.sizes() == at::IntArrayRef({q.size(0), keys.size(1), 1, q.size(3)}),
              "expected keys [B, K, 1, D] of the cache's type, got ", k.toString(), k.sizes());
  check_integers(positions, q.size(0), 0, keys.size(2), q);
  Rotation rotation;
  if (cos && sin) {
    check_float32(*cos, {q.size(0), 1, 1, q.size(3) / 2}, q);
    check_alike(*sin, *cos);
    TORCH_CHECK(q.size(3) % 2 == 0, "expected heads of an even size, got ", q.sizes());
    rotation = {*cos, *sin};
  }
  at::Tensor turned_q = at::empty_like(q), turned_k = at::empty_like(k);
  const CachePlace place{keys.clone(), values.clone(), at::arange(q.size(0), positions.options()), positions};
  select_ops(q.device()).rotate_token(turned_q, turned_k, place, {q, k, v}, rotation);
  return {turned_q, place.keys, place.values};
}

}  // namespace

void define_attention(torch::Library& library) {
  library.def("attention(Tensor q, Tensor k, Tensor v, float scale, float softcap, int window) -> Tensor", &attention);
  library.def(
      "attention_backward(Tensor dout, Tensor q, Tensor k, Tensor v, float scale, float softcap, int window) -> (Tensor, Tensor, Tensor)",
      &attention_backward);
  library.def("attention_decode(Tensor q, Tensor keys, Tensor values, Tensor positions, float scale, float softcap, int window) -> Tensor",
              &attention_decode);
  library.def("causal_softmax(Tensor scores, float scale, float softcap, int window) -> Tensor", &causal_softmax);
  library.def("causal_softmax_backward(Tensor dp, Tensor p, float scale, int window) -> Tensor", &causal_softmax_backward);
  library.def("rotate(Tensor x, Tensor cos, Tensor sin, float sign) -> Tensor", &rotate);
  library.def(
      "rotate_token(Tensor q, Tensor k, Tensor v, Tensor? cos, Tensor? sin, Tensor keys, Tensor values, Tensor positions) "
      "-> (Tensor, Tensor, Tensor)",
      &rotate_token);
}

}  // namespace hyperfit::binding
