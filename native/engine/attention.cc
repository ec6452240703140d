#include "engine/attention.h"

#include <ATen/ops/_softmax.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

#include "engine/matrix_product.h"
#include "engine/softcap.h"
#include "kernels/bfloat16_product.h"
#include "kernels/causal_attention.h"
#include "kernels/causal_softmax.h"
#include "kernels/decode_attention.h"
#include "kernels/enabled.h"

namespace hyperfit {
namespace {

// [B, H, T, D] -> [B*K, G*T, D]; [B, K, T, D] -> [B*K, T, D].
at::Tensor grouped(const at::Tensor& heads, int64_t key_value_heads) {
  const int64_t batch = heads.size(0), rows = heads.size(1) / key_value_heads * heads.size(2);
  return heads.reshape({batch * key_value_heads, rows, heads.size(3)});
}

}  // namespace

Attention::Attention(const ModelConfig& config) : config_(config) {}

bool Attention::by_kernel(const at::Tensor& scores) const { return config_.attention_softcap == 0 && kernels::takes_any(scores); }

bool Attention::by_whole_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const {
  return by_kernel(q) && kernels::takes_any(k, v) && q.scalar_type() == at::kBFloat16 && q.size(3) % 2 == 0 && kernels::multiplies_bfloat16();
}

kernels::CausalAttention Attention::whole(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t window) const {
  auto data = [](const at::Tensor& t) { return t.data_ptr<c10::BFloat16>(); };
  return {data(q), data(k), data(v), q.size(0), q.size(1), k.size(1), q.size(2), q.size(3), window, static_cast<float>(config_.query_scale)};
}

const at::Tensor& Attention::causal_mask(int64_t length, int64_t window, const at::TensorOptions& options) {
  at::Tensor& mask = masks_[window];
  if (mask.defined() && mask.size(0) == length) return mask;
  at::Tensor allowed = at::ones({length, length}, at::TensorOptions().dtype(at::kBool)).tril();
  if (window > 0) allowed = allowed.triu(1 - window);
  mask = at::zeros({length, length}, at::kFloat)
             .masked_fill_(allowed.logical_not(), -std::numeric_limits<float>::infinity())
             .to(options);
  return mask;
}

at::Tensor Attention::probabilities(const at::Tensor& q, const at::Tensor& k, int64_t window) {
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2);
  const int64_t kv = config_.num_key_value_heads;
  at::Tensor scores = scores_.view({batch * kv, heads / kv * length, length}, q.options());
  multiply_out(scores, grouped(q, kv), grouped(k, kv).transpose(1, 2));
  if (by_kernel(scores)) {
    const kernels::CausalRows rows{batch * heads, length, window};
    kernels::by_type(scores, [&](auto* values) { kernels::causal_softmax(values, rows, static_cast<float>(config_.query_scale)); });
    return scores;
  }
  scores.mul_(config_.query_scale);
  if (config_.attention_softcap > 0) {
    at::Tensor ratio = score_ratios_.view(scores.sizes(), q.options());
    softcap_(scores, config_.attention_softcap, ratio);
  }
  scores.view({batch * heads, length, length}).add_(causal_mask(length, window, q.options()));
  at::Tensor result = probabilities_.view(scores.sizes(), q.options());
  at::_softmax_out(result, scores, -1, /*half_to_float=*/false);
  return result;
}

void Attention::forward(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        int64_t window) {
  if (by_whole_kernel(q, k, v)) return kernels::causal_attention(whole(q, k, v, window), out.data_ptr<c10::BFloat16>());
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), size = q.size(3);
  at::Tensor p = probabilities(q, k, window);
  at::Tensor mixed = heads_.view({batch * config_.num_key_value_heads, p.size(1), size}, q.options());
  multiply_out(mixed, p, grouped(v, config_.num_key_value_heads));
  out.view({batch, length, heads, size}).copy_(mixed.view({batch, heads, length, size}).transpose(1, 2));
}

// dp, the gradient of the probabilities p [B*K, G*T, T], becomes that of the scores; p may be overwritten.
at::Tensor Attention::score_gradients(at::Tensor& dp, const at::Tensor& p, const kernels::CausalRows& rows) {
  if (by_kernel(dp)) {
    const auto scale = static_cast<float>(config_.query_scale);
    kernels::by_type(dp, [&]<class T>(T* values) { kernels::causal_softmax_backward(values, p.data_ptr<T>(), rows, scale); });
    return dp;
  }
  at::Tensor ds = scores_.view(p.sizes(), p.options());
  at::_softmax_backward_data_out(ds, dp, p, -1, p.scalar_type());
  if (config_.attention_softcap > 0) {
    at::Tensor ratio = score_ratios_.view(p.sizes(), p.options());  // of the probabilities just computed
    softcap_backward_(ds, ratio);
  }
  return ds.mul_(config_.query_scale);
}

void Attention::backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q,
                         const at::Tensor& k, const at::Tensor& v, int64_t window) {
  if (by_whole_kernel(q, k, v)) {
    auto data = [](const at::Tensor& t) { return t.data_ptr<c10::BFloat16>(); };
    return kernels::causal_attention_backward(whole(q, k, v, window), data(dout), data(dq), data(dk), data(dv));
  }
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), size = q.size(3);
  const int64_t kv = config_.num_key_value_heads;
  at::Tensor p = probabilities(q, k, window);  // [B*K, G*T, T]
  at::Tensor dmixed = heads_.view({batch, heads, length, size}, q.options());
  dmixed.copy_(dout.view({batch, length, heads, size}).transpose(1, 2));
  at::Tensor dm = dmixed.view({batch * kv, heads / kv * length, size});
  at::Tensor dp = score_gradients_.view(p.sizes(), q.options());
  at::Tensor dk_rows = dk.view({batch * kv, length, size}), dv_rows = dv.view({batch * kv, length, size});
  at::Tensor dq_rows = dq.view({batch * kv, heads / kv * length, size});

  multiply_out(dv_rows, p.transpose(1, 2), dm);
  multiply_out(dp, dm, grouped(v, kv).transpose(1, 2));
  const at::Tensor ds = score_gradients(dp, p, {batch * heads, length, window});
  multiply_out(dq_rows, ds, grouped(k, kv));
  multiply_out(dk_rows, ds.transpose(1, 2), grouped(q, kv));
}

DecodeSpan::DecodeSpan(const std::vector<int64_t>& positions, int64_t window) : last(positions) {
  for (int64_t position : positions) first.push_back(window > 0 ? std::max<int64_t>(0, position + 1 - window) : 0);
}

at::Tensor DecodeSpan::mask(int64_t cached, const at::TensorOptions& options) const {
  const bool ragged = std::any_of(last.begin(), last.end(), [&](int64_t p) { return p + 1 != cached; });
  const bool windowed = std::any_of(first.begin(), first.end(), [](int64_t p) { return p > 0; });
  if (!ragged && !windowed) return {};
  const float hidden = -std::numeric_limits<float>::infinity();
  at::Tensor mask = at::full({static_cast<int64_t>(last.size()), 1, 1, cached}, hidden, at::kFloat);
  for (size_t row = 0; row < last.size(); ++row) {
    mask.select(0, row).narrow(2, first[row], last[row] + 1 - first[row]).zero_();
  }
  return mask.to(options);
}

void Attention::decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span) {
  const int64_t batch = q.size(0), heads = q.size(1), size = q.size(3), cached = k.size(2);
  const int64_t kv = config_.num_key_value_heads;
  if (kernels::takes_alike(out, q) && k.stride(3) == 1 && k.stride(2) == size) {
    return kernels::by_type(out, [&]<class T>(T* to) {
      kernels::decode_attention<T, T>({to, q.data_ptr<T>(), k.data_ptr<T>(), v.data_ptr<T>(), k.stride(0), k.stride(1), heads, kv, size,
                                       static_cast<float>(config_.query_scale), static_cast<float>(config_.attention_softcap),
                                       batch, span.first.data(), span.last.data()});
    });
  }
  at::Tensor rows = q.reshape({batch * kv, heads / kv, size});
  at::Tensor scores = scores_.view({batch * kv, heads / kv, cached}, q.options());
  multiply_out(scores, rows, k.view({batch * kv, cached, size}).transpose(1, 2));
  scores.mul_(config_.query_scale);
  if (config_.attention_softcap > 0) softcap_(scores, config_.attention_softcap);
  if (at::Tensor mask = span.mask(cached, q.options()); mask.defined()) scores.view({batch, kv, heads / kv, cached}).add_(mask);
  at::Tensor p = probabilities_.view(scores.sizes(), q.options());
  at::_softmax_out(p, scores, -1, /*half_to_float=*/false);
  at::Tensor mixed = out.view({batch * kv, heads / kv, size});
  multiply_out(mixed, p, v.view({batch * kv, cached, size}));
}

int64_t Attention::workspace_bytes() const {
  return scores_.bytes() + probabilities_.bytes() + heads_.bytes() + score_gradients_.bytes() + score_ratios_.bytes();
}

}  // namespace hyperfit
