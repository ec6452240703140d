#pragma once
#include <napi.h>

#include <cstdint>
#include <memory>

#include "binding/compute_thread.h"
#include "binding/external_memory.h"
#include "binding/tensor_table.h"

namespace hyperfit::binding {

struct ModelTable;

/// Everything the addon keeps, per JavaScript environment: workers and jest files each load the same binary.
/// No statics. Torn down when the environment goes.
struct AddonData {
  AddonData();
  ~AddonData();
  TensorTable tensors;
  ExternalMemory external;
  std::unique_ptr<ModelTable> models;
  bool stops_at_exit = false;  // the exit of the process is listened to
  ComputeThread compute;  // last member, so it is joined first
};

inline AddonData& addon_data(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

/// How many models are loaded and not yet disposed (model_binding.cc).
int64_t live_models(Napi::Env env);

/// About how many bytes models, optimizers, batches and indexes hold (model_binding.cc).
int64_t model_table_bytes(Napi::Env env);

/// One `init` per domain; module.cc is the table of contents.
void init_tensor(Napi::Env env, Napi::Object exports);
void init_model(Napi::Env env, Napi::Object exports);
void init_files(Napi::Env env, Napi::Object exports);
void init_library(Napi::Env env, Napi::Object exports);

}  // namespace hyperfit::binding
