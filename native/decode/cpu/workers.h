#pragma once
#include <ATen/Parallel.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace hyperfit::kernels {

/// Where the threads of a team wait for each other: awake for about as long as a wake-up takes, which costs a tenth of a microsecond
/// where closing and opening a parallel region costs several; then asleep, so that a thread whose core another process took gets it back.
class Barrier {
 public:
  void wait(int64_t workers) {
    const int32_t round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == workers) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      round_.notify_all();
      return;
    }
    for (int64_t spins = 0; spins < kSpins; ++spins) {
      if (round_.load(std::memory_order_acquire) != round) return;
      rest();
    }
    while (round_.load(std::memory_order_acquire) == round) round_.wait(round, std::memory_order_acquire);
  }

 private:
  static constexpr int64_t kSpins = 1 << 12;
  static void rest() {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_ia32_pause();
#endif
  }
  alignas(64) std::atomic<int64_t> arrived_{0};
  alignas(64) std::atomic<int32_t> round_{0};
};

struct Share {
  int64_t begin, end;
};

/// One thread of a team: all workers walk through the same steps, each on its share, and barrier in between.
class Worker {
 public:
  Worker(int64_t index, int64_t size, Barrier& barrier) : index_(index), size_(size), barrier_(barrier) {}
  /// Returns when every worker has come here; what any of them wrote before is then seen by all.
  void barrier() const {
    if (size_ > 1) barrier_.wait(size_);
  }
  int64_t index() const { return index_; }
  int64_t size() const { return size_; }
  /// This worker's part of [0, count), cut at multiples of `block`.
  Share share(int64_t count, int64_t block = 1) const {
    const int64_t blocks = (count + block - 1) / block;
    return {std::min(count, blocks * index_ / size_ * block), std::min(count, blocks * (index_ + 1) / size_ * block)};
  }

 private:
  int64_t index_, size_;
  Barrier& barrier_;
};

/// Runs `body(worker)` on as many threads as libtorch uses, side by side to the end. `body` must not throw.
template <class Body>
void run_workers(const Body& body) {
  Barrier barrier;
#ifdef _OPENMP
  if (!at::in_parallel_region()) {
#pragma omp parallel num_threads(at::get_num_threads())
    body(Worker(omp_get_thread_num(), omp_get_num_threads(), barrier));
    return;
  }
#endif
  body(Worker(0, 1, barrier));
}

}  // namespace hyperfit::kernels
