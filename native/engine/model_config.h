#pragma once
#include <cstdint>
#include <vector>

#include "ops/arguments.h"

namespace hyperfit {

struct RopeScaling {
  enum class Type { standard, linear, llama3, yarn };
  Type type = Type::standard;
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_position_embeddings = 8192;
  double beta_fast = 32;
  double beta_slow = 1;
  double attention_factor = 1;
  bool truncate = true;
};

enum class WeightLayout { separate, fused };
enum class LayerRope { none, global, local };

/// Flags of the one decoder; fields and meanings as ModelConfig in lib/addon-types.ts.
struct ModelConfig {
  int64_t vocab_size = 0;
  int64_t output_vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 0;
  bool tie_word_embeddings = false;
  WeightLayout weight_layout = WeightLayout::separate;
  NormType norm_type = NormType::rms;
  double norm_eps = 1e-5;
  bool norm_offset = false;
  bool post_norms = false;
  bool qk_norm = false;
  Activation activation = Activation::silu;
  bool gated_mlp = true;
  bool qkv_bias = false;
  bool output_bias = false;
  bool mlp_bias = false;
  bool learned_positions = false;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  double local_rope_theta = 0;
  std::vector<LayerRope> layer_ropes;   // one per layer
  std::vector<int64_t> layer_windows;   // one per layer, 0 is unlimited
  double embedding_scale = 1;
  int64_t padding_index = -1;           // -1: none
  double query_scale = 1;
  double attention_softcap = 0;
  double final_softcap = 0;

  int64_t group_size() const { return num_attention_heads / num_key_value_heads; }
  int64_t query_size() const { return num_attention_heads * head_dim; }
  int64_t key_value_size() const { return num_key_value_heads * head_dim; }
  bool has_rope(LayerRope rope) const;
};

inline bool ModelConfig::has_rope(LayerRope rope) const {
  for (LayerRope each : layer_ropes) {
    if (each == rope) return true;
  }
  return false;
}

}  // namespace hyperfit
