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

/// What no worker owns of a piece of work: parts of it are for whoever is done with its own. It counts anew in each round.
class Rest {
 public:
  /// The next part of [0, count), which gets smaller as less is left; empty when all is taken.
  Share take(uint32_t round, int64_t count, int64_t workers) {
    uint64_t state = state_.load(std::memory_order_relaxed);
    for (;;) {
      const int64_t begin = state >> 32 == round ? static_cast<uint32_t>(state) : 0, left = count - begin;
      if (left <= 0) return {count, count};
      const int64_t end = begin + std::max<int64_t>(1, left / (2 * workers));
      if (state_.compare_exchange_weak(state, uint64_t{round} << 32 | static_cast<uint64_t>(end), std::memory_order_relaxed))
        return {begin, end};
    }
  }

 private:
  std::atomic<uint64_t> state_{0};  // the round, and how much of it is taken
};

/// One thread of a team: all workers walk through the same steps, each on its share, and barrier in between.
class Worker {
 public:
  Worker(int64_t index, int64_t size, Barrier& barrier, uint32_t round) : index_(index), size_(size), barrier_(barrier), round_(round) {}
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
  /// What this worker alone does of [0, count). A rest is left for the faster ones: cores are not equally fast where some are of another
  /// kind, or have neighbours.
  Share own(int64_t count, int64_t block) const { return share(std::min(count, owned(count, block) * block), block); }
  /// Calls body(part) for this worker's own part, then for parts of the rest until nobody has any left.
  template <class Body>
  void take_parts(Rest& rest, int64_t count, int64_t block, const Body& body) const {
    if (const Share part = own(count, block); part.begin < part.end) body(part);
    const int64_t blocks = (count + block - 1) / block, first = owned(count, block);
    for (;;) {
      const Share part = rest.take(round_, blocks - first, size_);
      if (part.begin == part.end) return;
      body(Share{(first + part.begin) * block, std::min(count, (first + part.end) * block)});
    }
  }

 private:
  // Blocks that belong to one worker or another: three quarters, unless there are few.
  int64_t owned(int64_t count, int64_t block) const {
    const int64_t blocks = (count + block - 1) / block;
    return size_ == 1 || blocks < 4 * size_ ? blocks : blocks - blocks / 4;
  }

  int64_t index_, size_;
  Barrier& barrier_;
  uint32_t round_;
};

/// Runs `body(worker)` on as many threads as libtorch uses, side by side to the end. `body` must not throw. `round`: another one each time.
template <class Body>
void run_workers(uint32_t round, const Body& body) {
  Barrier barrier;
#ifdef _OPENMP
  if (!at::in_parallel_region()) {
#pragma omp parallel num_threads(at::get_num_threads())
    body(Worker(omp_get_thread_num(), omp_get_num_threads(), barrier, round));
    return;
  }
#endif
  body(Worker(0, 1, barrier, round));
}

}  // namespace hyperfit::kernels
