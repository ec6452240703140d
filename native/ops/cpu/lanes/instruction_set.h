#pragma once
#include "ops/cpu/lanes/lanes_of.h"

namespace hyperfit::kernels {

/// From the oldest to the newest. `plain` is what every machine of its kind has: SSE2, or NEON; avx512_bf16 also multiplies
/// pairs of bfloat16, amx whole tiles of them (tiles/tiles.h).
enum class InstructionSet { plain, avx2, avx512, avx512_bf16, amx };

/// The newest one that the machine and the limit allow.
InstructionSet instruction_set();
/// For the process, so that a machine can test what older ones run. amx, the default, is no limit.
void limit_instruction_set(InstructionSet newest);

// One source, compiled for several instruction sets: Kernel::run<L>(arguments...) with lanes L as wide as the registers
// are. It has to be always_inline, as everything that takes or gives lanes, since registers of different widths are passed
// in different ways.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
template <class Kernel, class... Arguments>
__attribute__((target("arch=x86-64-v4"))) void run_avx512(Arguments... arguments) {
  Kernel::template run<LanesOf<16>>(arguments...);
}
template <class Kernel, class... Arguments>
__attribute__((target("arch=x86-64-v3"))) void run_avx2(Arguments... arguments) {
  Kernel::template run<LanesOf<8>>(arguments...);
}
#endif

/// Runs a kernel on this machine.
template <class Kernel, class... Arguments>
void dispatch(Arguments... arguments) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  switch (instruction_set()) {
    case InstructionSet::amx:
    case InstructionSet::avx512_bf16:
    case InstructionSet::avx512:
      return run_avx512<Kernel>(arguments...);
    case InstructionSet::avx2:
      return run_avx2<Kernel>(arguments...);
    case InstructionSet::plain:
      break;
  }
#endif
  Kernel::template run<LanesOf<4>>(arguments...);
}

}  // namespace hyperfit::kernels
