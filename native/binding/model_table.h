#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "binding/tensor_table.h"
#include "engine/adamw.h"
#include "engine/citation_index.h"
#include "engine/error.h"
#include "engine/lora.h"
#include "engine/model.h"
#include "engine/running_batch.h"
#include "engine/stop_signals.h"

namespace hyperfit::binding {

/// Objects by number. Queued work holds a reference of its own, so releasing a busy object waits for that work to end.
template <class T>
class HandleMap {
 public:
  explicit HandleMap(std::string noun) : noun_(std::move(noun)) {}
  /// `bytes`: about what it holds outside of V8, which collects sooner when it knows.
  Handle put(std::shared_ptr<T> object, int64_t bytes) {
    objects_[++last_] = {std::move(object), bytes};
    bytes_ += bytes;
    return static_cast<Handle>(last_);
  }
  std::shared_ptr<T> get(Handle handle) const {
    auto found = objects_.find(key(handle));
    if (found == objects_.end()) throw Error("ERR_DISPOSED", "expected a live " + noun_ + ", got a disposed one; load it again");
    return found->second.object;
  }
  /// Gives back the object, null for one that is gone.
  std::shared_ptr<T> release(Handle handle) {
    auto found = objects_.find(key(handle));
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(found->second.object);
    bytes_ -= found->second.bytes;
    objects_.erase(found);
    return object;
  }
  size_t size() const { return objects_.size(); }
  int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::shared_ptr<T> object;
    int64_t bytes = 0;
  };
  /// 0, which no object has, for numbers that never were a handle.
  static uint64_t key(Handle handle) { return handle >= 1 && handle < 0x1p53 ? static_cast<uint64_t>(handle) : 0; }
  std::string noun_;
  uint64_t last_ = 0;
  int64_t bytes_ = 0;
  std::unordered_map<uint64_t, Entry> objects_;
};

/// An optimizer keeps its model alive. It has one of the two.
struct OptimizerHolder {
  explicit OptimizerHolder(const Ops& ops) : losses(ops) {}
  std::shared_ptr<Model> model;
  std::unique_ptr<AdamW> adamw;  // of every parameter
  std::unique_ptr<Lora> lora;    // of additions to some
  Buffer losses;                 // of the passes of a step, float64
  Retirement retirement{"optimizer"};
};

/// A batch keeps its model alive.
struct BatchHolder {
  std::shared_ptr<Model> model;
  RunningBatch batch;
  int64_t seats;
  Retirement retirement{"batch"};
};

struct ModelTable {
  HandleMap<Model> models{"model"};
  HandleMap<OptimizerHolder> optimizers{"optimizer"};
  HandleMap<CitationIndex> citation_indexes{"citation index"};
  HandleMap<BatchHolder> batches{"batch"};
  int64_t bytes() const { return models.bytes() + optimizers.bytes() + citation_indexes.bytes() + batches.bytes(); }
};

}  // namespace hyperfit::binding
