#include "binding/compute_thread.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

namespace hyperfit::binding {

void ComputeThread::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    // Closures hold references to JavaScript that must not be touched any more: leaked on purpose, at process end.
    if (!tasks_.empty()) new std::deque<std::function<void()>>(std::move(tasks_));
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ComputeThread::push(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    // First the thread: where the system refuses one, nothing has been queued.
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

std::function<void()> ComputeThread::next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
  if (stopping_) return nullptr;
  auto task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

void ComputeThread::run() {
  // Gradient mode is thread-local: the engine's backward is written by hand and records no tape.
  at::NoGradGuard no_grad;
  int applied = 0;
  while (auto task = next()) {
    if (int wanted = num_threads_; wanted != applied) at::set_num_threads(applied = wanted);
    task();
  }
}

}  // namespace hyperfit::binding
