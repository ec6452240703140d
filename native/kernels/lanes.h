#pragma once
#include <c10/util/BFloat16.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/registers.h"

namespace hyperfit::kernels {

/// Sixteen floats, whatever the machine's registers. Explicit lanes fix the order of every sum, which auto-vectorisation would
/// leave to the compiler. Quick with AVX-512 alone: without registers as wide as they are they live in memory, which `LanesOf`
/// avoids.
typedef float Lanes __attribute__((vector_size(64), aligned(4)));
typedef int32_t IntLanes __attribute__((vector_size(64), aligned(4)));
constexpr int64_t kLanes = 16;

[[gnu::always_inline]] inline Lanes load(const float* from) { return *reinterpret_cast<const Lanes*>(from); }
[[gnu::always_inline]] inline void store(float* to, const Lanes& value) { *reinterpret_cast<Lanes*>(to) = value; }

[[gnu::always_inline]] inline Lanes load(const c10::BFloat16* from) { return Register<kLanes>::load(from); }
/// Rounded to the nearest, ties to even; NaN stays NaN.
[[gnu::always_inline]] inline void store(c10::BFloat16* to, const Lanes& value) { Register<kLanes>::store(to, value); }

[[gnu::always_inline]] inline float sum(const Lanes& value) {
  float total = 0;
  for (int lane = 0; lane < kLanes; ++lane) total += value[lane];
  return total;
}

typedef float Eight __attribute__((vector_size(32)));
typedef float Four __attribute__((vector_size(16)));

[[gnu::always_inline]] inline Four fold(const Lanes& v) {
  const Eight eight = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  return __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
}

/// The sums across lanes of four vectors, which cost little more together than one alone.
[[gnu::always_inline]] inline Four sums(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d) {
  const Four fa = fold(a), fb = fold(b), fc = fold(c), fd = fold(d);
  const Four ab = __builtin_shufflevector(fa, fb, 0, 4, 1, 5) + __builtin_shufflevector(fa, fb, 2, 6, 3, 7);
  const Four cd = __builtin_shufflevector(fc, fd, 0, 4, 1, 5) + __builtin_shufflevector(fc, fd, 2, 6, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/// The largest of x [count]; NaN passes unseen.
template <class X>
[[gnu::always_inline]] inline float largest_of(const X* x, int64_t count) {
  Lanes lanes = Lanes{} - std::numeric_limits<float>::infinity();
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes values = load(x + i);
    lanes = values > lanes ? values : lanes;
  }
  float largest = -std::numeric_limits<float>::infinity();
  for (int lane = 0; lane < kLanes; ++lane) largest = lanes[lane] > largest ? lanes[lane] : largest;
  for (; i < count; ++i) largest = static_cast<float>(x[i]) > largest ? static_cast<float>(x[i]) : largest;
  return largest;
}

/// x [count] times y [count], summed: lanes first, then the rest, then across lanes.
template <class X, class Y>
[[gnu::always_inline]] inline float dot(const X* x, const Y* y, int64_t count) {
  Lanes lanes = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) lanes += load(x + i) * load(y + i);
  float rest = 0;
  for (; i < count; ++i) rest += static_cast<float>(x[i]) * static_cast<float>(y[i]);
  return rest + sum(lanes);
}

/// As Register::exp.
[[gnu::always_inline]] inline Lanes exp(const Lanes& x) { return Register<kLanes>::exp(x); }

}  // namespace hyperfit::kernels
