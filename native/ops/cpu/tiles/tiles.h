#pragma once
#include <cstdint>

namespace hyperfit::kernels {

// Tile registers (Intel AMX): eight of 16 rows of 64 bytes. Here a tile is always whole: 16 rows of 32 bfloat16, 16 pairs of rows of
// 16 columns (what belongs to rows 2p and 2p + 1 of the summed dimension stands side by side), or 16 x 16 float32 sums. What is
// smaller is filled up with zeros in memory, so that one configuration serves all products.
constexpr int64_t kTile = 16;              // rows, and columns of sums
constexpr int64_t kTileSummed = 32;        // elements of the summed dimension in one step
constexpr int64_t kTileRowBytes = 64;      // of every kind
constexpr int64_t kTileBytes = kTile * kTileRowBytes;

/// One or two tiles of rows times one or two of columns: sums [16 row_tiles, 16 column_tiles] = (or +=) a b. Distances in bytes.
struct TileProduct {
  const char* a;  // 16 rows, a_row apart; the next tile of rows a_tile, the next 32 that are summed a_step further
  int64_t a_row, a_tile, a_step;
  const char* b;  // 16 pairs side by side; the next tile of columns stands behind, the next 32 that are summed b_step further
  int64_t b_step;
  int64_t steps;
  float* sums;
  int64_t sums_row;
  bool adds;
  int64_t row_tiles, column_tiles;
  int64_t next_a;      // how far off the rows stand that memory is asked for meanwhile; 0 for none
  const char* ahead;   // as many lines a step, which are asked for too
  int64_t ahead_lines;
};

/// One implementation of tiles.
struct TileKernels {
  void (*configure)();  // on the thread that multiplies
  void (*release)();    // before the thread does anything else: libtorch uses tiles too
  void (*multiply)(const TileProduct& product);
};

/// Those of the processor, only where has_amx() (amx.h).
extern const TileKernels kAmxTiles;
/// What the processor's are defined to compute, in plain C++: the oracle of kernels over tiles, and their stand-in where there are none.
extern const TileKernels kEmulatedTiles;

/// Whether products of bfloat16 go by tiles: this machine, as limited (instruction_set.h), has them, or they are emulated.
bool has_tiles();
const TileKernels& tile_kernels();
/// For the process, for tests. Says whether they were.
bool emulate_tiles(bool emulated);

/// Tiles are configured for as long as this lives, on the thread that made it.
class TileScope {
 public:
  TileScope() : kernels_(tile_kernels()) { kernels_.configure(); }
  ~TileScope() { kernels_.release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
  void multiply(const TileProduct& product) const { kernels_.multiply(product); }

 private:
  const TileKernels& kernels_;
};

}  // namespace hyperfit::kernels
