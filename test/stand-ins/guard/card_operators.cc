#include "card_operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "last_operator.h"
#include "memory.h"
#include "recorder.h"

// Source of what is refused: libtorch's aten/src/ATen/native/{cuda/layer_norm_kernel.cu, transformers/cuda/attention.cu,
// attention_backward.cu}.

namespace guard {
namespace {

using torch::jit::Stack;

std::unique_ptr<torch::Library> library;  // while it stands, the operators are there
int64_t refused_size = 0;

/// Arguments of one boxed call, by place.
class Call {
 public:
  Call(const c10::OperatorHandle& op, Stack& stack) : stack_(stack), count_(op.schema().arguments().size()), first_(stack.size() - count_) {
    for (size_t i = first_; i < stack.size(); ++i) {
      if (stack[i].isTensor() && stack[i].toTensor().defined() && stack[i].toTensor().is_privateuseone())
        device_ = stack[i].toTensor().device();
    }
    enter_operator(c10::toString(op.operator_name()), device_.index());
  }
  const c10::IValue& operator[](size_t index) const { return stack_[first_ + index]; }
  /// Device tensor `index` as the CPU sees it.
  at::Tensor host(size_t index) const {
    const at::Tensor& tensor = (*this)[index].toTensor();
    TORCH_CHECK(tensor.device() == device_, "Expected all tensors to be on the same device, but got one on ", tensor.device());
    return behind(tensor);
  }
  at::Tensor on_device(const at::Tensor& made) const {
    at::Tensor there = at::empty(made.sizes(), made.options().device(device_));
    behind(there).copy_(made);
    return there;
  }
  void finish(std::vector<c10::IValue> results) {
    stack_.resize(first_);
    for (c10::IValue& result : results) stack_.push_back(std::move(result));
  }

 private:
  Stack& stack_;
  size_t count_, first_;
  c10::Device device_{c10::kPrivateUse1, 0};
};

bool is_low(const at::Tensor& tensor) { return tensor.scalar_type() == at::kBFloat16 || tensor.scalar_type() == at::kHalf; }

// mm.dtype_out(self, mat2, out_dtype, *, out)
void mm_dtype_out(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op, *stack);
  const at::Tensor a = call.host(0), b = call.host(1), out = call.host(3);
  TORCH_CHECK(is_low(a) && a.scalar_type() == b.scalar_type() && out.scalar_type() == at::kFloat && out.is_contiguous(),
              "out_dtype is of half types into float32");
  out.copy_(at::mm(a.to(at::kFloat), b.to(at::kFloat)));
  call.finish({call[3]});
}

// addmm.dtype_out(self, mat1, mat2, out_dtype, *, beta, alpha, out)
void addmm_dtype_out(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op, *stack);
  const at::Tensor self = call.host(0), a = call.host(1), b = call.host(2), out = call.host(6);
  TORCH_CHECK(is_low(a) && a.scalar_type() == b.scalar_type() && out.scalar_type() == at::kFloat && out.is_contiguous(),
              "out_dtype is of half types into float32");
  out.copy_(at::addmm(self, a.to(at::kFloat), b.to(at::kFloat), call[4].toScalar(), call[5].toScalar()));
  call.finish({call[6]});
}

void check_norm(const at::Tensor& x, const at::Tensor& weight) {
  TORCH_CHECK(x.scalar_type() == weight.scalar_type(), "expected scalar type ", x.scalar_type(), " but found ", weight.scalar_type());
}

// _fused_rms_norm(input, normalized_shape, weight, eps)
void fused_rms_norm(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op, *stack);
  const at::Tensor x = call.host(0), weight = call.host(2);
  check_norm(x, weight);
  const at::Tensor rstd = x.to(at::kFloat).square().mean({-1}, /*keepdim=*/true).add(call[3].toDouble()).rsqrt();
  call.finish({call.on_device(x.mul(rstd).mul(weight).to(x.scalar_type())), call.on_device(rstd)});
}

// _fused_rms_norm_backward(grad_out, input, normalized_shape, rstd, weight, output_mask)
void fused_rms_norm_backward(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op, *stack);
  const at::Tensor dy = call.host(0), x = call.host(1), rstd = call.host(3), weight = call.host(4);
  check_norm(x, weight);
  check_norm(x, dy);
  const at::Tensor normed = x.mul(rstd), inner = dy.mul(weight);
  const at::Tensor dx = inner.sub(normed.mul(normed.mul(inner).mean({-1}, /*keepdim=*/true))).mul(rstd);
  call.finish({call.on_device(dx), call.on_device(dy.mul(normed).sum(0))});
}

// [B, T, H, D] -> [B, H, T, D] in float32, of keys a copy for each of `heads`.
at::Tensor heads_of(const at::Tensor& x, int64_t heads) {
  TORCH_CHECK(x.dim() == 4 && x.stride(-1) == 1, "Input tensor must have contiguous last dimension");
  return x.transpose(1, 2).to(at::kFloat).repeat_interleave(heads / x.size(2), 1);
}

at::Tensor causal_scores(const at::Tensor& q, const at::Tensor& k, double scale) {
  const at::Tensor hidden = at::ones({q.size(2), k.size(2)}, at::kBool).triu(1);
  return q.matmul(k.transpose(2, 3)).mul(scale).masked_fill(hidden, -std::numeric_limits<float>::infinity());
}

double scale_of(const c10::IValue& scale, const at::Tensor& q) {
  return scale.isNone() ? 1 / std::sqrt(static_cast<double>(q.size(-1))) : scale.toDouble();
}

// _flash_attention_forward(query, key, value, cum_seq_q, cum_seq_k, max_q, max_k, dropout_p, is_causal, return_debug_mask, *, scale, ...)
void flash_attention_forward(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op, *stack);
  const at::Tensor q = call.host(0), k = call.host(1), v = call.host(2);
  TORCH_CHECK(is_low(q), "FlashAttention only support fp16 and bf16 data type");
  TORCH_CHECK(q.size(3) % 8 == 0 && q.size(3) <= 256, "FlashAttention forward only supports head dimension at most 256, a multiple of 8");
  TORCH_CHECK(q.size(2) % k.size(2) == 0, "Number of heads in key/value must divide number of heads in query");
  TORCH_CHECK(call[8].toBool() && call[3].isNone() && call[4].isNone(), "guard: expected causal attention of a dense batch");
  const int64_t heads = q.size(2);
  const at::Tensor scores = causal_scores(heads_of(q, heads), heads_of(k, heads), scale_of(call[10], q));
  const at::Tensor out = at::softmax(scores, -1).matmul(heads_of(v, heads)).transpose(1, 2).contiguous().to(q.scalar_type());
  const at::Tensor nothing = at::zeros({0});
  call.finish({call.on_device(out), call.on_device(at::logsumexp(scores, {-1})), call.on_device(nothing), call.on_device(nothing),
               call.on_device(nothing)});
}

void check_alike_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  TORCH_CHECK(q.size(-1) != refused_size, "cutlassF: no kernel found to launch!");
  for (const at::Tensor& x : {q, k, v}) {
    TORCH_CHECK(x.dim() == 4 && x.stride(-1) == 1, "must be contiguous at the last dimension");
    TORCH_CHECK(x.size(2) == q.size(2) && x.scalar_type() == q.scalar_type(), "query.size(2) == key.size(2)");
  }
}

// Sums are padded to 32 positions.
at::Tensor padded_sums(const at::Tensor& scores) {
  const int64_t length = scores.size(2);
  at::Tensor sums = at::full({scores.size(0), scores.size(1), (length + 31) / 32 * 32}, std::numeric_limits<float>::infinity());
  sums.narrow(2, 0, length).copy_(at::logsumexp(scores, {-1}));
  return sums;
}

// _efficient_attention_forward(query, key, value, bias, cu_seqlens_q, cu_seqlens_k, max_q, max_k, dropout_p, mask, compute_log_sumexp, *,
// scale, ...)
void efficient_attention_forward(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op, *stack);
  const at::Tensor q = call.host(0), k = call.host(1), v = call.host(2);
  check_alike_heads(q, k, v);
  TORCH_CHECK(call[9].toInt() == 1, "guard: expected a causal mask");
  const int64_t heads = q.size(2);
  const at::Tensor scores = causal_scores(heads_of(q, heads), heads_of(k, heads), scale_of(call[11], q));
  const at::Tensor out = at::softmax(scores, -1).matmul(heads_of(v, heads)).transpose(1, 2).contiguous().to(q.scalar_type());
  const at::Tensor sums = call[10].toBool() ? padded_sums(scores) : at::zeros({q.size(0), heads, 0});
  const at::Tensor nothing = at::zeros({}, at::kLong);
  call.finish({call.on_device(out), call.on_device(sums), call.on_device(nothing), call.on_device(nothing), q.size(1), k.size(1)});
}

// _efficient_attention_backward(grad_out_, query, key, value, bias, out, cu_seqlens_q, cu_seqlens_k, max_q, max_k, logsumexp, dropout_p,
// philox_seed, philox_offset, mask, bias_requires_grad, *, scale, num_splits_key, ...)
void efficient_attention_backward(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op, *stack);
  const at::Tensor dout = call.host(0), q = call.host(1), k = call.host(2), v = call.host(3), out = call.host(5), sums = call.host(10);
  check_alike_heads(q, k, v);
  const int64_t heads = q.size(2), length = q.size(1);
  TORCH_CHECK(out.is_contiguous() && out.sizes() == q.sizes() && dout.sizes() == q.sizes(), "expected out as the forward gave it");
  TORCH_CHECK(sums.size(2) == (length + 31) / 32 * 32, "expected the sums of a forward that was asked for them");
  TORCH_CHECK(call[17].isInt() && call[17].toInt() == 1, "guard: keys in several parts are added up in any order");
  const double scale = scale_of(call[16], q);
  const at::Tensor queries = heads_of(q, heads), keys = heads_of(k, heads), values = heads_of(v, heads), d = heads_of(dout, heads);
  const at::Tensor p = causal_scores(queries, keys, scale).sub(sums.narrow(2, 0, length).unsqueeze(3)).exp();
  const at::Tensor dp = d.matmul(values.transpose(2, 3)), delta = d.mul(heads_of(out, heads)).sum(-1, /*keepdim=*/true);
  const at::Tensor ds = p.mul(dp.sub(delta)).mul(scale);
  const auto back = [&](const at::Tensor& gradient) { return call.on_device(gradient.transpose(1, 2).contiguous().to(q.scalar_type())); };
  call.finish({back(ds.matmul(keys)), back(ds.transpose(2, 3).matmul(queries)), back(p.transpose(2, 3).matmul(d)), at::Tensor()});
}

/// Runs, or is recorded: of what is written in place nothing runs then, of the rest what has to for the results' shapes.
template <auto Function>
void recorded(const c10::OperatorHandle& op, Stack* stack) {
  const size_t count = op.schema().arguments().size();
  const Stack given(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
  const auto tensor = std::find_if(given.begin(), given.end(),
                                   [](const c10::IValue& value) { return value.isTensor() && value.toTensor().is_privateuseone(); });
  Recording* recording = capturing(tensor->toTensor().device().index());
  if (recording == nullptr) return Function(op, stack);
  const bool in_place = op.schema().returns().front().alias_info() != nullptr;
  std::vector<at::Tensor> results;
  if (in_place) {
    stack->resize(stack->size() - count);
    stack->push_back(given.back());
  } else {
    Function(op, stack);
    for (auto result = stack->end() - static_cast<std::ptrdiff_t>(op.schema().returns().size()); result != stack->end(); ++result) {
      results.push_back(result->isTensor() && result->toTensor().defined() ? behind(result->toTensor()) : at::Tensor());
    }
  }
  recording->add({}, [op, given, results] {
    Stack again = given;
    Function(op, &again);
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].defined()) results[i].copy_(behind(again[i].toTensor()));
    }
  });
}

template <auto Function>
torch::CppFunction boxed() {
  return torch::CppFunction::makeFromBoxedFunction<&recorded<Function>>();
}

}  // namespace

void register_card_operators(int64_t size) {
  refused_size = size;
  library = std::make_unique<torch::Library>(torch::Library::IMPL, "aten", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  library->impl("mm.dtype_out", boxed<&mm_dtype_out>());
  library->impl("addmm.dtype_out", boxed<&addmm_dtype_out>());
  library->impl("_fused_rms_norm", boxed<&fused_rms_norm>());
  library->impl("_fused_rms_norm_backward", boxed<&fused_rms_norm_backward>());
  library->impl("_flash_attention_forward", boxed<&flash_attention_forward>());
  library->impl("_efficient_attention_forward", boxed<&efficient_attention_forward>());
  library->impl("_efficient_attention_backward", boxed<&efficient_attention_backward>());
}

void forget_card_operators() { library.reset(); }

}  // namespace guard
