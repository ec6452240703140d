#include "ops/select.h"

#include <atomic>

#include "ops/aten/table.h"
#include "ops/cpu/table.h"
#include "ops/cuda/table.h"

namespace hyperfit {
namespace {

// For the process: it says how to compute, never what.
std::atomic<bool> enabled{true};

}  // namespace

const Ops& select_ops(at::Device device) {
  if (!kernels_enabled()) return aten::table();
  if (device.is_cpu()) return cpu::table();
  if (device.is_cuda()) return cuda::table();
  return aten::table();
}

bool kernels_enabled() { return enabled; }
void set_kernels_enabled(bool to) { enabled = to; }

}  // namespace hyperfit
