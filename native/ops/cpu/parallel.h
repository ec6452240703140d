#pragma once
#include <cstdint>

namespace hyperfit::kernels {

/// Threads that kernels share their work with. Kernels know no libtorch (CMakeLists.txt says why), so whoever has it gives them its threads.
struct Threads {
  using Body = void (*)(const void* context, int64_t begin, int64_t end);

  int (*count)();
  /// Calls body(context, begin, end) for parts of [first, last), each of `grain` or more, and comes back when all are done. What a part throws
  /// comes out of it.
  void (*run)(int64_t first, int64_t last, int64_t grain, Body body, const void* context);
};

/// For the process, before the first kernel. Until then there is the calling thread alone.
void use_threads(const Threads& threads);
const Threads& threads();

/// How many a kernel's work may be shared by.
inline int thread_count() { return threads().count(); }

/// Calls body(begin, end) for parts of [first, last) of at least `grain`, on as many threads as there are. Inside of such a part it is the calling thread.
template <class Body>
void parallel_for(int64_t first, int64_t last, int64_t grain, const Body& body) {
  threads().run(first, last, grain, [](const void* context, int64_t begin, int64_t end) { (*static_cast<const Body*>(context))(begin, end); }, &body);
}

}  // namespace hyperfit::kernels
