#include "engine/parameters.h"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <numeric>

#include "engine/error.h"

namespace hyperfit {
namespace {

constexpr int64_t kAlignment = 16;  // float32 elements in 64 bytes

using NamedShape = std::pair<std::string, std::vector<int64_t>>;

void add_linear(std::vector<NamedShape>& shapes, const std::string& name, int64_t out, int64_t in, bool bias) {
  shapes.push_back({name + ".weight", {out, in}});
  if (bias) shapes.push_back({name + ".bias", {out}});
}

void add_layer(std::vector<NamedShape>& shapes, const ModelConfig& c, int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  add_linear(shapes, prefix + "self_attn.q_proj", c.query_size(), c.hidden_size, c.qkv_bias);
  add_linear(shapes, prefix + "self_attn.k_proj", c.key_value_size(), c.hidden_size, c.qkv_bias);
  add_linear(shapes, prefix + "self_attn.v_proj", c.key_value_size(), c.hidden_size, c.qkv_bias);
  add_linear(shapes, prefix + "self_attn.o_proj", c.hidden_size, c.query_size(), c.qkv_bias);
  add_linear(shapes, prefix + "mlp.gate_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
  add_linear(shapes, prefix + "mlp.up_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
  add_linear(shapes, prefix + "mlp.down_proj", c.hidden_size, c.intermediate_size, c.mlp_bias);
  shapes.push_back({prefix + "input_layernorm.weight", {c.hidden_size}});
  shapes.push_back({prefix + "post_attention_layernorm.weight", {c.hidden_size}});
}

std::vector<NamedShape> named_shapes(const ModelConfig& c) {
  std::vector<NamedShape> shapes;
  shapes.push_back({"model.embed_tokens.weight", {c.vocab_size, c.hidden_size}});
  for (int64_t layer = 0; layer < c.num_hidden_layers; ++layer) add_layer(shapes, c, layer);
  shapes.push_back({"model.norm.weight", {c.hidden_size}});
  if (!c.tie_word_embeddings) shapes.push_back({"lm_head.weight", {c.vocab_size, c.hidden_size}});
  return shapes;
}

int64_t product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

ParameterStore::ParameterStore(const ModelConfig& config, at::Device device) {
  int64_t offset = 0;
  for (auto& [name, shape] : named_shapes(config)) {
    by_name_[name] = parameters_.size();
    parameters_.push_back({name, shape, offset, {}, {}});
    element_count_ += product(shape);
    offset += (product(shape) + kAlignment - 1) / kAlignment * kAlignment;
  }
  values_ = at::zeros({offset}, at::TensorOptions().dtype(at::kFloat).device(device));
  for (auto& parameter : parameters_) parameter.value = view_of(values_, parameter);
}

at::Tensor ParameterStore::view_of(const at::Tensor& flat, const Parameter& parameter) const {
  return flat.narrow(0, parameter.offset, product(parameter.shape)).view(parameter.shape);
}

Parameter& ParameterStore::at(const std::string& name) {
  auto found = by_name_.find(name);
  if (found == by_name_.end()) throw Error("ERR_MODEL_FILES", "expected a parameter of this model, got `" + name + "`");
  return parameters_[found->second];
}

void ParameterStore::require_gradients() {
  if (gradients_.defined()) return;
  gradients_ = at::zeros_like(values_);
  for (auto& parameter : parameters_) parameter.gradient = view_of(gradients_, parameter);
}

void ParameterStore::zero_gradients() {
  if (gradients_.defined()) gradients_.zero_();
  gradients_stale_ = true;
}

}  // namespace hyperfit
