#include "binding/kernel_operators.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <tuple>
#include <type_traits>

#include "kernels/causal_softmax.h"
#include "kernels/cross_entropy.h"
#include "kernels/decode_attention.h"
#include "kernels/enabled.h"
#include "kernels/few_rows_linear.h"

namespace hyperfit::binding {
namespace {

// Pointers carry no sizes: what does not fit is refused here.
void check_takes(const at::Tensor& tensor, int64_t dimensions) {
  TORCH_CHECK(kernels::takes_any(tensor) && tensor.dim() == dimensions, "expected ", dimensions, " dimensions of float32 or bfloat16, dense, on the CPU, got ",
              tensor.toString(), tensor.sizes());
}
void check_alike(const at::Tensor& tensor, const at::Tensor& first) {
  TORCH_CHECK(kernels::takes_alike(first, tensor) && tensor.sizes() == first.sizes(), "expected ", first.toString(), first.sizes(), ", got ", tensor.toString(),
              tensor.sizes());
}
void check_integers(const at::Tensor& tensor, int64_t count, int64_t limit) {
  TORCH_CHECK(tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == at::kLong && tensor.dim() == 1 && tensor.size(0) == count, "expected int64 [",
              count, "], got ", tensor.toString(), tensor.sizes());
  const int64_t* values = tensor.data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) TORCH_CHECK(values[i] < limit, "expected numbers below ", limit, ", got ", values[i]);
}

at::Tensor few_rows_linear_operator(const at::Tensor& x, const at::Tensor& w, bool transposed, at::ScalarType dtype) {
  check_takes(x, 2);
  check_takes(w, 2);
  TORCH_CHECK(kernels::is_few_rows(x, w) && x.size(0) > 0 && w.size(transposed ? 0 : 1) == x.size(1) && x.size(1) > 0, "expected 1 to ", kernels::kFewRows,
              " rows and a weight of their type and size, got ", x.toString(), x.sizes(), " and ", w.toString(), w.sizes());
  TORCH_CHECK(dtype == at::kFloat || dtype == x.scalar_type(), "expected float32 or the type of `x` for `dtype`, got ", dtype);
  at::Tensor y = at::empty({x.size(0), w.size(transposed ? 1 : 0)}, x.options().dtype(dtype));
  transposed ? kernels::few_rows_linear_transposed(y, x, w) : kernels::few_rows_linear(y, x, w);
  return y;
}

std::tuple<at::Tensor, at::Tensor> cross_entropy_operator(const at::Tensor& logits, const at::Tensor& targets) {
  check_takes(logits, 2);
  check_integers(targets, logits.size(0), logits.size(1));
  at::Tensor gradient = logits.clone(), losses = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
  kernels::by_type(gradient, [&](auto* values) {
    kernels::cross_entropy(values, losses.data_ptr<float>(), targets.data_ptr<int64_t>(), logits.size(0), logits.size(1));
  });
  return {gradient, losses};
}

kernels::CausalRows rows_of(const at::Tensor& scores, int64_t window) {
  check_takes(scores, 3);
  TORCH_CHECK(scores.size(1) == scores.size(2) && scores.size(1) > 0 && window >= 0, "expected scores [matrices, T, T] and a window of at least 0, got ",
              scores.sizes(), " and ", window);
  return {scores.size(0), scores.size(1), window};
}

at::Tensor causal_softmax_operator(const at::Tensor& scores, int64_t window, double scale) {
  at::Tensor p = scores.clone();
  const kernels::CausalRows rows = rows_of(p, window);
  kernels::by_type(p, [&](auto* values) { kernels::causal_softmax(values, rows, static_cast<float>(scale)); });
  return p;
}

at::Tensor causal_softmax_backward_operator(const at::Tensor& dp, const at::Tensor& p, int64_t window, double scale) {
  check_alike(dp, p);
  at::Tensor ds = dp.clone();
  const kernels::CausalRows rows = rows_of(ds, window);
  kernels::by_type(ds, [&]<class T>(T* values) { kernels::causal_softmax_backward<T>(values, p.data_ptr<T>(), rows, static_cast<float>(scale)); });
  return ds;
}

// q [B, H, D]; keys and values [B, K, S, D]; row b looks at positions first[b] .. last[b].
at::Tensor decode_attention_operator(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values, const at::Tensor& first, const at::Tensor& last,
                                     double scale, double softcap) {
  check_takes(q, 3);
  check_takes(keys, 4);
  check_alike(values, keys);
  TORCH_CHECK(kernels::takes_alike(q, keys) && keys.size(0) == q.size(0) && keys.size(3) == q.size(2) && q.size(1) % keys.size(1) == 0 && q.size(0) > 0,
              "expected queries [B, H, D] and keys [B, K, S, D] of one type, got ", q.toString(), q.sizes(), " and ", keys.toString(), keys.sizes());
  check_integers(first, q.size(0), keys.size(2));
  check_integers(last, q.size(0), keys.size(2));
  at::Tensor out = at::empty_like(q);
  kernels::by_type(out, [&]<class T>(T* to) {
    kernels::decode_attention<T, T>({to, q.data_ptr<T>(), keys.data_ptr<T>(), values.data_ptr<T>(), keys.stride(0), keys.stride(1), q.size(1), keys.size(1), q.size(2),
                                     static_cast<float>(scale), static_cast<float>(softcap), q.size(0), first.data_ptr<int64_t>(), last.data_ptr<int64_t>()});
  });
  return out;
}

}  // namespace

void define_kernel_operators(torch::Library& library) {
  library.def("few_rows_linear(Tensor x, Tensor w, bool transposed, ScalarType dtype) -> Tensor", &few_rows_linear_operator);
  library.def("cross_entropy(Tensor logits, Tensor targets) -> (Tensor, Tensor)", &cross_entropy_operator);
  library.def("causal_softmax(Tensor scores, int window, float scale) -> Tensor", &causal_softmax_operator);
  library.def("causal_softmax_backward(Tensor dp, Tensor p, int window, float scale) -> Tensor", &causal_softmax_backward_operator);
  library.def("decode_attention(Tensor q, Tensor keys, Tensor values, Tensor first, Tensor last, float scale, float softcap) -> Tensor", &decode_attention_operator);
}

}  // namespace hyperfit::binding
