#include "graph/repeated_work.h"

#include <algorithm>
#include <atomic>

#include "graph/graph_report.h"
#include "ops/buffer.h"
#include "ops/cuda/launch/context.h"

namespace hyperfit {

int64_t unique_number() {
  static std::atomic<int64_t> last{0};
  return ++last;
}

RepeatedWork::Entry* RepeatedWork::find(const WorkKey& key) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return &entries_.front();
}

at::Tensor RepeatedWork::queue(const WorkKey& key, const Work& work) {
  if (!has_graphs(device_)) return work();
  if (moves_ != memory_moves()) forget();
  Entry* entry = find(key);
  if (entry == nullptr) return begin(key, work);
  if (entry->refused) return work();
  if (!entry->graph) return record(*entry, work);
  return replay(*entry, work);
}

// Of a launch that fails nothing is queued.
at::Tensor RepeatedWork::replay(Entry& entry, const Work& work) {
  try {
    entry.graph->replay();
    count_replay();
    return entry.result;
  } catch (const cuda::DriverFailure& failure) {
    refuse(entry, failure.what());
  }
  return work();
}

void RepeatedWork::refuse(Entry& entry, const std::string& reason) {
  entry.graph.reset();
  entry.result = at::Tensor();
  entry.refused = true;
  note_refusal(name_, device_, reason);
}

// It takes what memory it needs, which is why moves are read afterwards.
at::Tensor RepeatedWork::begin(const WorkKey& key, const Work& work) {
  at::Tensor result;
  run_beside(device_, [&] { result = work(); });
  if (moves_ != memory_moves()) forget();
  moves_ = memory_moves();
  entries_.push_front({key, nullptr, {}, false});
  if (entries_.size() > most_) entries_.pop_back();
  return result;
}

at::Tensor RepeatedWork::record(Entry& entry, const Work& work) {
  if (!pool_) pool_ = MemoryPool::of(device_);
  Recording recording = record_graph(device_, [&] { entry.result = work(); }, pool_);
  if (moves_ != memory_moves()) recording = {nullptr, "expected work whose memory stays where it is, got some that moved"};
  if (recording.graph) {
    entry.graph = std::move(recording.graph);
    count_recording();
    return replay(entry, work);
  }
  refuse(entry, recording.refusal);
  return work();
}

}  // namespace hyperfit
