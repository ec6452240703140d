#pragma once
#include <cstdint>

/// One source, compiled for several instruction sets; the loader picks one for the machine it runs on (an ifunc), so a
/// binary built anywhere runs on plain x86-64 and uses AVX-512 where there is one. Elsewhere the compiler's own vectors serve.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HYPERFIT_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HYPERFIT_KERNEL
#endif

namespace hyperfit::kernels {

/// Sixteen floats, whatever the machine's registers: one with AVX-512, two with AVX2, four with SSE or NEON. Explicit
/// lanes fix the order of every sum, which auto-vectorisation would leave to the compiler.
typedef float Lanes __attribute__((vector_size(64), aligned(4)));
constexpr int64_t kLanes = 16;

}  // namespace hyperfit::kernels
