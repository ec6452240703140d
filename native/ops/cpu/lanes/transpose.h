#pragma once
#include "ops/cpu/lanes/lanes_of.h"

namespace hyperfit::kernels {

/// N registers: rounds of the perfect shuffle turn rows into columns.
template <int N>
[[gnu::always_inline]] inline void transpose(typename Register<N>::Floats (&rows)[N]) {
#pragma GCC unroll 4
  for (int round = 1; round < N; round *= 2) {
    typename Register<N>::Floats next[N];
#pragma GCC unroll 8
    for (int i = 0; i < N / 2; ++i) {
      next[2 * i] = interleave_low(rows[i], rows[i + N / 2]);
      next[2 * i + 1] = interleave_high(rows[i], rows[i + N / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) rows[i] = next[i];
  }
}

/// As many rows as a row has columns, as blocks of N x N that change places.
template <int N, int Count>
[[gnu::always_inline]] inline void transpose(LanesOf<N, Count> (&rows)[Count]) {
  constexpr int kParts = LanesOf<N, Count>::kParts;
  LanesOf<N, Count> columns[Count];
#pragma GCC unroll 4
  for (int i = 0; i < kParts; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) {
      typename Register<N>::Floats block[N];
#pragma GCC unroll 16
      for (int k = 0; k < N; ++k) block[k] = rows[i * N + k].part(j);
      transpose<N>(block);
#pragma GCC unroll 16
      for (int k = 0; k < N; ++k) columns[j * N + k].part(i) = block[k];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Count; ++i) rows[i] = columns[i];
}

}  // namespace hyperfit::kernels
