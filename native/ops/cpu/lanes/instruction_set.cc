#include "ops/cpu/lanes/instruction_set.h"

#include <algorithm>
#include <atomic>

#include "ops/cpu/tiles/amx.h"

namespace hyperfit::kernels {
namespace {

// Levels of the x86-64 ABI, as the targets that kernels are compiled for.
InstructionSet newest_here() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  if (__builtin_cpu_supports("x86-64-v4"))
    return __builtin_cpu_supports("avx512bf16") ? InstructionSet::avx512_bf16 : InstructionSet::avx512;
  if (__builtin_cpu_supports("x86-64-v3")) return InstructionSet::avx2;
#endif
  return InstructionSet::plain;
}

// For the process: it says how to compute, never what.
std::atomic<InstructionSet> limit{InstructionSet::amx};

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet newest = newest_here();
  const InstructionSet most = limit.load(std::memory_order_relaxed);
  // The system is asked for tiles only where they may be used.
  if (newest == InstructionSet::avx512_bf16 && most == InstructionSet::amx && has_amx()) return InstructionSet::amx;
  return std::min(newest, most);
}

void limit_instruction_set(InstructionSet newest) { limit = newest; }

}  // namespace hyperfit::kernels
