// TDPBF16PS itself: numbers of every size, denormal ones among them, two by two tiles and two steps, added to what stood there.
#include "check.h"
#include "ops/cpu/tiles/tiles.h"

namespace check {
namespace {

using namespace hyperfit::kernels;

// Exponents of bfloat16 in each round: around one, from nothing up, wide, and so small that most products are denormal.
uint32_t exponent_of(int round, uint32_t word) {
  switch (round % 4) {
    case 0: return 90 + word % 70;
    case 1: return word % 60;
    case 2: return 100 + word % 50;
    default: return word % 3 != 0 ? 60 + word % 8 : 0;
  }
}

std::vector<uint16_t> elements(int round) {
  std::vector<uint16_t> bits(4 * kTile * kTileSummed);
  for (uint16_t& x : bits) {
    const uint32_t word = numbers()();
    x = static_cast<uint16_t>((word >> 16 & 0x807f) | exponent_of(round, word) << 7);
  }
  return bits;
}

std::vector<uint32_t> sums_before() {
  std::vector<uint32_t> bits(4 * kTile * kTile);
  for (uint32_t& x : bits) {
    const uint32_t word = numbers()();
    x = (word & 0x807fffff) | (60 + word % 100) << 23;
  }
  return bits;
}

void multiply(const TileKernels& kernels, const std::vector<uint16_t>& a, const std::vector<uint16_t>& b, std::vector<uint32_t>& sums) {
  TileProduct product{};
  product.a = reinterpret_cast<const char*>(a.data());
  product.a_row = kTileRowBytes;
  product.a_tile = 2 * kTileBytes;
  product.a_step = kTileBytes;
  product.b = reinterpret_cast<const char*>(b.data());
  product.b_step = 2 * kTileBytes;
  product.steps = product.row_tiles = product.column_tiles = 2;
  product.sums = reinterpret_cast<float*>(sums.data());
  product.sums_row = 2 * kTile;
  product.adds = true;
  kernels.configure();
  kernels.multiply(product);
  kernels.release();
}

}  // namespace

void check_instruction() {
  if (!use(Way::amx)) return;
  for (int round = 0; round < 40; ++round) {
    const auto a = elements(round), b = elements(round);
    auto emulated = sums_before(), sums = emulated;
    multiply(kEmulatedTiles, a, b, emulated);
    multiply(kAmxTiles, a, b, sums);
    expect(same_bits(emulated, sums), "tdpbf16ps, numbers of round " + std::to_string(round));
  }
}

}  // namespace check
