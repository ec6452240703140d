#include "graph/graph_report.h"

#include <atomic>
#include <mutex>
#include <set>
#include <utility>

namespace hyperfit {
namespace {

std::atomic<int64_t> recorded{0}, replays{0}, refusals{0};
std::mutex mutex;  // over what is below
std::string first_refusal;
std::optional<std::string> note;
std::set<std::string>& noted() {
  static auto* made = new std::set<std::string>();
  return *made;
}

}  // namespace

GraphReport graph_report() {
  const std::lock_guard lock(mutex);
  return {recorded.load(), replays.load(), refusals.load(), first_refusal};
}

void count_recording() { ++recorded; }
void count_replay() { ++replays; }

void note_refusal(const char* work, c10::Device device, const std::string& reason) {
  const std::string text =
      "expected to record " + std::string(work) + " on " + device.str() + " as a graph, got \"" + reason +
      "\"; it runs operator by operator, which costs the host more; HYPERFIT_CUDA_GRAPHS=0 does without graphs from the start";
  ++refusals;
  const std::lock_guard lock(mutex);
  if (first_refusal.empty()) first_refusal = text;
  if (noted().insert(work).second) note = text;
}

std::optional<std::string> take_graph_note() {
  const std::lock_guard lock(mutex);
  return std::exchange(note, std::nullopt);
}

}  // namespace hyperfit
