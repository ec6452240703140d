#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

namespace hyperfit::kernels {

/// Threads that kernels share their work with. Kernels know no libtorch (CMakeLists.txt says why), so whoever has it gives them its
/// threads.
struct Threads {
  using Body = void (*)(const void* context, int64_t begin, int64_t end);

  int (*count)();
  /// Calls body(context, begin, end) for parts of [first, last), each of `grain` or more, and comes back when all are done. What a part
  /// throws comes out of it.
  void (*run)(int64_t first, int64_t last, int64_t grain, Body body, const void* context);
};

/// For the process, before the first kernel. Until then there is the calling thread alone.
void use_threads(const Threads& threads);
const Threads& threads();

/// How many a kernel's work may be shared by.
inline int thread_count() { return threads().count(); }

/// Calls body(begin, end) for parts of [first, last) of at least `grain`, on as many threads as there are. Inside of such a part it is the
/// calling thread.
template <class Body>
void parallel_for(int64_t first, int64_t last, int64_t grain, const Body& body) {
  threads().run(
      first, last, grain, [](const void* context, int64_t begin, int64_t end) { (*static_cast<const Body*>(context))(begin, end); }, &body);
}

/// The same in parts that get smaller, down to `least`, each for the thread that is free next: cores are not equally fast where some are of
/// another kind, or have neighbours. Parts of more than a `group` end with one.
template <class Body>
void share(int64_t first, int64_t last, int64_t least, int64_t group, const Body& body) {
  const int64_t workers = std::min<int64_t>(thread_count(), (last - first + least - 1) / least);
  if (workers <= 1) return body(first, last);
  std::atomic<int64_t> next{first};
  parallel_for(0, workers, 1, [&](int64_t, int64_t) {
    for (int64_t begin = next; begin < last;) {
      const int64_t size = std::max(least, 3 * (last - begin) / (4 * workers)), end = begin + size;
      const int64_t even = size > group ? end - (end - first) % group : end, stop = std::min(last, std::max(even, begin + least));
      if (!next.compare_exchange_weak(begin, stop)) continue;
      body(begin, stop);
      begin = next;
    }
  });
}

}  // namespace hyperfit::kernels
