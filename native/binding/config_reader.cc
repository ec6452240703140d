#include "binding/config_reader.h"

#include <string>
#include <utility>

#include "binding/readers.h"
#include "engine/error.h"
#include "ops/activation_names.h"

namespace hyperfit::binding {
namespace {

int64_t positive(const Napi::Object& object, const char* name) { return read_integer(object.Get(name), name, 1); }
bool flag(const Napi::Object& object, const char* name) { return read_boolean(object.Get(name), name); }
double number(const Napi::Object& object, const char* name) { return read_number(object.Get(name), name); }

template <typename T, typename Choices = std::initializer_list<std::pair<const char*, T>>>
T read_choice(const Napi::Value& value, const char* name, const Choices& choices) {
  const std::string given = read_string(value, name);
  std::string known;
  for (const auto& [text, choice] : choices) {
    if (given == text) return choice;
    known += (known.empty() ? "\"" : ", \"") + std::string(text) + "\"";
  }
  refuse("one of " + known, name, "\"" + given + "\"");
}

template <typename T, typename Read>
std::vector<T> read_per_layer(const Napi::Object& object, const char* name, int64_t layers, const Read& read) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) refuse("an array", name, "another type");
  const Napi::Array array = value.As<Napi::Array>();
  if (array.Length() != layers) refuse(std::to_string(layers) + " entries", name, std::to_string(array.Length()));
  std::vector<T> result;
  for (uint32_t layer = 0; layer < array.Length(); ++layer) result.push_back(read(array.Get(layer)));
  return result;
}

void read_yarn(const Napi::Object& object, RopeScaling& scaling) {
  scaling.beta_fast = number(object, "betaFast");
  scaling.beta_slow = number(object, "betaSlow");
  scaling.attention_factor = number(object, "attentionFactor");
  scaling.truncate = flag(object, "truncate");
}

RopeScaling read_rope_scaling(const Napi::Object& object) {
  using Type = RopeScaling::Type;
  RopeScaling scaling;
  scaling.type = read_choice<Type>(object.Get("type"), "ropeScaling.type",
                                   {{"default", Type::standard}, {"linear", Type::linear}, {"llama3", Type::llama3}, {"yarn", Type::yarn}});
  if (scaling.type == Type::standard) return scaling;
  scaling.factor = number(object, "factor");
  if (scaling.type == Type::linear) return scaling;
  scaling.original_max_position_embeddings = number(object, "originalMaxPositionEmbeddings");
  if (scaling.type == Type::yarn) {
    read_yarn(object, scaling);
    return scaling;
  }
  scaling.low_freq_factor = number(object, "lowFreqFactor");
  scaling.high_freq_factor = number(object, "highFreqFactor");
  return scaling;
}

void read_sizes(const Napi::Object& object, ModelConfig& config) {
  config.vocab_size = positive(object, "vocabSize");
  config.output_vocab_size = positive(object, "outputVocabSize");
  config.hidden_size = positive(object, "hiddenSize");
  config.intermediate_size = positive(object, "intermediateSize");
  config.num_hidden_layers = positive(object, "numHiddenLayers");
  config.num_attention_heads = positive(object, "numAttentionHeads");
  config.num_key_value_heads = positive(object, "numKeyValueHeads");
  config.head_dim = positive(object, "headDim");
  config.max_position_embeddings = positive(object, "maxPositionEmbeddings");
}

void read_block_flags(const Napi::Object& object, ModelConfig& config) {
  config.weight_layout = read_choice<WeightLayout>(object.Get("weightLayout"), "weightLayout",
                                                   {{"separate", WeightLayout::separate}, {"fused", WeightLayout::fused}});
  config.norm_type = read_choice<NormType>(object.Get("normType"), "normType", {{"rms", NormType::rms}, {"layer", NormType::layer}});
  config.norm_eps = number(object, "normEps");
  config.norm_offset = flag(object, "normOffset");
  config.post_norms = flag(object, "postNorms");
  config.qk_norm = flag(object, "qkNorm");
  config.activation = read_choice<Activation>(object.Get("activation"), "activation", kActivationNames);
  config.gated_mlp = flag(object, "gatedMlp");
  config.qkv_bias = flag(object, "qkvBias");
  config.output_bias = flag(object, "outputBias");
  config.mlp_bias = flag(object, "mlpBias");
}

void read_position_flags(const Napi::Object& object, ModelConfig& config) {
  config.learned_positions = flag(object, "learnedPositions");
  config.rope_theta = number(object, "ropeTheta");
  config.rope_scaling = read_rope_scaling(read_object(object.Get("ropeScaling"), "ropeScaling"));
  config.local_rope_theta = number(object, "localRopeTheta");
  config.layer_ropes = read_per_layer<LayerRope>(object, "layerRopes", config.num_hidden_layers, [](const Napi::Value& value) {
    return read_choice<LayerRope>(value, "layerRopes",
                                  {{"none", LayerRope::none}, {"global", LayerRope::global}, {"local", LayerRope::local}});
  });
  config.layer_windows = read_per_layer<int64_t>(object, "layerWindows", config.num_hidden_layers,
                                                 [](const Napi::Value& value) { return read_integer(value, "layerWindows", 0); });
}

void refuse_model(const std::string& message) { throw Error("ERR_UNSUPPORTED_MODEL", message); }

void check_shapes(const ModelConfig& config) {
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    refuse_model("expected `num_attention_heads` to be a multiple of `num_key_value_heads`, got " +
                 std::to_string(config.num_attention_heads) + " and " + std::to_string(config.num_key_value_heads));
  }
  const bool turns = config.has_rope(LayerRope::global) || config.has_rope(LayerRope::local);
  if (turns && config.head_dim % 2 != 0) {
    refuse_model("expected an even `head_dim` for rotary embedding, got " + std::to_string(config.head_dim));
  }
  if (config.tie_word_embeddings && config.output_vocab_size != config.vocab_size) {
    refuse_model("expected `outputVocabSize` to equal `vocabSize` of a tied head, got " +
                 std::to_string(config.output_vocab_size) + " and " + std::to_string(config.vocab_size));
  }
}

}  // namespace

ModelConfig read_model_config(const Napi::Value& value) {
  const Napi::Object object = read_object(value, "config");
  ModelConfig config;
  read_sizes(object, config);
  config.tie_word_embeddings = flag(object, "tieWordEmbeddings");
  read_block_flags(object, config);
  read_position_flags(object, config);
  config.embedding_scale = number(object, "embeddingScale");
  if (object.Has("paddingIndex"))
    config.padding_index = read_integer(object.Get("paddingIndex"), "paddingIndex", -1, config.vocab_size - 1);
  config.query_scale = number(object, "queryScale");
  config.attention_softcap = number(object, "attentionSoftcap");
  config.final_softcap = number(object, "finalSoftcap");
  check_shapes(config);
  return config;
}

}  // namespace hyperfit::binding
