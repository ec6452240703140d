#include "ops/aten/table.h"
#include "ops/cpu/attention/causal_attention.h"
#include "ops/cpu/attention/causal_softmax.h"
#include "ops/cpu/attention/decode_attention.h"
#include "ops/cpu/by_type.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {
namespace {

bool has_whole_kernel(const AttentionRule& rule) { return rule.softcap == 0 && kernels::has_causal_attention(); }

template <class T>
kernels::CausalAttention<T> whole(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule) {
  return {.q = q.data_ptr<T>(),
          .k = k.data_ptr<T>(),
          .v = v.data_ptr<T>(),
          .batch = q.size(0),
          .heads = q.size(1),
          .key_value_heads = k.size(1),
          .length = q.size(2),
          .size = q.size(3),
          .window = rule.window,
          .scale = static_cast<float>(rule.scale)};
}

// scores [B*K, G*T, T]
kernels::CausalRows rows_of(const at::Tensor& scores, const AttentionRule& rule) {
  const int64_t length = scores.size(2);
  return {scores.size(0) * scores.size(1) / length, length, rule.window};
}

}  // namespace

void attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule,
               AttentionScratch& scratch) {
  if (!has_whole_kernel(rule)) return aten::attention(out, q, k, v, rule, scratch);
  kernels::by_type(out, [&]<class T>(T* to) { kernels::causal_attention(whole<T>(q, k, v, rule), to); });
}

void attention_backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionRule& rule, AttentionScratch& scratch) {
  if (!has_whole_kernel(rule)) return aten::attention_backward(dq, dk, dv, dout, q, k, v, rule, scratch);
  kernels::by_type(dq, [&]<class T>(T* to) {
    kernels::causal_attention_backward(whole<T>(q, k, v, rule), dout.data_ptr<T>(), to, dk.data_ptr<T>(), dv.data_ptr<T>());
  });
}

// Without a soft cap probabilities stand where the scores did.
int64_t attention_bytes(const AttentionShape& shape, const AttentionRule& rule) {
  if (has_whole_kernel(rule)) return 0;
  const int64_t queries = shape.batch * shape.heads * shape.length;
  const int64_t probabilities = rule.softcap > 0 ? 0 : queries * shape.length * static_cast<int64_t>(c10::elementSize(shape.dtype));
  return aten::attention_bytes(shape, rule) - probabilities;
}

void attention_decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span,
                      const AttentionRule& rule, AttentionScratch&) {
  kernels::by_type(out, [&]<class T>(T* to) {
    kernels::decode_attention<T, T>({.out = to,
                                     .q = q.data_ptr<T>(),
                                     .keys = k.data_ptr<T>(),
                                     .values = v.data_ptr<T>(),
                                     .batch_stride = k.stride(0),
                                     .head_stride = k.stride(1),
                                     .heads = q.size(1),
                                     .key_value_heads = k.size(1),
                                     .head_dim = q.size(3),
                                     .scale = static_cast<float>(rule.scale),
                                     .softcap = static_cast<float>(rule.softcap),
                                     .batch = q.size(0),
                                     .first = span.first.data(),
                                     .last = span.last.data()});
  });
}

at::Tensor causal_softmax(at::Tensor& scores, const AttentionRule& rule, AttentionScratch& scratch) {
  if (rule.softcap > 0) return aten::causal_softmax(scores, rule, scratch);
  kernels::by_type(scores, [&](auto* values) { kernels::causal_softmax(values, rows_of(scores, rule), static_cast<float>(rule.scale)); });
  return scores;
}

at::Tensor causal_softmax_backward(at::Tensor& dp, const at::Tensor& p, const AttentionRule& rule, AttentionScratch& scratch) {
  if (rule.softcap > 0) return aten::causal_softmax_backward(dp, p, rule, scratch);
  kernels::by_type(dp, [&]<class T>(T* values) {
    kernels::causal_softmax_backward(values, p.data_ptr<T>(), rows_of(dp, rule), static_cast<float>(rule.scale));
  });
  return dp;
}

}  // namespace hyperfit::cpu
