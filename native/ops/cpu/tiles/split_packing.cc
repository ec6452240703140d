#include "ops/cpu/tiles/split_packing.h"

#include <algorithm>
#include <cstring>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/lane_functions.h"
#include "ops/cpu/tiles/pack_tile.h"

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

constexpr int32_t kBias = 127, kLargest = 50, kNotFinite = 0x7f800000;

typedef int32_t Bits __attribute__((may_alias));

// The bits of a size order as the sizes do, infinity and NaN above all.
struct LargestSizes {
  template <class L>
  [[gnu::always_inline]] static inline void run(int32_t* sizes, const SplitSource& s, int64_t x, int64_t count) {
    std::fill_n(sizes, count, 0);
    if (s.k_stride == 1) {
      for (int64_t i = 0; i < count; ++i) sizes[i] = largest(reinterpret_cast<const Bits*>(s.data + (x + i) * s.x_stride), s.summed);
      return;
    }
    for (int64_t k = 0; k < s.summed; ++k) {
      const Bits* from = reinterpret_cast<const Bits*>(s.data + k * s.k_stride + x);
      for (int64_t i = 0; i < count; ++i) sizes[i] = larger(sizes[i], from[i] & 0x7fffffff);
    }
  }

 private:
  [[gnu::always_inline]] static inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
  [[gnu::always_inline]] static inline int32_t largest(const Bits* from, int64_t count) {
    int32_t most = 0;
    for (int64_t i = 0; i < count; ++i) most = larger(most, from[i] & 0x7fffffff);
    return most;
  }
};

float scale_of(int32_t size) {
  const int32_t exponent = size == 0 ? 0 : std::min(kBias, kLargest - (size >> 23) + kBias), bits = (exponent + kBias) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return scale;
}

/// One tile's numbers in three parts, in the order of the source: [16 x][32 k] or [32 k][16 x]; zero where it ends.
class SplitTile {
 public:
  template <class L>
  [[gnu::always_inline]] inline void split(const SplitSource& s, const float* scales, int64_t x, int64_t k) {
    const int64_t xs = std::min(kTile, s.count - x), ks = std::min(kTileSummed, s.summed - k);
    const float* from = s.data + x * s.x_stride + k * s.k_stride;
    if (s.k_stride == 1) {
      for (int64_t i = 0; i < kTile; ++i) {
        for (int64_t j = 0; j < kTileSummed; j += kLanes)
          put(i * kTileSummed + j, some<L>(from + i * s.x_stride + j, i < xs ? ks - j : 0) * scales[x + i]);
      }
    } else {
      const L scale = L::load(scales + x);
      for (int64_t j = 0; j < kTileSummed; ++j) put(j * kTile, some<L>(from + j * s.k_stride, j < ks ? xs : 0) * scale);
    }
  }
  TileSource part(int64_t which, const SplitSource& s) const {
    if (s.k_stride == 1) return {parts_[which], kTileSummed, 1, kTile, kTileSummed};
    return {parts_[which], 1, kTile, kTile, kTileSummed};
  }

 private:
  template <class L>
  [[gnu::always_inline]] static inline L some(const float* from, int64_t count) {
    return count >= kLanes ? L::load(from) : count > 0 ? load_some<L>(from, count) : L{};
  }
  // What is left of a number less its rounding is exact.
  template <class L>
  [[gnu::always_inline]] inline void put(int64_t at, L value) {
#pragma GCC unroll 3
    for (int64_t part = 0; part < kSplitParts; ++part) {
      value.store(parts_[part] + at);
      value = value - L::load(parts_[part] + at);
    }
  }

  alignas(64) BFloat16 parts_[kSplitParts][kTile * kTileSummed];
};

template <Side side>
struct PackParts {
  template <class L>
  [[gnu::always_inline]] static inline void run(char* packed, const SplitSource& s, const float* scales, int64_t first, int64_t last) {
    const int64_t tiles = s.tiles(), steps = s.steps();
    SplitTile split;
    for (int64_t group = first; group < last; ++group) {
      const int64_t width = std::min(kGroupTiles, tiles - group * kGroupTiles);
      char* to = packed + group * kGroupTiles * steps * kTileBytes;
      for (int64_t step = 0; step < steps; ++step) {
        for (int64_t tile = 0; tile < width; ++tile, to += kTileBytes) {
          split.template split<L>(s, scales, (group * kGroupTiles + tile) * kTile, step * kTileSummed);
          for (int64_t part = 0; part < kSplitParts; ++part) {
            const TileSource source = split.part(part, s);
            pack_tile<side, L>(to + part * s.part_bytes(), source.data, source, kTile);
          }
        }
      }
    }
  }
};

}  // namespace

bool find_scales(float* scales, const SplitSource& source, int64_t first, int64_t last) {
  int32_t sizes[kGroup];
  bool finite = true;
  for (int64_t group = first; group < last; ++group) {
    const int64_t x = group * kGroup, count = std::min(kGroup, source.count - x);
    dispatch<LargestSizes>(sizes, source, x, count);
    for (int64_t i = 0; i < count; ++i) {
      finite = finite && sizes[i] < kNotFinite;
      scales[x + i] = scale_of(sizes[i]);
    }
    for (int64_t i = count; i < (count + kTile - 1) / kTile * kTile; ++i) scales[x + i] = 1;
  }
  return finite;
}

void pack_left_parts(char* packed, const SplitSource& source, const float* scales, int64_t first, int64_t last) {
  dispatch<PackParts<Side::left>>(packed, source, scales, first, last);
}
void pack_right_parts(char* packed, const SplitSource& source, const float* scales, int64_t first, int64_t last) {
  dispatch<PackParts<Side::right>>(packed, source, scales, first, last);
}

}  // namespace hyperfit::kernels
