#pragma once
// How the operands of a bfloat16 product are laid out for the instruction that multiplies and adds pairs: what belongs to
// rows 2p and 2p + 1 of the summed dimension stands side by side.
#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"

// clang gets the plain kernels (lanes/instruction_set.h): it refuses lambdas and returned vectors that are wider than the file is compiled
// for.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define HYPERFIT_BF16_PRODUCT __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))

namespace hyperfit::kernels {

/// Sixteen rows of sixteen words become columns: first within quarters of a register, then the quarters.
template <class Words>
[[gnu::always_inline]] inline void transpose(Words (&r)[16]) {
  Words t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const Words first = t[i + j], second = t[i + j + 2];
      r[i + 2 * j] = __builtin_shufflevector(first, second, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
      r[i + 2 * j + 1] = __builtin_shufflevector(first, second, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
  }
  auto even = [](const Words& a, const Words& b) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  };
  auto odd = [](const Words& a, const Words& b) {
    return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  };
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = even(r[i], r[i + 4]);
    t[i + 4] = odd(r[i], r[i + 4]);
    t[i + 8] = even(r[i + 8], r[i + 12]);
    t[i + 12] = odd(r[i + 8], r[i + 12]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = even(t[i], t[i + 8]);
    r[i + 4] = even(t[i + 4], t[i + 12]);
    r[i + 8] = odd(t[i], t[i + 8]);
    r[i + 12] = odd(t[i + 4], t[i + 12]);
  }
}

constexpr int64_t kPanelColumns = 64;  // four registers
constexpr int64_t kPanelPair = 2 * kPanelColumns;  // elements from one pair of rows to the next

/// Rows k .. k + inner and columns n .. n + count of b, at most 64, become [pairs][64][2], zero where b ends.
void pack_panel(c10::BFloat16* to, const Bfloat16Matrix& b, int64_t k, int64_t inner, int64_t n, int64_t count);

constexpr int64_t kPackedTileRows = 6;
constexpr int64_t kPackedPair = 16;  // elements from one pair to the next: eight rows, of which six count

/// Where packed tile t begins, in elements. A line more than the tile needs keeps tiles out of each other's cache sets.
inline int64_t packed_tile_stride(int64_t inner) { return ((inner + 1) / 2 + 2) * kPackedPair; }
/// Tiles first .. last of six rows of `a` [rows, inner], each [pairs][8][2].
void pack_tiles(c10::BFloat16* to, const Bfloat16Matrix& a, int64_t rows, int64_t inner, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
#endif
