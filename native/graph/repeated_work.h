#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/memory_pool.h"

namespace hyperfit {

/// All by which a piece of work may differ from another that the same object queues: shapes, flags, addresses, numbers that launches carry.
using WorkKey = std::vector<int64_t>;

/// A number that nothing else in this process has, for keys of what is gone when others stand at its address.
int64_t unique_number();

/// Queues work that comes again and again. Of each key it runs the first time, is recorded the second, and from then on is queued as one
/// graph, on devices that have such; elsewhere it always runs. A few of the latest keys are kept.
///
/// `work` reads what changes from memory at addresses that stay, and does nothing beside queueing: where a graph is queued it is not
/// called. What it gives is what `queue` gives: of a graph one tensor, to be read before anything of this object is queued again. Kept
/// memory that grows (ops/buffer.h) makes all graphs be forgotten.
class RepeatedWork {
 public:
  RepeatedWork(c10::Device device, const char* name, size_t most = kMost) : device_(device), name_(name), most_(most) {}

  using Work = std::function<at::Tensor()>;
  at::Tensor queue(const WorkKey& key, const Work& work);
  /// What graphs read or write is about to go.
  void forget() {
    entries_.clear();
    pool_.reset();
  }

 private:
  static constexpr size_t kMost = 16;

  struct Entry {
    WorkKey key;
    std::unique_ptr<DeviceGraph> graph;
    at::Tensor result;  // of the graph
    bool refused = false;
  };
  Entry* find(const WorkKey& key);
  at::Tensor begin(const WorkKey& key, const Work& work);
  at::Tensor record(Entry& entry, const Work& work);
  at::Tensor replay(Entry& entry, const Work& work);
  void refuse(Entry& entry, const std::string& reason);

  c10::Device device_;
  const char* name_;
  size_t most_;
  int64_t moves_ = 0;        // of kept memory, when the graphs were recorded
  std::shared_ptr<MemoryPool> pool_;  // of all graphs: they are queued one after the other
  std::list<Entry> entries_;          // the latest first
};

}  // namespace hyperfit
