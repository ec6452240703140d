#include "last_operator.h"

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "counts.h"
#include "memory.h"
#include "recorder.h"

namespace guard {
namespace {

struct LastOperator {
  const char* name = nullptr;
  int device = 0;
};

thread_local LastOperator last_of_thread;
std::atomic<const char*> last_of_process{nullptr};
struct sigaction earlier_handler;

/// A line on the stack, written at once: a signal handler may take no memory.
class Line {
 public:
  Line& add(const char* text) {
    const size_t length = std::min(std::strlen(text), sizeof(text_) - length_);
    std::memcpy(text_ + length_, text, length);
    length_ += length;
    return *this;
  }
  void write_out() const { [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text_, length_); }

 private:
  char text_[1024];
  size_t length_ = 0;
};

const char* name_of(int device) { return device == 0 ? "guard:0" : "guard:1"; }

void report(int device) {
  const char* in_process = last_of_process.load();
  Line line;
  line.add("guard: the host touched memory of ").add(name_of(device)).add("; last operator of this thread: ");
  if (last_of_thread.name == nullptr) {
    line.add("none");
  } else {
    line.add(last_of_thread.name).add(" on ").add(name_of(last_of_thread.device));
  }
  line.add("; of the process: ").add(in_process == nullptr ? "none" : in_process).add("\n").write_out();
  void* frames[32];
  backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
}

void end_by_default() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGSEGV, &standard, nullptr);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const int device = device_at(reinterpret_cast<uintptr_t>(info->si_addr));
  if (device < 0) {  // somebody else's fault: V8 has a handler of its own
    if ((earlier_handler.sa_flags & SA_SIGINFO) != 0) return earlier_handler.sa_sigaction(signal, info, context);
    if (earlier_handler.sa_handler == SIG_DFL || earlier_handler.sa_handler == SIG_IGN) return end_by_default();
    return earlier_handler.sa_handler(signal);
  }
  static std::atomic_flag reported = ATOMIC_FLAG_INIT;
  while (reported.test_and_set()) pause();  // another thread touched it too, and is about to end the process
  report(device);
  end_by_default();  // the same access faults again and ends the process
}

}  // namespace

void enter_operator(const std::string& name, c10::DeviceIndex device) {
  if (is_replaying()) return;  // a graph is queued as one
  const char* kept = count_operator(name).c_str();
  last_of_thread = {kept, device};
  last_of_process = kept;
}

void install_fault_handler() {
  void* frames[1];
  backtrace(frames, 1);  // loads what it needs now, since a handler may not
  device_at(0);
  struct sigaction handler {};
  handler.sa_sigaction = on_fault;
  handler.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGSEGV, &handler, &earlier_handler);
}

}  // namespace guard
