#pragma once
#include <napi.h>

#include "binding/config_reader.h"
#include "engine/adamw.h"
#include "engine/decoder.h"
#include "engine/generation.h"
#include "engine/model.h"
#include "engine/model_config.h"

namespace hyperfit::binding {

/// A copy of B*T ids with their shape, still on the CPU: [B*T] int64.
struct HostBatch {
  at::Tensor ids;
  int64_t batch;
  int64_t sequence;
};
/// Throws ERR_SHAPE when the count is not batch * sequence or the sequence exceeds the context, and ERR_DATA for ids
/// outside [0, vocabulary) other than kIgnoreIndex where that is allowed.
HostBatch read_batch(const Napi::Value& ids, const Napi::Value& batch, const Napi::Value& sequence,
                     const ModelConfig& config, bool allow_ignored);

/// On the model's device, until its next upload.
TokenBatch to_device(const HostBatch& batch, Model& model);

/// Tokens and targets of one pass, on the host.
struct TrainingBatch {
  HostBatch tokens;
  HostBatch targets;
};
TrainingBatch read_training_batch(const Napi::Value& tokens, const Napi::Value& targets, const Napi::Value& batch,
                                  const Napi::Value& sequence, const ModelConfig& config);

/// The same on the model's device, in one upload, until the next; `token_count` targets count.
struct DeviceBatch {
  TokenBatch tokens;
  at::Tensor targets;
  int64_t token_count;
};
/// `beside`, where it is given, int64 of the host, goes in the same copy and is what came of it.
DeviceBatch to_device(const TrainingBatch& batch, Model& model, at::Tensor* beside = nullptr);

/// Prompts flattened after each other, with their lengths. Throws ERR_DATA and ERR_SHAPE as read_batch.
std::vector<std::vector<int32_t>> read_prompts(const Napi::Value& ids, const Napi::Value& lengths,
                                               const ModelConfig& config, int64_t max_new_tokens);

/// "float32" or "bfloat16". Throws ERR_CONFIG for anything else.
at::ScalarType read_compute_dtype(const Napi::Value& value);

/// "auto", "float32" or "bfloat16". Throws ERR_CONFIG for anything else, and for bfloat16 where products do not compute in it.
WeightDtype read_weight_dtype(const Napi::Value& value, at::ScalarType compute_dtype);

/// NativeGenerateOptions of lib/addon-types.ts; the citation index is looked up in this environment's table.
GenerateOptions read_generate_options(const Napi::Value& value, size_t rows);
/// Throws ERR_CONFIG for a citation blocker that was made for another vocabulary.
void check_vocabulary(const GenerateOptions& options, const ModelConfig& config);

}  // namespace hyperfit::binding
