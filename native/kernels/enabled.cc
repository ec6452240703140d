#include "kernels/enabled.h"

#include <atomic>

namespace hyperfit::kernels {
namespace {

// For the process: it says how to compute, never what.
std::atomic<bool> is_enabled{true};

}  // namespace

bool enabled() { return is_enabled; }
void set_enabled(bool value) { is_enabled = value; }

}  // namespace hyperfit::kernels
