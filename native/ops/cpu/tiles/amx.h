#pragma once
// clang gets the plain kernels (lanes/instruction_set.h).
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define HYPERFIT_AMX
#endif

namespace hyperfit::kernels {

/// Whether this process may use tiles of bfloat16: the processor has them in the size that the kernels take, and the system saves them
/// between threads and has permitted them, for which it is asked once.
bool has_amx();

}  // namespace hyperfit::kernels
