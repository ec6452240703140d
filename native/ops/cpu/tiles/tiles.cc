#include "ops/cpu/tiles/tiles.h"

#include <atomic>

#include "ops/cpu/lanes/instruction_set.h"

namespace hyperfit::kernels {
namespace {

std::atomic<bool> emulated{false};

}  // namespace

bool has_tiles() { return emulated.load(std::memory_order_relaxed) || instruction_set() == InstructionSet::amx; }
const TileKernels& tile_kernels() { return emulated.load(std::memory_order_relaxed) ? kEmulatedTiles : kAmxTiles; }
bool emulate_tiles(bool on) { return emulated.exchange(on); }

}  // namespace hyperfit::kernels
