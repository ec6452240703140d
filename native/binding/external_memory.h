#pragma once
#include <napi.h>

#include <cstdint>
#include <vector>

#include "binding/tensor_table.h"

namespace hyperfit::binding {

/// What V8 is to know of memory that it does not see, and the last net below `dispose`. Finalizers run after a turn of the event loop, so
/// that a synchronous loop would never free what it forgets: here the JS objects of large tensors are watched by weak references, which the
/// collector empties at once.
class ExternalMemory {
 public:
  /// `object` is the JS tensor of `handle`.
  void watch(Napi::Env env, Handle handle, Napi::Value object);
  /// Reports `other_bytes` and those of `tensors`. Once they have grown by much, collects and frees the tensors that nobody holds any more.
  void settle(Napi::Env env, TensorTable& tensors, int64_t other_bytes);
  /// Something was refused for want of memory. Its caller's own objects still live: the next calls free what nobody holds by then.
  void note_shortage() { calls_short_ = kCallsShort; }
  /// After a shortage collects, and frees the tensors that nobody holds any more; else nothing.
  void settle_shortage(Napi::Env env, TensorTable& tensors) {
    if (calls_short_ == 0) return;
    --calls_short_;
    make_room(env, tensors);
  }

 private:
  struct Watched {
    Handle handle;
    napi_ref object;
  };
  void report(Napi::Env env, int64_t bytes);
  static constexpr int kCallsShort = 3;
  void make_room(Napi::Env env, TensorTable& tensors);
  void collect(Napi::Env env);
  void free_forgotten(Napi::Env env, TensorTable& tensors);
  std::vector<Watched> watched_;
  int calls_short_ = 0;  // that are still to look
  size_t watched_after_ = 0;     // when they were last looked through
  int64_t bytes_after_ = 0;      // the least since the last collection
  int64_t reported_bytes_ = 0;
};

}  // namespace hyperfit::binding
