#include "ops/select.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <atomic>

#include "ops/aten/table.h"
#include "ops/cpu/table.h"
#include "ops/cuda/table.h"

namespace hyperfit {
namespace {

// For the process: it says how to compute, never what.
std::atomic<bool> enabled{true};

// A card, or a backend that somebody else has registered and that brings the operators which libtorch has on cards alone.
bool computes_as_a_card(at::Device device) {
  if (device.is_cuda()) return true;
  if (!device.is_privateuseone()) return false;
  const auto fused = c10::Dispatcher::singleton().findSchema({"aten::_efficient_attention_backward", ""});
  return fused && fused->hasKernelForDispatchKey(c10::DispatchKey::PrivateUse1);
}

}  // namespace

const Ops& select_ops(at::Device device) {
  if (!kernels_enabled()) return aten::table();
  if (device.is_cpu()) return cpu::table();
  if (computes_as_a_card(device)) return cuda::table();
  return aten::table();
}

bool kernels_enabled() { return enabled; }
void set_kernels_enabled(bool to) { enabled = to; }

}  // namespace hyperfit
