#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace hyperfit::binding {

/// The one thread that does all long work, in the order it was asked for. One thread, because each thread that opens
/// an OpenMP region owns a team of its own, and two teams on the same cores stall each other. Starts with the first task.
class ComputeThread {
 public:
  ComputeThread() = default;
  ~ComputeThread() { stop(); }
  /// Drops what is queued and waits for the task that runs. For good; a second call does nothing.
  void stop();
  /// Throws std::system_error where the system refuses a thread.
  void push(std::function<void()> task);
  /// Takes effect before the next task; OpenMP's thread count belongs to the thread that asks.
  void set_num_threads(int threads) { num_threads_ = threads; }
  /// True once the environment goes down; long work then ends early.
  const std::atomic<bool>& stopping() const { return stopping_; }

 private:
  void run();
  std::function<void()> next();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> num_threads_{0};
  std::thread thread_;
};

}  // namespace hyperfit::binding
