#include "ops/cpu/cross_entropy/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/lane_functions.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

template <class L, class T>
[[gnu::always_inline]] inline float sum_of_exp(const T* logits, float largest, int64_t size) {
  L lanes = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) lanes += exp(L::load(logits + i) - largest);
  float rest = 0;
  for (; i < size; ++i) rest += std::exp(static_cast<float>(logits[i]) - largest);
  return rest + sum(lanes);
}

// A NaN among the logits passes the maximum unseen, but not the sum: it ends up in the loss.
template <class T>
struct RowLoss {
  template <class L>
  [[gnu::always_inline]] static inline void run(T* logits, float* loss, int64_t target, int64_t size) {
    const float largest = largest_of<L>(logits, size);
    const float total = sum_of_exp<L>(logits, largest, size);
    const float picked = static_cast<float>(logits[target]) - largest;
    *loss = std::log(total) - picked;
    const float scale = 1.0f / total;
    int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) (exp(L::load(logits + i) - largest) * scale).store(logits + i);
    for (; i < size; ++i) logits[i] = std::exp(static_cast<float>(logits[i]) - largest) * scale;
    logits[target] = std::exp(picked) * scale - 1.0f;
  }
};

}  // namespace

template <class T>
void cross_entropy(T* logits, float* losses, const int64_t* targets, int64_t rows, int64_t size) {
  const int64_t grain = std::max<int64_t>(1, (1 << 15) / size);
  parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      T* values = logits + row * size;
      if (targets[row] >= 0) {
        dispatch<RowLoss<T>>(values, losses + row, targets[row], size);
      } else {
        std::fill_n(values, size, T(0.0f));
        losses[row] = 0;
      }
    }
  });
}

template void cross_entropy(float*, float*, const int64_t*, int64_t, int64_t);
template void cross_entropy(c10::BFloat16*, float*, const int64_t*, int64_t, int64_t);

}  // namespace hyperfit::kernels
