#include "ops/cpu/tiles/amx.h"

#ifdef HYPERFIT_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace hyperfit::kernels {

#ifdef HYPERFIT_AMX
namespace {

struct Leaf {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  Leaf(uint32_t number, uint32_t part) {
    if (__get_cpuid_count(number, part, &a, &b, &c, &d) == 0) a = b = c = d = 0;
  }
};

bool bit(uint32_t word, int which) { return (word >> which & 1) != 0; }

// AMX-BF16 and AMX-TILE; eight registers of 16 rows of 64 bytes (palette 1); products of 16 pairs by 64 bytes.
bool processor_has_tiles() {
  const Leaf features(7, 0);
  if (!bit(features.d, 22) || !bit(features.d, 24)) return false;
  const Leaf palettes(0x1d, 0), palette(0x1d, 1), products(0x1e, 0);
  const bool registers = palettes.a >= 1 && (palette.a & 0xffff) >= 8 * 1024 && palette.a >> 16 >= 1024 && (palette.b & 0xffff) >= 64 &&
                         palette.b >> 16 >= 8 && (palette.c & 0xffff) >= 16;
  return registers && (products.b & 0xff) >= 16 && (products.b >> 8 & 0xffff) >= 64;
}

// XCR0: the system saves configuration (17) and data (18) of tiles.
bool system_saves_tiles() {
  if (!bit(Leaf(1, 0).c, 27)) return false;  // OSXSAVE: without it XGETBV is no instruction
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return bit(low, 17) && bit(low, 18);
}

// Linux gives the data of tiles to those who ask (5.16); an older one, or a sandbox, refuses.
bool system_permits_tiles() {
  constexpr long kGetPermissions = 0x1022, kRequestPermission = 0x1023, kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0) return false;
  uint64_t permitted = 0;
  return syscall(SYS_arch_prctl, kGetPermissions, &permitted) == 0 && (permitted >> kTileData & 1) != 0;
}

}  // namespace

bool has_amx() {
  static const bool kHas = processor_has_tiles() && system_saves_tiles() && system_permits_tiles();
  return kHas;
}
#else
bool has_amx() { return false; }
#endif

}  // namespace hyperfit::kernels
