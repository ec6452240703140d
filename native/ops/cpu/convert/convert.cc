#include "ops/cpu/convert/convert.h"

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/round.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;

struct Add {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* y, const float* x, const c10::BFloat16* addend, int64_t count) {
    int64_t i = 0;
    for (; i + L::kCount <= count; i += L::kCount) (L::load(x + i) + L::load(addend + i)).store(y + i);
    for (; i < count; ++i) y[i] = x[i] + static_cast<float>(addend[i]);
  }
};

struct Accumulate {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* y, const c10::BFloat16* addend, float beta, int64_t count) {
    int64_t i = 0;
    if (beta == 0) {
      for (; i + L::kCount <= count; i += L::kCount) L::load(addend + i).store(y + i);
      for (; i < count; ++i) y[i] = addend[i];
      return;
    }
    for (; i + L::kCount <= count; i += L::kCount) (L::load(y + i) * beta + L::load(addend + i)).store(y + i);
    for (; i < count; ++i) y[i] = y[i] * beta + static_cast<float>(addend[i]);
  }
};

template <class Body>
void in_parallel(int64_t count, Body body) {
  parallel_for(0, count, kElementsPerTask, body);
}

}  // namespace

void round_to_bfloat16(c10::BFloat16* to, const float* from, int64_t count) {
  in_parallel(count, [&](int64_t begin, int64_t end) { dispatch<Round<c10::BFloat16>>(to + begin, from + begin, end - begin); });
}

void add_bfloat16(float* y, const float* x, const c10::BFloat16* addend, int64_t count) {
  in_parallel(count, [&](int64_t begin, int64_t end) { dispatch<Add>(y + begin, x + begin, addend + begin, end - begin); });
}

void accumulate_bfloat16(float* y, const c10::BFloat16* addend, float beta, int64_t count) {
  in_parallel(count, [&](int64_t begin, int64_t end) { dispatch<Accumulate>(y + begin, addend + begin, beta, end - begin); });
}

}  // namespace hyperfit::kernels
