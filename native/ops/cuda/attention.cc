// Attention of whole sequences by libtorch's fused kernels, which hold no scores in memory: flash (Dao 2023, arXiv 2307.08691) for a
// forward pass in bfloat16, the memory-efficient one (Rabe and Staats 2021, arXiv 2112.05682) for float32 and for every backward. Flash's
// backward adds up by atomics unless the whole process is told otherwise; the other one does not, of keys that are not split.
#include <ATen/ops/_efficient_attention_backward.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/sum.h>
#include <c10/util/Exception.h>

#include <mutex>
#include <set>
#include <utility>

#include "ops/arena.h"
#include "ops/aten/table.h"
#include "ops/cuda/table.h"

namespace hyperfit::cuda {
namespace {

constexpr int64_t kCausal = 1;        // libtorch's CustomMaskType::CausalFromTopLeft
constexpr int64_t kUnsplitKeys = 1;   // each gradient is summed up by one block, in one order
constexpr int64_t kFlashMultiple = 8, kFlashSize = 256;  // of a head
constexpr int64_t kSumMultiple = 32;  // positions to which the kernel pads its sums

/// Cards, types and sizes of heads that the kernels were built for are theirs to know. What one refuses is computed operator by operator
/// from then on.
class Refusals {
 public:
  bool has(const at::Tensor& q) {
    const std::lock_guard lock(mutex_);
    return refused_.contains(key(q));
  }
  void add(const at::Tensor& q, const c10::Error& why) {
    TORCH_WARN("attention of ", q.toString(), q.sizes(),
               " goes operator by operator, since libtorch's fused kernel refused it: ", why.what_without_backtrace());
    const std::lock_guard lock(mutex_);
    refused_.insert(key(q));
  }

 private:
  static std::pair<at::ScalarType, int64_t> key(const at::Tensor& q) { return {q.scalar_type(), q.size(3)}; }
  std::mutex mutex_;
  std::set<std::pair<at::ScalarType, int64_t>> refused_;
};

Refusals& refusals() {
  static auto* made = new Refusals();
  return *made;
}

// The kernels know no soft cap, and none of them was seen with a window.
bool is_plain_causal(const AttentionRule& rule, int64_t length) { return rule.softcap == 0 && (rule.window == 0 || rule.window >= length); }

template <class Fused, class Plain>
void fused_or_plain(const at::Tensor& q, const AttentionRule& rule, const Fused& fused, const Plain& plain) {
  if (!is_plain_causal(rule, q.size(2)) || refusals().has(q)) return plain();
  try {
    fused();
    return;
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::AcceleratorError&) {
    throw;
  } catch (const c10::Error& error) {
    refusals().add(q, error);
  }
  plain();
}

// [B, H, T, D] -> [B, T, H, D], and back.
at::Tensor turned(const at::Tensor& heads) { return heads.transpose(1, 2); }

// [B, K, T, D] -> [B, T, H, D]: each query head's own keys.
at::Tensor repeated(const at::Tensor& keys, int64_t heads, const Temporaries& temporaries) {
  const int64_t batch = keys.size(0), kv = keys.size(1), length = keys.size(2), size = keys.size(3);
  if (kv == heads) return turned(keys);
  const at::Tensor own = temporaries.empty({batch, length, heads, size}, keys.options());
  own.view({batch, length, kv, heads / kv, size}).copy_(turned(keys).unsqueeze(3));
  return own;
}

// The gradient of `repeated`.
void sum_repeated(const at::Tensor& gradient, const at::Tensor& repeated_gradient) {
  const int64_t batch = gradient.size(0), kv = gradient.size(1), length = gradient.size(2), size = gradient.size(3);
  at::Tensor there = turned(gradient);
  if (kv == repeated_gradient.size(2)) {
    there.copy_(repeated_gradient);
  } else {
    at::sum_out(there, repeated_gradient.view({batch, length, kv, -1, size}), at::IntArrayRef{3});
  }
}

bool flash_takes(const at::Tensor& q) {
  return q.scalar_type() == at::kBFloat16 && q.size(3) % kFlashMultiple == 0 && q.size(3) <= kFlashSize;
}

at::Tensor mixed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) {
  const int64_t length = q.size(2), heads = q.size(1);
  if (flash_takes(q)) {
    return std::get<0>(at::_flash_attention_forward(turned(q), turned(k), turned(v), /*cum_seq_q=*/{}, /*cum_seq_k=*/{}, length, length,
                                                    /*dropout_p=*/0,
                                                    /*is_causal=*/true, /*return_debug_mask=*/false, scale));
  }
  const Temporaries temporaries;
  return std::get<0>(
      at::_efficient_attention_forward(turned(q), repeated(k, heads, temporaries), repeated(v, heads, temporaries), /*bias=*/{},
                                       /*cu_seqlens_q=*/{}, /*cu_seqlens_k=*/{}, /*max_seqlen_q=*/std::nullopt,
                                       /*max_seqlen_k=*/std::nullopt, /*dropout_p=*/0, kCausal, /*compute_log_sumexp=*/false, scale));
}

// The forward is computed again, as the plain form does too: cheaper than keeping its sums of every layer.
void mixed_backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v, double scale) {
  const int64_t length = q.size(2), heads = q.size(1);
  const Temporaries temporaries;
  const at::Tensor queries = turned(q), keys = repeated(k, heads, temporaries), values = repeated(v, heads, temporaries);
  const auto [out, sums, seed, offset, longest_query, longest_key] = at::_efficient_attention_forward(
      queries, keys, values, /*bias=*/{}, /*cu_seqlens_q=*/{}, /*cu_seqlens_k=*/{}, /*max_seqlen_q=*/std::nullopt,
      /*max_seqlen_k=*/std::nullopt, /*dropout_p=*/0, kCausal, /*compute_log_sumexp=*/true, scale);
  const auto [query_gradient, key_gradient, value_gradient, bias_gradient] = at::_efficient_attention_backward(
      dout.view(out.sizes()), queries, keys, values, /*bias=*/{}, out, /*cu_seqlens_q=*/{}, /*cu_seqlens_k=*/{}, length, length, sums,
      /*dropout_p=*/0, seed, offset, kCausal, /*bias_requires_grad=*/false, scale, kUnsplitKeys);
  turned(dq).copy_(query_gradient);
  sum_repeated(dk, key_gradient);
  sum_repeated(dv, value_gradient);
}

}  // namespace

void attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule,
               AttentionScratch& scratch) {
  fused_or_plain(
      q, rule, [&] { out.view({q.size(0), q.size(2), q.size(1), q.size(3)}).copy_(mixed(q, k, v, rule.scale)); },
      [&] { aten::attention(out, q, k, v, rule, scratch); });
}

void attention_backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionRule& rule, AttentionScratch& scratch) {
  fused_or_plain(
      q, rule, [&] { mixed_backward(dq, dk, dv, dout, q, k, v, rule.scale); },
      [&] { aten::attention_backward(dq, dk, dv, dout, q, k, v, rule, scratch); });
}

// Of the backward: what the heads mixed, their keys and values, three gradients, and two sums a query in float32.
int64_t attention_bytes(const AttentionShape& shape, const AttentionRule& rule) {
  if (!is_plain_causal(rule, shape.length)) return aten::attention_bytes(shape, rule);
  const int64_t queries = shape.batch * shape.heads * shape.length;
  const int64_t padded = (shape.length + kSumMultiple - 1) / kSumMultiple * kSumMultiple;
  return 6 * queries * shape.size * static_cast<int64_t>(c10::elementSize(shape.dtype)) +
         shape.batch * shape.heads * (padded + shape.length) * 4;
}

}  // namespace hyperfit::cuda
