#pragma once
// A product of tiles, written once over what a tile register can do. `Tiles` has, for registers 0 to 7, zero<T>, load<T>(from, row
// bytes), store<T>(to, row bytes) and multiply<sums, a, b>.
#include "ops/cpu/tiles/tiles.h"

namespace hyperfit::kernels {
namespace {

constexpr int kFirstA = 4, kFirstB = 6;  // registers 0 to 3 hold the sums

template <class Tiles, int R, int C>
inline void begin_sums(const TileProduct& p) {
  const int64_t row = p.sums_row * static_cast<int64_t>(sizeof(float));
  auto begin = [&]<int r, int c>() {
    if constexpr (r < R && c < C) {
      if (p.adds) {
        Tiles::template load<2 * r + c>(p.sums + r * kTile * p.sums_row + c * kTile, row);
      } else {
        Tiles::template zero<2 * r + c>();
      }
    }
  };
  begin.template operator()<0, 0>();
  begin.template operator()<0, 1>();
  begin.template operator()<1, 0>();
  begin.template operator()<1, 1>();
}

template <class Tiles, int R, int C>
inline void store_sums(const TileProduct& p) {
  const int64_t row = p.sums_row * static_cast<int64_t>(sizeof(float));
  auto store = [&]<int r, int c>() {
    if constexpr (r < R && c < C) Tiles::template store<2 * r + c>(p.sums + r * kTile * p.sums_row + c * kTile, row);
  };
  store.template operator()<0, 0>();
  store.template operator()<0, 1>();
  store.template operator()<1, 0>();
  store.template operator()<1, 1>();
}

// Each tile is loaded just before the first product that takes it: a product takes 16 cycles, in which the next loads run.
template <class Tiles, int R, int C>
inline void multiply_step(const char* a, const char* b, const TileProduct& p) {
  Tiles::template load<kFirstA>(a, p.a_row);
  Tiles::template load<kFirstB>(b, kTileRowBytes);
  Tiles::template multiply<0, kFirstA, kFirstB>();
  if constexpr (C == 2) {
    Tiles::template load<kFirstB + 1>(b + kTileBytes, kTileRowBytes);
    Tiles::template multiply<1, kFirstA, kFirstB + 1>();
  }
  if constexpr (R == 2) {
    Tiles::template load<kFirstA + 1>(a + p.a_tile, p.a_row);
    Tiles::template multiply<2, kFirstA + 1, kFirstB>();
    if constexpr (C == 2) Tiles::template multiply<3, kFirstA + 1, kFirstB + 1>();
  }
}

template <class Tiles, int R, int C>
inline void multiply_tiles(const TileProduct& p) {
  begin_sums<Tiles, R, C>(p);
  const char *a = p.a, *b = p.b, *ahead = p.ahead;
  for (int64_t step = 0; step < p.steps; ++step, a += p.a_step, b += p.b_step) {
    if (p.next_a != 0) {
      for (int r = 0; r < R; ++r) {
        const char* next = a + p.next_a + r * p.a_tile;
        for (int64_t row = 0; row < kTile; ++row, next += p.a_row) __builtin_prefetch(next, 0, 2);
      }
    }
    for (int64_t line = 0; line < p.ahead_lines; ++line, ahead += kTileRowBytes) __builtin_prefetch(ahead, 0, 2);
    multiply_step<Tiles, R, C>(a, b, p);
  }
  store_sums<Tiles, R, C>(p);
}

template <class Tiles>
void multiply_any(const TileProduct& p) {
  if (p.row_tiles == 2) return p.column_tiles == 2 ? multiply_tiles<Tiles, 2, 2>(p) : multiply_tiles<Tiles, 2, 1>(p);
  p.column_tiles == 2 ? multiply_tiles<Tiles, 1, 2>(p) : multiply_tiles<Tiles, 1, 1>(p);
}

}  // namespace
}  // namespace hyperfit::kernels
