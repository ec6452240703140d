#include "ops/select.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <atomic>

#include "ops/aten/table.h"
#include "ops/cpu/table.h"
#include "ops/cuda/launch/report.h"
#include "ops/cuda/own_rows.h"
#include "ops/cuda/table.h"

namespace hyperfit {
namespace {

// For the process: it says how to compute, never what.
std::atomic<bool> enabled{true};

}  // namespace

at::Device numbered(at::Device device) {
  return device.is_cpu() || device.has_index() ? device : c10::impl::VirtualGuardImpl(device.type()).getDevice();
}

bool computes_as_a_card(at::Device device) {
  if (device.is_cuda()) return true;
  if (!device.is_privateuseone()) return false;
  const auto fused = c10::Dispatcher::singleton().findSchema({"aten::_efficient_attention_backward", ""});
  return fused && fused->hasKernelForDispatchKey(c10::DispatchKey::PrivateUse1);
}

const Ops& select_ops(at::Device device) {
  if (!kernels_enabled()) return aten::table();
  if (device.is_cpu()) return cpu::table();
  if (computes_as_a_card(device)) return cuda::table();
  if (device.is_privateuseone() && cuda::may_launch(device)) return cuda::stand_in_table();  // in tests alone
  return aten::table();
}

bool kernels_enabled() { return enabled; }
void set_kernels_enabled(bool to) { enabled = to; }

}  // namespace hyperfit
