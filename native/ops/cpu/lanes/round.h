#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// to = from [count], rounded where Y is bfloat16.
template <class Y>
struct Round {
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* to, const float* from, int64_t count) {
    int64_t i = 0;
    for (; i + L::kCount <= count; i += L::kCount) L::load(from + i).store(to + i);
    for (; i < count; ++i) to[i] = from[i];
  }
};

}  // namespace hyperfit::kernels
