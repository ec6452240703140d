// Kernels run on libtorch's threads, so that its operators and ours share one team. Given to them when the addon is loaded.
#include <ATen/Parallel.h>

#include "ops/cpu/parallel.h"

namespace hyperfit::cpu {
namespace {

void run(int64_t first, int64_t last, int64_t grain, kernels::Threads::Body body, const void* context) {
  at::parallel_for(first, last, grain, [body, context](int64_t begin, int64_t end) { body(context, begin, end); });
}

[[maybe_unused]] const bool given = (kernels::use_threads({at::get_num_threads, run}), true);

}  // namespace
}  // namespace hyperfit::cpu
