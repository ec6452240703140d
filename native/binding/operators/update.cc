#include <ATen/ops/empty.h>

#include <tuple>

#include "binding/operators/operators.h"

namespace hyperfit::binding {
namespace {

at::Tensor norm_of(at::TensorList tensors) {
  TORCH_CHECK(!tensors.empty(), "expected at least one tensor, got none");
  for (const at::Tensor& tensor : tensors) check_float32(tensor, tensor.sizes(), tensors[0]);
  const Ops& ops = select_ops(tensors[0].device());
  Buffer scratch(ops);
  return ops.norm_of(tensors.vec(), scratch);
}

/// What a device has in the place of the host's numbers; each may be missing.
struct DeviceNumbers {
  const std::optional<at::Tensor>&divisor, &found_inf, &learning_rate, &step;
};

/// Over copies of all that is written to.
AdamWUpdate update_of(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq,
                      int64_t step, double learning_rate, double beta1, double beta2, double eps, double weight_decay, double grad_scale,
                      const DeviceNumbers& there) {
  TORCH_CHECK(step > 0, "expected a step from 1, got ", step);
  for (const at::Tensor& tensor : {values, gradients}) check_float32(tensor, {values.numel()}, values);
  const auto number = [&](const std::optional<at::Tensor>& given) {
    if (!given) return at::Tensor();
    check_float32(*given, {}, values);
    TORCH_CHECK(!values.is_cpu(), "expected numbers of the host on the CPU, got tensors of them");
    return *given;
  };
  return {.values = values.clone(),
          .exp_avg = exp_avg.clone(),
          .exp_avg_sq = exp_avg_sq.clone(),
          .exp_avg_absmax = {},
          .exp_avg_sq_absmax = {},
          .gradients = gradients.clone(),
          .rounded = at::empty(values.sizes(), values.options().dtype(at::kBFloat16)),
          .step = step,
          .learning_rate = learning_rate,
          .beta1 = beta1,
          .beta2 = beta2,
          .eps = eps,
          .weight_decay = weight_decay,
          .grad_scale = grad_scale,
          .divisor = number(there.divisor),
          .found_inf = number(there.found_inf),
          .device_learning_rate = number(there.learning_rate),
          .device_step = number(there.step)};
}

/// Gives values, both moments and the values in bfloat16, all [n].
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> adamw(
    const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq, int64_t step,
    double learning_rate, double beta1, double beta2, double eps, double weight_decay, double grad_scale,
    const std::optional<at::Tensor>& divisor, const std::optional<at::Tensor>& found_inf,
    const std::optional<at::Tensor>& device_learning_rate, const std::optional<at::Tensor>& device_step) {
  for (const at::Tensor& tensor : {exp_avg, exp_avg_sq}) check_float32(tensor, {values.numel()}, values);
  const AdamWUpdate update = update_of(values, gradients, exp_avg, exp_avg_sq, step, learning_rate, beta1, beta2, eps, weight_decay,
                                       grad_scale, {divisor, found_inf, device_learning_rate, device_step});
  select_ops(values.device()).adamw(update);
  return {update.values, update.exp_avg, update.exp_avg_sq, update.rounded};
}

/// As adamw, of moments in 8 bits [n], n in whole blocks. Gives values, both moments, the largest magnitudes of both, and the values in
/// bfloat16.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> adamw_8bit(
    const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq,
    const at::Tensor& exp_avg_absmax, const at::Tensor& exp_avg_sq_absmax, int64_t step, double learning_rate, double beta1, double beta2,
    double eps, double weight_decay, double grad_scale, const std::optional<at::Tensor>& divisor,
    const std::optional<at::Tensor>& found_inf, const std::optional<at::Tensor>& device_learning_rate,
    const std::optional<at::Tensor>& device_step) {
  TORCH_CHECK(values.numel() % kMomentBlock == 0, "expected whole blocks of ", kMomentBlock, " values, got ", values.numel());
  for (const at::Tensor& tensor : {exp_avg_absmax, exp_avg_sq_absmax}) check_float32(tensor, {values.numel() / kMomentBlock}, values);
  for (const at::Tensor& codes : {exp_avg, exp_avg_sq}) {
    TORCH_CHECK(
        codes.scalar_type() == at::kByte && codes.is_contiguous() && codes.sizes() == values.sizes() && codes.device() == values.device(),
        "expected dense uint8 codes of the values' shape and device");
  }
  AdamWUpdate update = update_of(values, gradients, exp_avg, exp_avg_sq, step, learning_rate, beta1, beta2, eps, weight_decay, grad_scale,
                                 {divisor, found_inf, device_learning_rate, device_step});
  update.exp_avg_absmax = exp_avg_absmax.clone();
  update.exp_avg_sq_absmax = exp_avg_sq_absmax.clone();
  select_ops(values.device()).adamw_8bit(update);
  return {update.values, update.exp_avg, update.exp_avg_sq, update.exp_avg_absmax, update.exp_avg_sq_absmax, update.rounded};
}

}  // namespace

#define HYPERFIT_DEVICE_NUMBERS "Tensor? divisor=None, Tensor? found_inf=None, Tensor? device_learning_rate=None, Tensor? device_step=None"

void define_update(torch::Library& library) {
  library.def("norm_of(Tensor[] tensors) -> Tensor", &norm_of);
  library.def(
      "adamw(Tensor values, Tensor gradients, Tensor exp_avg, Tensor exp_avg_sq, int step, float learning_rate, float beta1, float beta2, "
      "float eps, float weight_decay, float grad_scale, " HYPERFIT_DEVICE_NUMBERS ") -> (Tensor, Tensor, Tensor, Tensor)",
      &adamw);
  library.def(
      "adamw_8bit(Tensor values, Tensor gradients, Tensor exp_avg, Tensor exp_avg_sq, Tensor exp_avg_absmax, Tensor exp_avg_sq_absmax, "
      "int step, float learning_rate, float beta1, float beta2, float eps, float weight_decay, float grad_scale, " HYPERFIT_DEVICE_NUMBERS
      ") -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
      &adamw_8bit);
}

#undef HYPERFIT_DEVICE_NUMBERS

}  // namespace hyperfit::binding
