#pragma once
#include "ops/cpu/lanes/registers.h"

namespace hyperfit::kernels {

constexpr int64_t kLanes = 16;

/// How many registers of N floats a machine has.
#if defined(__x86_64__)
template <int N>
constexpr int kRegisters = N == 16 ? 32 : 16;
#else
template <int N>
constexpr int kRegisters = 32;
#endif

/// Sixteen floats in registers of N: one with AVX-512, two with AVX2, four elsewhere. What is added to what is the same for
/// every N, so that the order of every sum is fixed. A vector wider than its registers would live in memory instead: GCC makes
/// code of it that is ten times as slow. Fewer floats have no sums across lanes.
template <int N, int Count = kLanes>
class LanesOf {
 public:
  static constexpr int64_t kCount = Count;
  static constexpr int kParts = kCount / N;
  /// How many of these the machine's registers hold: what a kernel may keep at once, with some to spare for operands.
  static constexpr int kFit = kRegisters<N> / kParts;
  using Floats = typename Register<N>::Floats;

  /// As a float: `L x = {}` is zero, `L x` is not set. To set arrays twice would cost their way through memory.
  LanesOf() = default;
  [[gnu::always_inline]] inline LanesOf(float value) {
    const Floats copies = Register<N>::broadcast(value);
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) parts_[i] = copies;
  }
  template <class T>
  [[gnu::always_inline]] static inline LanesOf load(const T* from) {
    LanesOf lanes;
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) lanes.parts_[i] = Register<N>::load(from + i * N);
    return lanes;
  }
  template <class T>
  [[gnu::always_inline]] inline void store(T* to) const {
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) Register<N>::store(to + i * N, parts_[i]);
  }
  /// Lanes [i N, (i + 1) N).
  [[gnu::always_inline]] inline const Floats& part(int i) const { return parts_[i]; }
  [[gnu::always_inline]] inline Floats& part(int i) { return parts_[i]; }

  [[gnu::always_inline]] friend inline LanesOf operator+(LanesOf a, const LanesOf& b) {
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) a.parts_[i] += b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator-(LanesOf a, const LanesOf& b) {
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) a.parts_[i] -= b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator*(LanesOf a, const LanesOf& b) {
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) a.parts_[i] *= b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator/(LanesOf a, const LanesOf& b) {
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) a.parts_[i] /= b.parts_[i];
    return a;
  }
  [[gnu::always_inline]] friend inline LanesOf operator-(LanesOf a) {
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) a.parts_[i] = -a.parts_[i];
    return a;
  }
  [[gnu::always_inline]] inline void operator+=(const LanesOf& other) { *this = *this + other; }
  /// total + a b, in one instruction and one rounding where the machine has it.
  [[gnu::always_inline]] friend inline LanesOf multiply_add(LanesOf total, const LanesOf& a, const LanesOf& b) {
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) total.parts_[i] = total.parts_[i] + a.parts_[i] * b.parts_[i];
    return total;
  }

  // Lane by lane, as Register has them.
#define HYPERFIT_LANEWISE(f)                                                                                              \
  [[gnu::always_inline]] friend inline LanesOf f(LanesOf a) {                                                             \
    _Pragma("GCC unroll 4") for (int i = 0; i < kParts; ++i) a.parts_[i] = Register<N>::f(a.parts_[i]);                   \
    return a;                                                                                                             \
  }
#define HYPERFIT_LANEWISE_OF_TWO(f)                                                                                       \
  [[gnu::always_inline]] friend inline LanesOf f(LanesOf a, const LanesOf& b) {                                           \
    _Pragma("GCC unroll 4") for (int i = 0; i < kParts; ++i) a.parts_[i] = Register<N>::f(a.parts_[i], b.parts_[i]);      \
    return a;                                                                                                             \
  }
  HYPERFIT_LANEWISE(exp)
  HYPERFIT_LANEWISE(absolute)
  HYPERFIT_LANEWISE(first_halves)
  HYPERFIT_LANEWISE(second_halves)
  HYPERFIT_LANEWISE_OF_TWO(join_halves)
  HYPERFIT_LANEWISE_OF_TWO(with_sign)
  HYPERFIT_LANEWISE_OF_TWO(larger)
#undef HYPERFIT_LANEWISE
#undef HYPERFIT_LANEWISE_OF_TWO

  /// The largest of all lanes, none of which is NaN.
  [[gnu::always_inline]] friend inline float largest(const LanesOf& a) {
    alignas(64) float all[kCount];
    a.store(all);
    using R = Register<4>;
    const Four four = R::larger(R::larger(R::load(all), R::load(all + 4)), R::larger(R::load(all + 8), R::load(all + 12)));
    const float even = four[0] > four[2] ? four[0] : four[2], odd = four[1] > four[3] ? four[1] : four[3];
    return even > odd ? even : odd;
  }
  /// By halves: lane i and lane i + 8, of these i and i + 4, and so on.
  [[gnu::always_inline]] friend inline float sum(const LanesOf& a) {
    const Four four = a.fold();
    return (four[0] + four[2]) + (four[1] + four[3]);
  }
  /// The sums of four, which cost little more together than one alone.
  [[gnu::always_inline]] friend inline Four sums(const LanesOf& a, const LanesOf& b, const LanesOf& c, const LanesOf& d) {
    const Four fa = a.fold(), fb = b.fold(), fc = c.fold(), fd = d.fold();
    const Four ab = interleave_low(fa, fb) + interleave_high(fa, fb), cd = interleave_low(fc, fd) + interleave_high(fc, fd);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  }

 private:
  [[gnu::always_inline]] inline Four fold() const {
    if constexpr (N == 16) return add_halves(add_halves(parts_[0]));
    if constexpr (N == 8) return add_halves(parts_[0] + parts_[1]);
    if constexpr (N == 4) return (parts_[0] + parts_[2]) + (parts_[1] + parts_[3]);
  }

  Floats parts_[kParts];
};

}  // namespace hyperfit::kernels
