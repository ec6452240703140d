#pragma once
#include "kernels/lanes.h"

namespace hyperfit::kernels {

typedef uint32_t BitLanes __attribute__((vector_size(64), aligned(4)));

/// Within 1e-7.
[[gnu::always_inline]] inline Lanes tanh(const Lanes& x) {
  const Lanes size = x < 0.0f ? -x : x;
  const Lanes e = exp(-2.0f * size);
  const Lanes value = (1.0f - e) / (1.0f + e);
  return x < 0.0f ? -value : value;
}

/// Abramowitz and Stegun 7.1.26, within 1.5e-7.
[[gnu::always_inline]] inline Lanes erf(const Lanes& x) {
  const Lanes size = x < 0.0f ? -x : x;
  const Lanes t = 1.0f / (1.0f + 0.3275911f * size);
  Lanes p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = (p * t + 0.254829592f) * t;
  const Lanes value = 1.0f - p * exp(-(size * size));
  return x < 0.0f ? -value : value;
}

/// Of `filled` numbers, the other lanes 0.
template <class X>
[[gnu::always_inline]] inline Lanes load_some(const X* from, int64_t filled) {
  Lanes lanes = {};
  for (int64_t lane = 0; lane < filled; ++lane) lanes[lane] = from[lane];
  return lanes;
}
template <class Y>
[[gnu::always_inline]] inline void store_some(Y* to, const Lanes& lanes, int64_t filled) {
  for (int64_t lane = 0; lane < filled; ++lane) to[lane] = lanes[lane];
}

/// What a kernel reads of T at once: as many numbers as fill 64 bytes, in one or two sets of lanes. Of bfloat16 the even ones and the odd
/// ones, which a shift and a mask tell apart where spreading them in order takes six instructions.
template <class T>
struct Parts;
template <>
struct Parts<float> {
  static constexpr int kSets = 1;
  static constexpr int64_t kWidth = kLanes;
  [[gnu::always_inline]] static inline void load(Lanes* sets, const float* from) { sets[0] = kernels::load(from); }
  [[gnu::always_inline]] static inline void store(float* to, const Lanes* sets) { kernels::store(to, sets[0]); }
};
template <>
struct Parts<c10::BFloat16> {
  static constexpr int kSets = 2;
  static constexpr int64_t kWidth = 2 * kLanes;
  [[gnu::always_inline]] static inline void load(Lanes* sets, const c10::BFloat16* from) {
    const BitLanes pairs = (BitLanes)kernels::load(reinterpret_cast<const float*>(from));
    sets[0] = (Lanes)(pairs << 16);
    sets[1] = (Lanes)(pairs & 0xffff0000u);
  }
  [[gnu::always_inline]] static inline void store(c10::BFloat16* to, const Lanes* sets) {
    kernels::store(reinterpret_cast<float*>(to), (Lanes)(rounded(sets[0]) | rounded(sets[1]) << 16));
  }

 private:
  // As Register::store rounds: to the nearest, ties to even; NaN stays NaN.
  [[gnu::always_inline]] static inline BitLanes rounded(const Lanes& value) {
    const BitLanes bits = (BitLanes)value, nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return value == value ? nearest : BitLanes{} + 0x7fc0u;
  }
};

/// x = cap tanh(x / cap) [count].
[[gnu::always_inline]] inline void softcap(float* x, float cap, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(x + i, cap * tanh(load(x + i) / cap));
  store_some(x + i, cap * tanh(load_some(x + i, count - i) / cap), count - i);
}

}  // namespace hyperfit::kernels
