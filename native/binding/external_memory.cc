#include "binding/external_memory.h"

#include <algorithm>
#include <cstdlib>

namespace hyperfit::binding {
namespace {

// Telling V8 is too slow for every tensor.
constexpr int64_t kReportChunk = 1 << 20;
constexpr int64_t kSlack = int64_t{32} << 20;
constexpr size_t kWatchedSlack = 4096;
// More than any heap's limit: V8 collects before the call that reports it returns.
constexpr int64_t kPressure = int64_t{1} << 45;

}  // namespace

void ExternalMemory::watch(Napi::Env env, Handle handle, Napi::Value object) {
  napi_ref reference = nullptr;
  if (napi_create_reference(env, object, 0, &reference) != napi_ok) return;  // the finalizer is left
  watched_.push_back({handle, reference});
}

void ExternalMemory::settle(Napi::Env env, TensorTable& tensors, int64_t other_bytes) {
  const auto bytes = [&] { return tensors.live_bytes() + other_bytes; };
  report(env, bytes());
  bytes_after_ = std::min(bytes_after_, bytes());
  const auto has_grown = [&] { return bytes() > bytes_after_ + std::max(kSlack, bytes_after_ / 2); };
  if (!has_grown() && watched_.size() < 2 * watched_after_ + kWatchedSlack) return;
  free_forgotten(env, tensors);
  if (!has_grown()) return;
  make_room(env, tensors);
  bytes_after_ = bytes();
  report(env, bytes());
}

void ExternalMemory::make_room(Napi::Env env, TensorTable& tensors) {
  const size_t watched = watched_.size();
  collect(env);
  free_forgotten(env, tensors);
  if (watched_.size() < watched) calls_short_ = 0;
}

void ExternalMemory::report(Napi::Env env, int64_t bytes) {
  if (std::abs(bytes - reported_bytes_) < kReportChunk) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_bytes_);
  reported_bytes_ = bytes;
}

void ExternalMemory::collect(Napi::Env env) {
  Napi::MemoryManagement::AdjustExternalMemory(env, kPressure);
  Napi::MemoryManagement::AdjustExternalMemory(env, -kPressure);
}

void ExternalMemory::free_forgotten(Napi::Env env, TensorTable& tensors) {
  Napi::HandleScope scope(env);
  const auto is_gone = [&](const Watched& watched) {
    napi_value object = nullptr;
    const bool is_held =
        tensors.is_live(watched.handle) && napi_get_reference_value(env, watched.object, &object) == napi_ok && object != nullptr;
    if (is_held) return false;
    tensors.release(watched.handle);
    napi_delete_reference(env, watched.object);
    return true;
  };
  watched_.erase(std::remove_if(watched_.begin(), watched_.end(), is_gone), watched_.end());
  watched_after_ = watched_.size();
}

}  // namespace hyperfit::binding
