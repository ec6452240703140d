#pragma once
// How numbers of both types are read and written: sixteen bytes at a time where addresses allow, and always as float between. Loops over
// them are not unrolled: a card keeps enough reads in flight by its many threads, and the package stays small.
#include "block.h"

namespace hyperfit::cuda {

constexpr float kInfinity = __builtin_bit_cast(float, 0x7F800000U);
constexpr float kNaN = __builtin_bit_cast(float, 0x7FC00000U);

/// So many elements, side by side.
template <int N>
struct Width {};

/// Elements of T in sixteen bytes.
template <class T>
constexpr int kPack = 16 / sizeof(T);

template <class T, int N>
struct alignas(N * sizeof(T)) Packed {
  T at[N];
};

HYPERFIT_FUNCTION float float_of(float number) { return number; }
HYPERFIT_FUNCTION float float_of(BFloat16 number) {
  const unsigned bits = static_cast<unsigned>(number.bits) << 16;
  float wide;
  memcpy(&wide, &bits, sizeof(wide));
  return wide;
}

HYPERFIT_FUNCTION void assign(float& to, float number) { to = number; }
/// To the nearest, to the even one of two.
HYPERFIT_FUNCTION void assign(BFloat16& to, float number) {
  unsigned bits;
  memcpy(&bits, &number, sizeof(bits));
  const unsigned rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  to.bits = static_cast<unsigned short>(number == number ? rounded : 0x7FC0U);
}

/// For one element, or an address that is a multiple of N elements.
template <class T, int N>
HYPERFIT_FUNCTION void load(float (&to)[N], const T* from) {
  const Packed<T, N> packed = *reinterpret_cast<const Packed<T, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) to[i] = float_of(packed.at[i]);
}

template <class T, int N>
HYPERFIT_FUNCTION void store(T* to, const float (&from)[N]) {
  Packed<T, N> packed;
#pragma unroll
  for (int i = 0; i < N; ++i) assign(packed.at[i], from[i]);
  *reinterpret_cast<Packed<T, N>*>(to) = packed;
}

template <int N, class T>
HYPERFIT_FUNCTION bool is_aligned(const T* pointer) {
  return reinterpret_cast<unsigned long long>(pointer) % (N * sizeof(T)) == 0;
}

template <int N, class... Pointers>
HYPERFIT_FUNCTION bool all_aligned(Pointers... pointers) {
  return (is_aligned<N>(pointers) && ...);
}

HYPERFIT_FUNCTION bool divides(Index n, const HeadStrides& strides) {
  return strides.batch % n == 0 && strides.head % n == 0 && strides.position % n == 0;
}

/// body(first, Width) over `count` elements from x on, by one thread of a block that shares them: sixteen bytes at a time, and one at a
/// time before the first and after the last address that is a multiple of sixteen. A thread meets its elements in rising order.
template <class T, class Body>
HYPERFIT_FUNCTION void each_of_row(int thread, const T* x, Index count, Body body) {
  constexpr int N = kPack<T>;
  const Index beyond = static_cast<Index>(reinterpret_cast<unsigned long long>(x) % 16 / sizeof(T));
  const Index head = beyond == 0 ? 0 : (N - beyond < count ? N - beyond : count);
  const Index packs = (count - head) / N;
#pragma unroll 1
  for (Index i = thread; i < head; i += kThreads) body(i, Width<1>{});
#pragma unroll 1
  for (Index pack = thread; pack < packs; pack += kThreads) body(head + pack * N, Width<N>{});
#pragma unroll 1
  for (Index i = head + packs * N + thread; i < count; i += kThreads) body(i, Width<1>{});
}

/// body(first, Width) over `count` elements by one thread of a block: N at a time, or one at a time unless `wide`, which says that N
/// divides their number and all addresses.
template <int N, class Body>
HYPERFIT_FUNCTION void each_column(int thread, Index count, bool wide, Body body) {
  if (wide) {
#pragma unroll 1
    for (Index i = Index{thread} * N; i < count; i += kThreads * N) body(i, Width<N>{});
  } else {
#pragma unroll 1
    for (Index i = thread; i < count; i += kThreads) body(i, Width<1>{});
  }
}

/// body(first, Width) over a thread's share of `count` elements, which all blocks part: N at a time where `aligned`, and one at a time at
/// the end or else.
template <int N, class Body>
HYPERFIT_FUNCTION void each_of_all(int thread, Index count, bool aligned, Body body) {
  const Index packs = aligned ? count / N : 0, step = block_count() * kThreads, first = block_index() * kThreads + thread;
#pragma unroll 1
  for (Index pack = first; pack < packs; pack += step) body(pack * N, Width<N>{});
#pragma unroll 1
  for (Index i = packs * N + first; i < count; i += step) body(i, Width<1>{});
}

/// The same by every thread.
template <int N, class Body>
HYPERFIT_FUNCTION void each_element(Index count, bool aligned, Body body) {
  each_thread([&](int thread) { each_of_all<N>(thread, count, aligned, body); });
}

}  // namespace hyperfit::cuda
