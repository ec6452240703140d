#include "ops/cpu/tiles/tile_target.h"

#include <algorithm>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/lane_functions.h"
#include "ops/cpu/lanes/transpose.h"

namespace hyperfit::kernels {
namespace {

template <class Y>
struct StoreTiles {
  template <class L>
  [[gnu::always_inline]] static inline void run(const TileTarget<Y>& t) {
    t.transposed ? store_transposed<L>(t) : store<L>(t);
  }

 private:
  template <class L>
  [[gnu::always_inline]] static inline void store_lanes(const TileTarget<Y>& t, int64_t line, int64_t from, L sums, int64_t count) {
    Y* to = t.y + line * t.y_stride + from;
    const float* addend = t.addend ? t.addend + line * t.addend_stride + from : nullptr;
    if (count >= kLanes) {
      if (addend) sums += L::load(addend);
      sums.store(to);
    } else {
      if (addend) sums += load_some<L>(addend, count);
      store_some(to, sums, count);
    }
  }

  template <class L>
  [[gnu::always_inline]] static inline void store(const TileTarget<Y>& t) {
    for (int64_t row = 0; row < t.rows; ++row) {
      for (int64_t column = 0; column < t.columns; column += kLanes) {
        store_lanes<L>(t, row, column, L::load(t.sums + row * t.sums_row + column), t.columns - column);
      }
    }
  }

  template <class L>
  [[gnu::always_inline]] static inline void store_transposed(const TileTarget<Y>& t) {
    for (int64_t column = 0; column < t.columns; column += kLanes) {
      for (int64_t row = 0; row < t.rows; row += kLanes) {
        L block[kLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) block[i] = L::load(t.sums + (row + i) * t.sums_row + column);
        transpose(block);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          if (column + i < t.columns) store_lanes<L>(t, column + i, row, block[i], t.rows - row);
        }
      }
    }
  }
};

}  // namespace

template <class Y>
void store_tiles(const TileTarget<Y>& target) {
  dispatch<StoreTiles<Y>>(target);
}
template void store_tiles(const TileTarget<float>&);
template void store_tiles(const TileTarget<c10::BFloat16>&);

}  // namespace hyperfit::kernels
