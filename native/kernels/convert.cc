#include "kernels/convert.h"

#include <ATen/Parallel.h>

#include "kernels/dispatch.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;

HYPERFIT_KERNEL
void round_range(c10::BFloat16* to, const float* from, int64_t begin, int64_t end) { round_all(to + begin, from + begin, end - begin); }

HYPERFIT_KERNEL
void add_range(float* y, const float* x, const c10::BFloat16* addend, int64_t begin, int64_t end) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) store(y + i, load(x + i) + load(addend + i));
  for (; i < end; ++i) y[i] = x[i] + static_cast<float>(addend[i]);
}

HYPERFIT_KERNEL
void accumulate_range(float* y, const c10::BFloat16* addend, float beta, int64_t begin, int64_t end) {
  int64_t i = begin;
  if (beta == 0) {
    for (; i + kLanes <= end; i += kLanes) store(y + i, load(addend + i));
    for (; i < end; ++i) y[i] = addend[i];
    return;
  }
  for (; i + kLanes <= end; i += kLanes) store(y + i, load(y + i) * beta + load(addend + i));
  for (; i < end; ++i) y[i] = y[i] * beta + static_cast<float>(addend[i]);
}

template <class Body>
void in_parallel(int64_t count, Body body) {
  at::parallel_for(0, count, kElementsPerTask, body);
}

}  // namespace

void round_to_bfloat16(c10::BFloat16* to, const float* from, int64_t count) {
  in_parallel(count, [&](int64_t begin, int64_t end) { round_range(to, from, begin, end); });
}

void add_bfloat16(float* y, const float* x, const c10::BFloat16* addend, int64_t count) {
  in_parallel(count, [&](int64_t begin, int64_t end) { add_range(y, x, addend, begin, end); });
}

void accumulate_bfloat16(float* y, const c10::BFloat16* addend, float beta, int64_t count) {
  in_parallel(count, [&](int64_t begin, int64_t end) { accumulate_range(y, addend, beta, begin, end); });
}

}  // namespace hyperfit::kernels
