// Attention as batched products: the query heads that share a key head are rows of one product, so keys are never expanded.
// Source: Vaswani et al. 2017; Ainslie et al. 2023 (grouped queries).
#include <ATen/ops/_softmax.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

#include "ops/aten/table.h"

namespace hyperfit {

DecodeSpan::DecodeSpan(const std::vector<int64_t>& where, int64_t of_window) : last(where), window(of_window) {
  for (int64_t position : where) first.push_back(window > 0 ? std::max<int64_t>(0, position + 1 - window) : 0);
}

bool DecodeSpan::hides_any(int64_t cached) const {
  if (last.empty()) return true;  // the device alone knows
  const bool ragged = std::any_of(last.begin(), last.end(), [&](int64_t p) { return p + 1 != cached; });
  return ragged || std::any_of(first.begin(), first.end(), [](int64_t p) { return p > 0; });
}

namespace aten {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

// [B, H, T, D] -> [B*K, G*T, D]; [B, K, T, D] -> [B*K, T, D].
at::Tensor grouped(const at::Tensor& heads, int64_t key_value_heads) {
  const int64_t batch = heads.size(0), rows = heads.size(1) / key_value_heads * heads.size(2);
  return heads.reshape({batch * key_value_heads, rows, heads.size(3)});
}

// [T, T], 0 where attention is allowed and -inf elsewhere, made on the device.
at::Tensor causal_mask(int64_t length, int64_t window, const at::TensorOptions& options) {
  at::Tensor allowed = at::ones({length, length}, options.dtype(at::kBool)).tril_();
  if (window > 0) allowed.triu_(1 - window);
  return at::zeros({length, length}, options).masked_fill_(allowed.logical_not_(), kHidden);
}

// [B, 1, 1, S], made on the device.
const at::Tensor& decode_mask(const DecodeSpan& span, int64_t cached, const at::TensorOptions& options) {
  if (span.mask.defined()) return span.mask;
  const at::Tensor last = span.positions.unsqueeze(1), where = at::arange(cached, last.options());
  at::Tensor hidden = where.gt(last);
  if (span.window > 0) hidden.logical_or_(where.le(last.sub(span.window)));
  span.mask = at::zeros(hidden.sizes(), options).masked_fill_(hidden, kHidden).unsqueeze(1).unsqueeze(1);
  return span.mask;
}

// Computed again for the backward, which is cheaper than keeping B*H*T*T numbers a layer.
at::Tensor probabilities(const at::Tensor& q, const at::Tensor& k, const AttentionRule& rule, AttentionScratch& scratch) {
  const int64_t heads = q.size(1), kv = k.size(1), length = q.size(2);
  at::Tensor scores = scratch.scores.view({q.size(0) * kv, heads / kv * length, length}, q.options());
  scratch.ops.matmul(scores, grouped(q, kv), grouped(k, kv).transpose(1, 2), 0, {});
  return scratch.ops.causal_softmax(scores, rule, scratch);
}

}  // namespace

at::Tensor causal_softmax(at::Tensor& scores, const AttentionRule& rule, AttentionScratch& scratch) {
  scale(scores, rule.scale);
  if (rule.softcap > 0) softcap(scores, rule.softcap, scratch.score_ratios.view(scores.sizes(), scores.options()));
  const int64_t length = scores.size(2);
  scores.view({-1, length, length}).add_(scratch.causal_mask(length, rule.window, scores.options(), causal_mask));
  at::Tensor result = scratch.probabilities.view(scores.sizes(), scores.options());
  at::_softmax_out(result, scores, -1, /*half_to_float=*/false);
  return result;
}

at::Tensor causal_softmax_backward(at::Tensor& dp, const at::Tensor& p, const AttentionRule& rule, AttentionScratch& scratch) {
  at::Tensor ds = scratch.scores.view(p.sizes(), p.options());
  at::_softmax_backward_data_out(ds, dp, p, -1, p.scalar_type());
  if (rule.softcap > 0) {
    at::Tensor ratio = scratch.score_ratios.view(p.sizes(), p.options());  // of the probabilities just computed
    softcap_backward(ds, ratio);
  }
  scale(ds, rule.scale);
  return ds;
}

void attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule,
               AttentionScratch& scratch) {
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), size = q.size(3), kv = k.size(1);
  const at::Tensor p = probabilities(q, k, rule, scratch);
  at::Tensor mixed = scratch.heads.view({batch * kv, p.size(1), size}, q.options());
  scratch.ops.matmul(mixed, p, grouped(v, kv), 0, {});
  out.view({batch, length, heads, size}).copy_(mixed.view({batch, heads, length, size}).transpose(1, 2));
}

void attention_backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionRule& rule, AttentionScratch& scratch) {
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), size = q.size(3), kv = k.size(1);
  const Ops& ops = scratch.ops;
  const at::Tensor p = probabilities(q, k, rule, scratch);  // [B*K, G*T, T]
  at::Tensor dmixed = scratch.heads.view({batch, heads, length, size}, q.options());
  dmixed.copy_(dout.view({batch, length, heads, size}).transpose(1, 2));
  const at::Tensor dm = dmixed.view({batch * kv, heads / kv * length, size});
  at::Tensor dp = scratch.score_gradients.view(p.sizes(), q.options());
  at::Tensor dk_rows = dk.view({batch * kv, length, size}), dv_rows = dv.view({batch * kv, length, size});
  at::Tensor dq_rows = dq.view({batch * kv, heads / kv * length, size});

  ops.matmul(dv_rows, p.transpose(1, 2), dm, 0, {});
  ops.matmul(dp, dm, grouped(v, kv).transpose(1, 2), 0, {});
  const at::Tensor ds = ops.causal_softmax_backward(dp, p, rule, scratch);
  ops.matmul(dq_rows, ds, grouped(k, kv), 0, {});
  ops.matmul(dk_rows, ds.transpose(1, 2), grouped(q, kv), 0, {});
}

// Scores, probabilities, their gradients and the ratios of a soft cap, and the heads' mixtures.
int64_t attention_bytes(const AttentionShape& shape, const AttentionRule& rule) {
  const int64_t queries = shape.batch * shape.heads * shape.length;
  return queries * (shape.length * (rule.softcap > 0 ? 4 : 3) + shape.size) * static_cast<int64_t>(c10::elementSize(shape.dtype));
}

void attention_decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span,
                      const AttentionRule& rule, AttentionScratch& scratch) {
  const int64_t batch = q.size(0), heads = q.size(1), size = q.size(3), cached = k.size(2), kv = k.size(1);
  const at::Tensor rows = q.reshape({batch * kv, heads / kv, size});
  at::Tensor scores = scratch.scores.growing_view({batch * kv, heads / kv, cached}, q.options());
  scratch.ops.matmul(scores, rows, k.view({batch * kv, cached, size}).transpose(1, 2), 0, {});
  scale(scores, rule.scale);
  if (rule.softcap > 0) softcap(scores, rule.softcap, {});
  if (span.hides_any(cached)) scores.view({batch, kv, heads / kv, cached}).add_(decode_mask(span, cached, q.options()));
  at::Tensor p = scratch.probabilities.growing_view(scores.sizes(), q.options());
  at::_softmax_out(p, scores, -1, /*half_to_float=*/false);
  at::Tensor mixed = out.view({batch * kv, heads / kv, size});
  scratch.ops.matmul(mixed, p, v.view({batch * kv, cached, size}), 0, {});
}

}  // namespace aten
}  // namespace hyperfit
