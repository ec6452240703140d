#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {
namespace {

constexpr const char* kSource = "activation";

static_assert(static_cast<int>(Activation::silu) == 0 && static_cast<int>(Activation::gelu) == 1 &&
                  static_cast<int>(Activation::gelu_tanh) == 2 && static_cast<int>(Activation::quick_gelu) == 3,
              "kernels/activation.cu counts them so");

// One that is added there has to be added in the kernel too.
bool knows(Activation f) { return static_cast<int>(f) <= static_cast<int>(Activation::quick_gelu); }

// Four elements a thread.
int64_t blocks_of(const at::Tensor& tensor) { return blocks_for(tensor.numel(), kThreads * 4); }

template <class... Tensors>
bool are_alike(const at::Tensor& first, const Tensors&... others) {
  return is_plain(first) &&
         ((others.scalar_type() == first.scalar_type() && others.is_contiguous() && others.numel() == first.numel()) && ...);
}

}  // namespace

void activate(at::Tensor& y, const at::Tensor& x, Activation f) {
  const bool done =
      knows(f) && are_alike(y, x) && HYPERFIT_LAUNCH_BY_TYPE(kSource, activate, y, blocks_of(y), data_of(y), data_of(x), f, y.numel());
  if (!done) libtorch_rows(y.device()).activate(y, x, f);
}

void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f) {
  const bool done =
      knows(f) && are_alike(dx, dy, x) &&
      HYPERFIT_LAUNCH_BY_TYPE(kSource, activate_backward, dx, blocks_of(dx), data_of(dx), data_of(dy), data_of(x), f, dx.numel());
  if (!done) libtorch_rows(dx.device()).activate_backward(dx, dy, x, f);
}

void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f) {
  const bool done = knows(f) && are_alike(y, gate, up) &&
                    HYPERFIT_LAUNCH_BY_TYPE(kSource, activate_gated, y, blocks_of(y), data_of(y), data_of(gate), data_of(up), f, y.numel());
  if (!done) libtorch_rows(y.device()).activate_gated(y, gate, up, f);
}

void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                             Activation f) {
  const bool done = knows(f) && are_alike(dy, dgate, dup, gate, up) &&
                    HYPERFIT_LAUNCH_BY_TYPE(kSource, activate_gated_backward, dy, blocks_of(dy), data_of(dgate), data_of(dup), data_of(dy),
                                            data_of(gate), data_of(up), f, dy.numel());
  if (!done) libtorch_rows(dy.device()).activate_gated_backward(dgate, dup, dy, gate, up, f);
}

}  // namespace hyperfit::cuda::own
