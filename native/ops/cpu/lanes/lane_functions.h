#pragma once
#include <limits>

#include "ops/cpu/lanes/lanes_of.h"

namespace hyperfit::kernels {

/// Within 1e-7.
template <class L>
[[gnu::always_inline]] inline L tanh(const L& x) {
  const L e = exp(absolute(x) * -2.0f);
  return with_sign((1.0f - e) / (1.0f + e), x);
}

/// Abramowitz and Stegun 7.1.26, within 1.5e-7.
template <class L>
[[gnu::always_inline]] inline L erf(const L& x) {
  const L size = absolute(x);
  const L t = 1.0f / (1.0f + 0.3275911f * size);
  L p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = (p * t + 0.254829592f) * t;
  return with_sign(1.0f - p * exp(-(size * size)), x);
}

/// Of `filled` numbers, the other lanes 0.
template <class L, class X>
[[gnu::always_inline]] inline L load_some(const X* from, int64_t filled) {
  float lanes[kLanes];
#pragma GCC unroll 1
  for (int64_t i = 0; i < kLanes; ++i) lanes[i] = i < filled ? static_cast<float>(from[i]) : 0.0f;
  return L::load(lanes);
}
template <class L, class Y>
[[gnu::always_inline]] inline void store_some(Y* to, const L& lanes, int64_t filled) {
  Y all[L::kCount];
  lanes.store(all);
#pragma GCC unroll 1
  for (int64_t i = 0; i < filled; ++i) to[i] = all[i];
}

/// The largest of x [count]; NaN passes unseen.
template <class L, class X>
[[gnu::always_inline]] inline float largest_of(const X* x, int64_t count) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  L lanes = kLowest;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) lanes = larger(lanes, L::load(x + i));
  float most = largest(lanes);
  for (; i < count; ++i) most = static_cast<float>(x[i]) > most ? static_cast<float>(x[i]) : most;
  return most;
}

/// x [count] times y [count], summed: lanes first, then the rest, then across lanes.
template <class L, class X, class Y>
[[gnu::always_inline]] inline float dot(const X* x, const Y* y, int64_t count) {
  L lanes = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) lanes = multiply_add(lanes, L::load(x + i), L::load(y + i));
  float rest = 0;
  for (; i < count; ++i) rest += static_cast<float>(x[i]) * static_cast<float>(y[i]);
  return rest + sum(lanes);
}

/// x = cap tanh(x / cap) [count].
template <class L>
[[gnu::always_inline]] inline void softcap(float* x, float cap, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) (cap * tanh(L::load(x + i) / cap)).store(x + i);
  store_some(x + i, cap * tanh(load_some<L>(x + i, count - i) / cap), count - i);
}

/// What a kernel reads of T at once, as many numbers as fill 64 bytes: words of 32 bits, each a float or two bfloat16. They are
/// multiplied in one or two sets of lanes, of bfloat16 the even numbers and the odd ones.
template <class T>
struct Words;
template <>
struct Words<float> {
  static constexpr int kSets = 1;
  static constexpr int64_t kWidth = kLanes;
  template <class L>
  [[gnu::always_inline]] static inline L set(int, const L& words) {
    return words;
  }
  template <class L>
  [[gnu::always_inline]] static inline void store(float* to, const L* sets) {
    sets[0].store(to);
  }
};
template <>
struct Words<c10::BFloat16> {
  static constexpr int kSets = 2;
  static constexpr int64_t kWidth = 2 * kLanes;
  template <class L>
  [[gnu::always_inline]] static inline L set(int which, const L& words) {
    return which == 0 ? first_halves(words) : second_halves(words);
  }
  template <class L>
  [[gnu::always_inline]] static inline void store(c10::BFloat16* to, const L* sets) {
    join_halves(sets[0], sets[1]).store(reinterpret_cast<float*>(to));
  }
};

/// One of the sets of lanes that stand at `from`.
template <class L, class T>
[[gnu::always_inline]] inline L load_set(int which, const T* from) {
  return Words<T>::set(which, L::load(reinterpret_cast<const float*>(from)));
}

}  // namespace hyperfit::kernels
