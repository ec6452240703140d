#pragma once

/// One source, compiled for several instruction sets; the loader picks one for the machine it runs on (an ifunc), so a
/// binary built anywhere runs on plain x86-64 and uses AVX-512 where there is one. Elsewhere the compiler's own vectors serve.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HYPERFIT_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HYPERFIT_KERNEL
#endif
