// Tiles of the processor. The only source with their instructions, which are asm: the compiler needs no flag for them, nothing else is
// compiled for them, and "memory" says what GCC's own forms of the loads leave out, that memory is read.
#include "ops/cpu/tiles/amx.h"
#include "ops/cpu/tiles/tile_loops.h"

namespace hyperfit::kernels {

#ifdef HYPERFIT_AMX
namespace {

/// What LDTILECFG reads: 64 bytes, the reserved ones 0.
struct alignas(64) Configuration {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(Configuration) == 64);

constexpr Configuration whole_tiles() {
  Configuration configuration{};
  configuration.palette = 1;
  for (int tile = 0; tile < 8; ++tile) {
    configuration.row_bytes[tile] = kTileRowBytes;
    configuration.rows[tile] = kTile;
  }
  return configuration;
}
constexpr Configuration kWholeTiles = whole_tiles();

struct AmxTiles {
  static void configure() { asm volatile("ldtilecfg %0" : : "m"(kWholeTiles) : "memory"); }
  static void release() { asm volatile("tilerelease" : : : "memory"); }
  template <int T>
  static inline void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  template <int T>
  static inline void load(const void* from, int64_t row_bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(row_bytes), "i"(T) : "memory");
  }
  template <int T>
  static inline void store(void* to, int64_t row_bytes) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(row_bytes), "i"(T) : "memory");
  }
  // AT&T's order: b, a, sums.
  template <int Sums, int A, int B>
  static inline void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(A), "i"(B));
  }
};

}  // namespace

const TileKernels kAmxTiles{AmxTiles::configure, AmxTiles::release, multiply_any<AmxTiles>};
#else
const TileKernels kAmxTiles{};
#endif

}  // namespace hyperfit::kernels
