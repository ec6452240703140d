// The CPU's kernels by every set of instructions that the processor has, without libtorch, Node or threads, so that an emulator of a
// processor runs them too (check-instructions.mjs). Tiles are compared with their emulation to the bit, everything with doubles or
// with AVX2.
#include <cstdio>

#include "check.h"
#include "ops/cpu/tiles/tiles.h"

namespace check {
namespace {

using hyperfit::kernels::InstructionSet;

Count count;

InstructionSet set_of(Way way) {
  switch (way) {
    case Way::avx512_bf16: return InstructionSet::avx512_bf16;
    case Way::avx512: return InstructionSet::avx512;
    case Way::avx2: return InstructionSet::avx2;
    case Way::plain: return InstructionSet::plain;
    default: return InstructionSet::amx;
  }
}

}  // namespace

bool use(Way way) {
  hyperfit::kernels::emulate_tiles(way == Way::emulated_tiles);
  hyperfit::kernels::limit_instruction_set(set_of(way));
  return way == Way::emulated_tiles || hyperfit::kernels::instruction_set() == set_of(way);
}

const char* name_of(Way way) {
  constexpr const char* kNames[] = {"emulated tiles", "amx", "avx512_bf16", "avx512", "avx2", "plain"};
  return kNames[static_cast<int>(way)];
}

void expect(bool good, const std::string& what) {
  ++count.checks;
  if (good) return;
  ++count.faults;
  std::printf("FAULT %s\n", what.c_str());
}
Count counted() { return count; }

std::mt19937& numbers() {
  static std::mt19937 source(1);
  return source;
}

}  // namespace check

int main() {
  std::printf("instructions:");
  for (const auto way : {check::Way::amx, check::Way::avx512_bf16, check::Way::avx512, check::Way::avx2, check::Way::plain}) {
    if (check::use(way)) std::printf(" %s", check::name_of(way));
  }
  std::printf("\n");
  const struct {
    const char* name;
    void (*run)();
  } parts[] = {{"instruction", check::check_instruction},
               {"lanes", check::check_lanes},
               {"few rows", check::check_few_rows},
               {"attention", check::check_attention},
               {"products", check::check_products}};
  for (const auto& part : parts) {
    const check::Count before = check::counted();
    part.run();
    std::printf("%s: %d checks, %d faults\n", part.name, check::counted().checks - before.checks, check::counted().faults - before.faults);
    std::fflush(stdout);
  }
  return check::counted().faults == 0 ? 0 : 1;
}
