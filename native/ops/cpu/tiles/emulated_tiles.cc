// What TDPBF16PS is defined to compute (Intel's manual, volume 2): in one step even and odd elements have float32 sums of their own, which
// begin at zero and take a fused multiply-add each; the two are added, then added to the tile's. Denormal numbers count as zero, results
// too.
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/tiles/tile_loops.h"

namespace hyperfit::kernels {
namespace {

struct Registers {
  bool configured = false;
  alignas(64) char tiles[8][kTileBytes];
};
thread_local Registers registers;

constexpr float kSmallest = 0x1p-126f;            // normal
constexpr double kRoundsToSmallest = 0x1p-126 - 0x1p-151;

inline float input(float x) { return std::fabs(x) < kSmallest ? std::copysign(0.0f, x) : x; }
// A product of two bfloat16 is exact in double, and so is its sum with a float32, or the sum rounds to the larger of the two: rounded
// to float32 it is what a fused multiply-add gives.
inline float rounded(double x) {
  return std::fabs(x) < kRoundsToSmallest ? std::copysign(0.0f, static_cast<float>(x)) : static_cast<float>(x);
}

inline float from_bfloat16(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float x;
  std::memcpy(&x, &word, sizeof x);
  return input(x);
}

void check_configured() {
  if (!registers.configured) throw std::logic_error("tiles are used outside of a TileScope");
}

// sums [16] += a [16 pairs] b [16 pairs][16][2]. The compiler makes vectors of it, as wide as the machine's.
struct AddRow {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* sums, const float* a, const float* b) {
    double even[kTile] = {}, odd[kTile] = {};
    for (int64_t k = 0; k < kTileSummed; k += 2, b += kTileSummed) {
      const double first = a[k], second = a[k + 1];
      for (int64_t i = 0; i < kTile; ++i) {
        even[i] = rounded(first * b[2 * i] + even[i]);
        odd[i] = rounded(second * b[2 * i + 1] + odd[i]);
      }
    }
    for (int64_t i = 0; i < kTile; ++i) {
      const double both = rounded(even[i] + odd[i]);
      sums[i] = rounded(input(sums[i]) + both);
    }
  }
};

// elements [16][32] as in the tile.
void widen(float (&to)[kTile][kTileSummed], const char* tile) {
  uint16_t elements[kTile][kTileSummed];
  std::memcpy(elements, tile, sizeof elements);
  for (int64_t i = 0; i < kTile; ++i) {
    for (int64_t j = 0; j < kTileSummed; ++j) to[i][j] = from_bfloat16(elements[i][j]);
  }
}

struct EmulatedTiles {
  static void configure() {
    if (registers.configured) throw std::logic_error("tiles are configured twice");
    registers.configured = true;
    std::memset(registers.tiles, 0, sizeof registers.tiles);
  }
  static void release() { registers.configured = false; }
  template <int T>
  static void zero() {
    check_configured();
    std::memset(registers.tiles[T], 0, kTileBytes);
  }
  template <int T>
  static void load(const void* from, int64_t row_bytes) {
    check_configured();
    for (int64_t row = 0; row < kTile; ++row) {
      std::memcpy(registers.tiles[T] + row * kTileRowBytes, static_cast<const char*>(from) + row * row_bytes, kTileRowBytes);
    }
  }
  template <int T>
  static void store(void* to, int64_t row_bytes) {
    check_configured();
    for (int64_t row = 0; row < kTile; ++row) {
      std::memcpy(static_cast<char*>(to) + row * row_bytes, registers.tiles[T] + row * kTileRowBytes, kTileRowBytes);
    }
  }
  template <int Sums, int A, int B>
  static void multiply() {
    check_configured();
    float a[kTile][kTileSummed], b[kTile][kTileSummed], sums[kTile][kTile];
    widen(a, registers.tiles[A]);
    widen(b, registers.tiles[B]);
    std::memcpy(sums, registers.tiles[Sums], sizeof sums);
    for (int64_t row = 0; row < kTile; ++row) dispatch<AddRow>(sums[row], a[row], b[0]);
    std::memcpy(registers.tiles[Sums], sums, sizeof sums);
  }
};

}  // namespace

const TileKernels kEmulatedTiles{EmulatedTiles::configure, EmulatedTiles::release, multiply_any<EmulatedTiles>};

}  // namespace hyperfit::kernels
