#include "binding/model_readers.h"

#include <ATen/ops/empty.h>

#include "binding/addon_data.h"
#include "binding/model_table.h"
#include "binding/readers.h"

namespace hyperfit::binding {
namespace {

// Targets are predicted, so they are ids of the head; tokens are ids of the embedding.
void check_id(int64_t id, const ModelConfig& config, bool is_target, size_t index) {
  const int64_t count = is_target ? config.output_vocab_size : config.vocab_size;
  if ((id >= 0 && id < count) || (is_target && id == kIgnoreIndex)) return;
  throw Error("ERR_DATA", "expected token ids from 0 to " + std::to_string(count - 1) + ", got " +
                              std::to_string(id) + " at index " + std::to_string(index) +
                              "; tokenize the text with this model's tokenizer");
}

void check_context(int64_t length, const ModelConfig& config) {
  if (length <= config.max_position_embeddings) return;
  throw Error("ERR_SHAPE", "expected at most " + std::to_string(config.max_position_embeddings) +
                               " positions (the model's context), got " + std::to_string(length) +
                               "; shorten the sequence or lower maxNewTokens");
}

void read_citation(const Napi::Value& value, GenerateOptions& options) {
  if (value.IsUndefined() || value.IsNull()) return;
  const Napi::Object object = read_object(value, "citation");
  options.citation_index =
      addon_data(value.Env()).models->citation_indexes.get(read_handle(object.Get("index"), "citation.index"));
  options.citation_counts_prompt = read_boolean(object.Get("countPrompt"), "citation.countPrompt");
  options.citation_rule.wait_for_word_end = read_boolean(object.Get("waitForWordEnd"), "citation.waitForWordEnd");
  options.citation_rule.all_continuations = read_string(object.Get("banned"), "citation.banned") == "all";
  options.citation_rule.ban_eos_at_end = read_string(object.Get("sequenceEnd"), "citation.sequenceEnd") == "ban-eos";
}

void read_logit_bias(const Napi::Value& value, GenerateOptions& options) {
  if (value.IsUndefined() || value.IsNull()) return;
  const Napi::Object object = read_object(value, "logitBias");
  const std::span<int32_t> ids = read_typed_array<int32_t>(object.Get("ids"), "logitBias.ids");
  const std::span<float> values = read_typed_array<float>(object.Get("values"), "logitBias.values");
  if (ids.size() != values.size()) throw Error("ERR_SHAPE", "expected one of `logitBias.values` for each id");
  for (size_t index = 0; index < ids.size(); ++index) options.logit_bias.emplace_back(ids[index], values[index]);
}

}  // namespace

at::ScalarType read_compute_dtype(const Napi::Value& value) {
  const std::string dtype = read_string(value, "computeDtype");
  if (dtype == "float32") return at::kFloat;
  if (dtype == "bfloat16") return at::kBFloat16;
  throw Error("ERR_CONFIG", "expected \"float32\" or \"bfloat16\" for `computeDtype`, got \"" + dtype + "\"");
}

WeightDtype read_weight_dtype(const Napi::Value& value, at::ScalarType compute_dtype) {
  const std::string dtype = read_string(value, "weightDtype");
  if (dtype == "auto") return WeightDtype::automatic;
  if (dtype == "float32") return WeightDtype::float32;
  if (dtype != "bfloat16")
    throw Error("ERR_CONFIG", "expected \"auto\", \"float32\" or \"bfloat16\" for `weightDtype`, got \"" + dtype + "\"");
  if (compute_dtype == at::kBFloat16) return WeightDtype::bfloat16;
  throw Error("ERR_CONFIG",
              "expected `computeDtype` bfloat16 beside `weightDtype` bfloat16, got float32, whose products read float32 weights; "
              "leave one of them out");
}

HostBatch read_batch(const Napi::Value& ids, const Napi::Value& batch, const Napi::Value& sequence,
                     const ModelConfig& config, bool allow_ignored) {
  const std::span<int32_t> values = read_typed_array<int32_t>(ids, allow_ignored ? "targets" : "tokens");
  HostBatch result{{}, read_integer(batch, "batch", 1), read_integer(sequence, "sequence", 1)};
  if (static_cast<int64_t>(values.size()) != result.batch * result.sequence) {
    throw Error("ERR_SHAPE", "expected " + std::to_string(result.batch) + " x " + std::to_string(result.sequence) +
                                 " ids, got " + std::to_string(values.size()));
  }
  check_context(result.sequence, config);
  result.ids = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  auto* out = result.ids.data_ptr<int64_t>();
  for (size_t index = 0; index < values.size(); ++index) {
    check_id(values[index], config, allow_ignored, index);
    out[index] = values[index];
  }
  return result;
}

TokenBatch to_device(const HostBatch& batch, Model& model) {
  return {model.decoder().upload({batch.ids}).front(), batch.batch, batch.sequence};
}

TrainingBatch read_training_batch(const Napi::Value& tokens, const Napi::Value& targets, const Napi::Value& batch,
                                  const Napi::Value& sequence, const ModelConfig& config) {
  return {read_batch(tokens, batch, sequence, config, false), read_batch(targets, batch, sequence, config, true)};
}

DeviceBatch to_device(const TrainingBatch& batch, Model& model, at::Tensor* beside) {
  const std::span<const int64_t> ids(batch.targets.ids.const_data_ptr<int64_t>(), batch.targets.ids.numel());
  const auto ignored = std::count(ids.begin(), ids.end(), kIgnoreIndex);
  std::vector<at::Tensor> here{batch.tokens.ids, batch.targets.ids};
  if (beside != nullptr) here.push_back(*beside);
  const std::vector<at::Tensor> there = model.decoder().upload(here);
  if (beside != nullptr) *beside = there[2];
  return {{there[0], batch.tokens.batch, batch.tokens.sequence}, there[1], static_cast<int64_t>(ids.size()) - ignored};
}

std::vector<std::vector<int32_t>> read_prompts(const Napi::Value& ids, const Napi::Value& lengths,
                                               const ModelConfig& config, int64_t max_new_tokens) {
  const std::span<int32_t> values = read_typed_array<int32_t>(ids, "prompts");
  std::vector<std::vector<int32_t>> prompts;
  size_t start = 0;
  for (int32_t length : read_typed_array<int32_t>(lengths, "lengths")) {
    if (length < 1 || start + length > values.size()) {
      throw Error("ERR_SHAPE", "expected every prompt to hold at least one token, got length " + std::to_string(length));
    }
    check_context(length + max_new_tokens, config);
    for (size_t index = start; index < start + length; ++index) check_id(values[index], config, false, index);
    prompts.emplace_back(values.begin() + start, values.begin() + start + length);
    start += length;
  }
  if (prompts.empty()) throw Error("ERR_SHAPE", "expected at least one prompt, got none");
  return prompts;
}

GenerateOptions read_generate_options(const Napi::Value& value, size_t rows) {
  const Napi::Object object = read_object(value, "options");
  GenerateOptions options;
  options.max_new_tokens = read_integer(object.Get("maxNewTokens"), "maxNewTokens", 0);
  options.min_new_tokens = read_integer(object.Get("minNewTokens"), "minNewTokens", 0);
  options.sampling.temperature = read_number(object.Get("temperature"), "temperature");
  options.sampling.top_k = read_integer(object.Get("topK"), "topK", 0);
  options.sampling.top_p = read_number(object.Get("topP"), "topP");
  options.sampling.min_p = read_number(object.Get("minP"), "minP");
  read_logit_bias(object.Get("logitBias"), options);
  options.repetition_penalty = read_number(object.Get("repetitionPenalty"), "repetitionPenalty");
  options.no_repeat_ngram_size = read_integer(object.Get("noRepeatNgramSize"), "noRepeatNgramSize", 0);
  options.no_repeat_counts_prompt = read_boolean(object.Get("noRepeatNgramCountsPrompt"), "noRepeatNgramCountsPrompt");
  options.stop_ids = copy_typed_array<int32_t>(object.Get("stopIds"), "stopIds");
  options.suppress_ids = copy_typed_array<int32_t>(object.Get("suppressIds"), "suppressIds");
  options.token_stats = read_boolean(object.Get("tokenStats"), "tokenStats");
  if (const Napi::Value top = object.Get("topLogProbs"); !top.IsUndefined())
    options.top_log_probabilities = read_integer(top, "topLogProbs", 0, 1024);
  for (double seed : read_typed_array<double>(object.Get("seeds"), "seeds")) options.seeds.push_back(static_cast<uint64_t>(seed));
  if (options.seeds.size() != rows) throw Error("ERR_SHAPE", "expected one of `seeds` for each prompt");
  read_citation(object.Get("citation"), options);
  return options;
}

void check_vocabulary(const GenerateOptions& options, const ModelConfig& config) {
  if (!options.citation_index || options.citation_index->vocabulary() == config.vocab_size) return;
  throw Error("ERR_CONFIG", "expected a citation blocker made for a vocabulary of " + std::to_string(config.vocab_size) +
                                ", got one for " + std::to_string(options.citation_index->vocabulary()));
}

}  // namespace hyperfit::binding
