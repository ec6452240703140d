#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// What N elements look like in registers and in memory, and how they convert: GCC converts only between vectors whose
/// size it reads as a number, not in a template.
template <int N>
struct RegisterTypes;

#define HYPERFIT_REGISTER_TYPES(N)                                                                                          \
  template <>                                                                                                               \
  struct RegisterTypes<N> {                                                                                                 \
    typedef float Floats __attribute__((vector_size(N * 4)));                                                               \
    typedef float FloatsAnywhere __attribute__((vector_size(N * 4), aligned(2), may_alias)); /* pairs of bfloat16 too */    \
    typedef int32_t Ints __attribute__((vector_size(N * 4)));                                                               \
    typedef uint32_t Bits __attribute__((vector_size(N * 4)));                                                              \
    typedef uint16_t Halves __attribute__((vector_size(N * 2)));                                                            \
    typedef uint16_t HalvesAnywhere __attribute__((vector_size(N * 2), aligned(2), may_alias));                             \
    [[gnu::always_inline]] static inline Ints truncate(Floats x) { return __builtin_convertvector(x, Ints); }               \
    [[gnu::always_inline]] static inline Floats to_floats(Ints x) { return __builtin_convertvector(x, Floats); }            \
    [[gnu::always_inline]] static inline Bits widen(Halves x) { return __builtin_convertvector(x, Bits); }                  \
    [[gnu::always_inline]] static inline Halves narrow(Bits x) { return __builtin_convertvector(x, Halves); }               \
  };
HYPERFIT_REGISTER_TYPES(4)
HYPERFIT_REGISTER_TYPES(8)
HYPERFIT_REGISTER_TYPES(16)
#undef HYPERFIT_REGISTER_TYPES

typedef RegisterTypes<4>::Floats Four;
typedef RegisterTypes<8>::Floats Eight;
typedef RegisterTypes<16>::Floats Sixteen;

/// Both halves added up: element i and element i + N / 2.
[[gnu::always_inline]] inline Eight add_halves(const Sixteen& v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}
[[gnu::always_inline]] inline Four add_halves(const Eight& v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
}

/// The lower halves of both in turn, a first; and the upper ones.
[[gnu::always_inline]] inline Four interleave_low(const Four& a, const Four& b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
[[gnu::always_inline]] inline Four interleave_high(const Four& a, const Four& b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
[[gnu::always_inline]] inline Eight interleave_low(const Eight& a, const Eight& b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
[[gnu::always_inline]] inline Eight interleave_high(const Eight& a, const Eight& b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
[[gnu::always_inline]] inline Sixteen interleave_low(const Sixteen& a, const Sixteen& b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
[[gnu::always_inline]] inline Sixteen interleave_high(const Sixteen& a, const Sixteen& b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/// What one register of N floats can do; N is chosen where the instruction set is known.
template <int N>
struct Register : RegisterTypes<N> {
  using Types = RegisterTypes<N>;
  using typename Types::Floats, typename Types::FloatsAnywhere, typename Types::Ints, typename Types::Bits, typename Types::HalvesAnywhere;

  [[gnu::always_inline]] static inline Floats load(const float* from) { return *reinterpret_cast<const FloatsAnywhere*>(from); }
  [[gnu::always_inline]] static inline void store(float* to, const Floats& value) { *reinterpret_cast<FloatsAnywhere*>(to) = value; }

  /// Through memory, which the compiler sees through: of `value + Floats{}` GCC makes one instruction for each element.
  [[gnu::always_inline]] static inline Floats broadcast(float value) {
    alignas(64) float copies[N];
    for (int i = 0; i < N; ++i) copies[i] = value;
    return load(copies);
  }

  /// bfloat16 is the upper half of a float.
  [[gnu::always_inline]] static inline Floats load(const c10::BFloat16* from) {
    return (Floats)(Types::widen(*reinterpret_cast<const HalvesAnywhere*>(from)) << 16);  // a cast between vectors keeps the bits
  }
  /// The bits of bfloat16: rounded to the nearest, ties to even; NaN stays NaN.
  [[gnu::always_inline]] static inline Bits rounded(const Floats& value) {
    const Bits bits = (Bits)value, nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return value == value ? nearest : Bits{} + 0x7fc0u;
  }
  [[gnu::always_inline]] static inline void store(c10::BFloat16* to, const Floats& value) {
    *reinterpret_cast<HalvesAnywhere*>(to) = Types::narrow(rounded(value));
  }

  // Words of 32 bits that hold two bfloat16: a shift and a mask tell them apart, where spreading them in order takes more.
  [[gnu::always_inline]] static inline Floats first_halves(const Floats& words) { return (Floats)((Bits)words << 16); }
  [[gnu::always_inline]] static inline Floats second_halves(const Floats& words) { return (Floats)((Bits)words & 0xffff0000u); }
  [[gnu::always_inline]] static inline Floats join_halves(const Floats& first, const Floats& second) {
    return (Floats)(rounded(first) | rounded(second) << 16);
  }

  /// Of a number and NaN as b the number.
  [[gnu::always_inline]] static inline Floats larger(const Floats& a, const Floats& b) { return b > a ? b : a; }
  [[gnu::always_inline]] static inline Floats absolute(const Floats& x) { return (Floats)((Bits)x & 0x7fffffffu); }
  [[gnu::always_inline]] static inline Floats with_sign(const Floats& size, const Floats& sign) {
    return (Floats)(((Bits)size & 0x7fffffffu) | ((Bits)sign & 0x80000000u));
  }

  /// To about one unit in the last place: 2^n times a polynomial in the remainder (Cephes' expf), clamped to the finite
  /// range, so that a very negative argument gives the smallest normal number instead of a denormal.
  [[gnu::always_inline]] static inline Floats exp(Floats x) {
    const Floats highest = Floats{} + 88.0f, lowest = Floats{} - 87.0f;
    x = x > highest ? highest : x;
    x = x < lowest ? lowest : x;
    const Floats scaled = x * 1.44269504f;
    const Ints n = Types::truncate(scaled + (scaled < 0.0f ? Floats{} - 0.5f : Floats{} + 0.5f));
    const Floats whole = Types::to_floats(n);
    const Floats r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const Ints power = (n + 127) << 23;
    return p * (Floats)power;
  }
};

}  // namespace hyperfit::kernels
