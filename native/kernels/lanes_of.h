#pragma once
#include "kernels/registers.h"

namespace hyperfit::kernels {

/// Sixteen floats in registers of N: one with AVX-512, two with AVX2, four elsewhere. What is added to what is the same for
/// every N. A vector wider than its registers, such as `Lanes` of sixteen under AVX2, would live in memory instead: GCC makes
/// code of it that is ten times as slow.
template <int N>
class LanesOf {
 public:
  static constexpr int64_t kCount = 16;

  [[gnu::always_inline]] inline LanesOf() : parts_{} {}
  [[gnu::always_inline]] inline LanesOf(float value) {
    for (int i = 0; i < kParts; ++i) parts_[i] = Register<N>::broadcast(value);
  }
  template <class T>
  [[gnu::always_inline]] static inline LanesOf load(const T* from) {
    LanesOf lanes;
    for (int i = 0; i < kParts; ++i) lanes.parts_[i] = Register<N>::load(from + i * N);
    return lanes;
  }
  template <class T>
  [[gnu::always_inline]] inline void store(T* to) const {
    for (int i = 0; i < kParts; ++i) Register<N>::store(to + i * N, parts_[i]);
  }

  [[gnu::always_inline]] friend inline LanesOf operator+(LanesOf a, const LanesOf& b) {
    for (int i = 0; i < kParts; ++i) a.parts_[i] += b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator-(LanesOf a, const LanesOf& b) {
    for (int i = 0; i < kParts; ++i) a.parts_[i] -= b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator*(LanesOf a, const LanesOf& b) {
    for (int i = 0; i < kParts; ++i) a.parts_[i] *= b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator/(LanesOf a, const LanesOf& b) {
    for (int i = 0; i < kParts; ++i) a.parts_[i] /= b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator-(LanesOf a) {
    for (int i = 0; i < kParts; ++i) a.parts_[i] = -a.parts_[i];
    return a;
  }
  [[gnu::always_inline]] inline void operator+=(const LanesOf& other) { *this = *this + other; }
  [[gnu::always_inline]] friend inline LanesOf exp(LanesOf a) {
    for (int i = 0; i < kParts; ++i) a.parts_[i] = Register<N>::exp(a.parts_[i]);
    return a;
  }
  /// By halves: lane i and lane i + 8, of these i and i + 4, and so on.
  [[gnu::always_inline]] friend inline float sum(const LanesOf& a) {
    using Four = Register<4>;
    alignas(64) float lanes[kCount];
    a.store(lanes);
    const Four::Floats four = (Four::load(lanes) + Four::load(lanes + 8)) + (Four::load(lanes + 4) + Four::load(lanes + 12));
    return (four[0] + four[2]) + (four[1] + four[3]);
  }

 private:
  static constexpr int kParts = kCount / N;
  using Floats = typename Register<N>::Floats;
  Floats parts_[kParts];
};

}  // namespace hyperfit::kernels
