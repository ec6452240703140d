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
    typedef float FloatsAnywhere __attribute__((vector_size(N * 4), aligned(4), may_alias));                                \
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
  /// Rounded to the nearest, ties to even; NaN stays NaN.
  [[gnu::always_inline]] static inline void store(c10::BFloat16* to, const Floats& value) {
    const Bits bits = (Bits)value;
    const Bits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Bits chosen = value == value ? rounded : Bits{} + 0x7fc0u;
    *reinterpret_cast<HalvesAnywhere*>(to) = Types::narrow(chosen);
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
