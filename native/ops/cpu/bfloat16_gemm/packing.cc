#include "ops/cpu/bfloat16_gemm/packing.h"

#include <algorithm>

#include "ops/cpu/lanes/lanes_of.h"

#ifdef HYPERFIT_BF16_PRODUCT

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

HYPERFIT_BF16_PRODUCT inline __m512i load_some(const BFloat16* from, int64_t count) {
  if (count >= 32) return _mm512_loadu_si512(from);
  return count > 0 ? _mm512_maskz_loadu_epi16((1u << count) - 1, from) : _mm512_setzero_si512();
}

// Rows of b are dense: two of them interleave.
HYPERFIT_BF16_PRODUCT void pack_dense_rows(BFloat16* to, const BFloat16* b, int64_t stride, int64_t inner, int64_t count) {
  alignas(64) int16_t order[32];
  for (int16_t i = 0; i < 32; ++i) order[i] = static_cast<int16_t>(i / 2 + i % 2 * 32);
  const __m512i low = _mm512_load_si512(order), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  for (int64_t k = 0; k < inner; k += 2, to += kPanelPair) {
    for (int64_t n = 0; n < kPanelColumns; n += 32) {
      const __m512i even = load_some(b + k * stride + n, count - n);
      const __m512i odd = k + 1 < inner ? load_some(b + (k + 1) * stride + n, count - n) : _mm512_setzero_si512();
      _mm512_store_si512(to + 2 * n, _mm512_permutex2var_epi16(even, low, odd));
      _mm512_store_si512(to + 2 * n + 32, _mm512_permutex2var_epi16(even, high, odd));
    }
  }
}

// Columns of b are dense: pairs stand side by side already, and are transposed.
HYPERFIT_BF16_PRODUCT void pack_dense_columns(BFloat16* to, const BFloat16* b, int64_t stride, int64_t inner, int64_t count) {
  for (int64_t n = 0; n < kPanelColumns; n += 16) {
    for (int64_t k = 0; k < inner; k += 32) {
      Register<16>::Ints r[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i)
        r[i] = (Register<16>::Ints)(n + i < count ? load_some(b + (n + i) * stride + k, inner - k) : _mm512_setzero_si512());
      transpose(r);
      BFloat16* rows = to + k / 2 * kPanelPair + 2 * n;
      const int64_t pairs = std::min<int64_t>(16, (inner - k + 1) / 2);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        if (i < pairs) _mm512_store_si512(rows + i * kPanelPair, (__m512i)r[i]);
      }
    }
  }
}

HYPERFIT_BF16_PRODUCT inline __m128i load_eight(const BFloat16* from, int64_t count) {
  return count >= 8 ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)) : _mm_maskz_loadu_epi16((1u << count) - 1, from);
}

HYPERFIT_BF16_PRODUCT void pack_tiles_of_dense_columns(BFloat16* to, const Bfloat16Matrix& a, int64_t rows, int64_t inner, int64_t first,
                                                       int64_t last) {
  const int64_t stride = packed_tile_stride(inner);
  for (int64_t k = 0; k < inner; k += 2) {
    for (int64_t tile = first; tile < last; ++tile) {
      const int64_t row = tile * kPackedTileRows;
      const __m128i even = load_eight(a.data + k * a.column_stride + row, rows - row);
      const __m128i odd = k + 1 < inner ? load_eight(a.data + (k + 1) * a.column_stride + row, rows - row) : _mm_setzero_si128();
      _mm256_store_si256(reinterpret_cast<__m256i*>(to + tile * stride + k / 2 * kPackedPair),
                         _mm256_set_m128i(_mm_unpackhi_epi16(even, odd), _mm_unpacklo_epi16(even, odd)));
    }
  }
}

// Dense rows are read where they stand, but for a last one without a partner.
void pack_tiles_of_dense_rows(BFloat16* to, const Bfloat16Matrix& a, int64_t rows, int64_t inner, int64_t first, int64_t last) {
  const BFloat16 zero(0.0f);
  for (int64_t tile = first; tile < last; ++tile) {
    BFloat16* packed = to + tile * packed_tile_stride(inner);
    for (int64_t k = 0; k < (inner + 1) / 2 * 2; ++k) {
      for (int64_t r = 0; r < kPackedPair / 2; ++r) {
        const int64_t row = tile * kPackedTileRows + r;
        packed[k / 2 * kPackedPair + 2 * r + k % 2] = row < rows && k < inner ? a.data[row * a.row_stride + k] : zero;
      }
    }
  }
}

}  // namespace

void pack_panel(BFloat16* to, const Bfloat16Matrix& b, int64_t k, int64_t inner, int64_t n, int64_t count) {
  const BFloat16* first = b.data + k * b.row_stride + n * b.column_stride;
  if (b.column_stride == 1) {
    pack_dense_rows(to, first, b.row_stride, inner, count);
  } else {
    pack_dense_columns(to, first, b.column_stride, inner, count);
  }
}

void pack_tiles(BFloat16* to, const Bfloat16Matrix& a, int64_t rows, int64_t inner, int64_t first, int64_t last) {
  constexpr int64_t kGroup = 128;  // as many rows of tiles as one line of `a` serves, and no more streams than caches follow
  for (int64_t tile = first; tile < last; tile += kGroup) {
    const int64_t end = std::min(last, tile + kGroup);
    if (a.row_stride == 1) {
      pack_tiles_of_dense_columns(to, a, rows, inner, tile, end);
    } else {
      pack_tiles_of_dense_rows(to, a, rows, inner, tile, end);
    }
  }
}

}  // namespace hyperfit::kernels
#endif
