#include "engine/parameters.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>

#include "engine/error.h"
#include "engine/huge_pages.h"
#include "engine/matrix_product.h"
#include "engine/precision.h"

namespace hyperfit {
namespace {

constexpr int64_t kAlignment = 16;  // float32 elements in 64 bytes

using NamedShape = std::pair<std::string, std::vector<int64_t>>;

void add_linear(std::vector<NamedShape>& shapes, const std::string& name, int64_t out, int64_t in, bool bias, bool transposed = false) {
  shapes.push_back({name + ".weight", transposed ? std::vector<int64_t>{in, out} : std::vector<int64_t>{out, in}});
  if (bias) shapes.push_back({name + ".bias", {out}});
}

void add_norm(std::vector<NamedShape>& shapes, const std::string& name, const ModelConfig& c) {
  shapes.push_back({name + ".weight", {c.hidden_size}});
  if (c.norm_type == NormType::layer) shapes.push_back({name + ".bias", {c.hidden_size}});
}

void add_separate_layer(std::vector<NamedShape>& shapes, const ModelConfig& c, const std::string& prefix) {
  add_linear(shapes, prefix + "self_attn.q_proj", c.query_size(), c.hidden_size, c.qkv_bias);
  add_linear(shapes, prefix + "self_attn.k_proj", c.key_value_size(), c.hidden_size, c.qkv_bias);
  add_linear(shapes, prefix + "self_attn.v_proj", c.key_value_size(), c.hidden_size, c.qkv_bias);
  add_linear(shapes, prefix + "self_attn.o_proj", c.hidden_size, c.query_size(), c.output_bias);
  if (c.qk_norm) {
    shapes.push_back({prefix + "self_attn.q_norm.weight", {c.head_dim}});
    shapes.push_back({prefix + "self_attn.k_norm.weight", {c.head_dim}});
  }
  if (c.gated_mlp) add_linear(shapes, prefix + "mlp.gate_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
  add_linear(shapes, prefix + "mlp.up_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
  add_linear(shapes, prefix + "mlp.down_proj", c.hidden_size, c.intermediate_size, c.mlp_bias);
  add_norm(shapes, prefix + "input_layernorm", c);
  add_norm(shapes, prefix + "post_attention_layernorm", c);
  if (!c.post_norms) return;
  add_norm(shapes, prefix + "pre_feedforward_layernorm", c);
  add_norm(shapes, prefix + "post_feedforward_layernorm", c);
}

void add_fused_layer(std::vector<NamedShape>& shapes, const ModelConfig& c, const std::string& prefix) {
  add_norm(shapes, prefix + "ln_1", c);
  add_linear(shapes, prefix + "attn.c_attn", c.query_size() + 2 * c.key_value_size(), c.hidden_size, c.qkv_bias, true);
  add_linear(shapes, prefix + "attn.c_proj", c.hidden_size, c.query_size(), c.output_bias, true);
  add_norm(shapes, prefix + "ln_2", c);
  add_linear(shapes, prefix + "mlp.c_fc", c.intermediate_size, c.hidden_size, c.mlp_bias, true);
  add_linear(shapes, prefix + "mlp.c_proj", c.hidden_size, c.intermediate_size, c.mlp_bias, true);
}

// The order and the names of lib/model/parameters.ts.
std::vector<NamedShape> named_shapes(const ModelConfig& c) {
  const bool fused = c.weight_layout == WeightLayout::fused;
  const ParameterNames names = parameter_names(c.weight_layout);
  std::vector<NamedShape> shapes;
  shapes.push_back({names.embedding, {c.vocab_size, c.hidden_size}});
  if (c.learned_positions) shapes.push_back({names.positions, {c.max_position_embeddings, c.hidden_size}});
  for (int64_t layer = 0; layer < c.num_hidden_layers; ++layer) {
    const std::string prefix = names.layers + std::to_string(layer) + ".";
    if (fused) {
      add_fused_layer(shapes, c, prefix);
    } else {
      add_separate_layer(shapes, c, prefix);
    }
  }
  add_norm(shapes, names.final_norm, c);
  if (!c.tie_word_embeddings) shapes.push_back({"lm_head.weight", {c.output_vocab_size, c.hidden_size}});
  return shapes;
}

int64_t product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

ParameterNames parameter_names(WeightLayout layout) {
  if (layout == WeightLayout::fused) return {"transformer.wte.weight", "transformer.wpe.weight", "transformer.h.", "transformer.ln_f"};
  return {"model.embed_tokens.weight", "model.embed_positions.weight", "model.layers.", "model.norm"};
}

ParameterStore::ParameterStore(const ModelConfig& config, at::Device device, at::ScalarType compute_dtype) {
  int64_t offset = 0;
  for (auto& [name, shape] : named_shapes(config)) {
    by_name_[name] = parameters_.size();
    parameters_.push_back({name, shape, offset, {}, {}, {}, {}});
    element_count_ += product(shape);
    offset += (product(shape) + kAlignment - 1) / kAlignment * kAlignment;
  }
  values_ = huge_zeros(offset, at::TensorOptions().dtype(at::kFloat).device(device));
  if (compute_dtype != at::kFloat) compute_ = huge_zeros(offset, values_.options().dtype(compute_dtype));
  for (auto& parameter : parameters_) {
    parameter.value = view_of(values_, parameter);
    parameter.compute = compute_.defined() ? view_of(compute_, parameter) : parameter.value;
  }
}

at::Tensor ParameterStore::view_of(const at::Tensor& flat, const Parameter& parameter) const {
  return flat.narrow(0, parameter.offset, product(parameter.shape)).view(parameter.shape);
}

void Parameter::accumulate(const at::Tensor& addend, double beta) {
  if (beta == 0) {
    gradient.copy_(addend);
  } else {
    gradient.mul_(beta).add_(addend);
  }
}

void Parameter::accumulate_product(const at::Tensor& a, const at::Tensor& b, double beta) {
  if (!product.defined() || sums_bfloat16_in_float32(a)) {
    multiply_out(gradient, a, b, beta);
    return;
  }
  multiply_out(product, a, b);
  add_bfloat16_to(gradient, product, beta);
}

// Every write through a tensor counts as a new version of the buffer it is a view of.
void ParameterStore::refresh_compute() {
  if (!compute_.defined() || compute_version_ == values_._version()) return;
  round_to(compute_, values_);
  compute_version_ = values_._version();
}

at::Tensor& ParameterStore::compute_to_write() {
  compute_version_ = values_._version();
  return compute_;
}

Parameter& ParameterStore::at(const std::string& name) {
  auto found = by_name_.find(name);
  if (found == by_name_.end()) throw Error("ERR_MODEL_FILES", "expected a parameter of this model, got `" + name + "`");
  return parameters_[found->second];
}

void ParameterStore::require_gradients() {
  if (gradients_.defined()) return;
  gradients_ = huge_zeros(values_.numel(), values_.options());
  int64_t largest = 0;
  for (auto& parameter : parameters_) {
    parameter.gradient = view_of(gradients_, parameter);
    if (parameter.shape.size() == 2) largest = std::max(largest, product(parameter.shape));
  }
  if (!compute_.defined() || sums_bfloat16_in_float32(compute_)) return;
  product_ = at::empty({largest}, compute_.options());
  for (auto& parameter : parameters_) {
    if (parameter.shape.size() == 2) parameter.product = product_.narrow(0, 0, product(parameter.shape)).view(parameter.shape);
  }
}

int64_t ParameterStore::compute_bytes() const {
  auto bytes = [](const at::Tensor& t) { return t.defined() ? static_cast<int64_t>(t.nbytes()) : 0; };
  return bytes(compute_) + bytes(product_);
}

void ParameterStore::zero_gradients() {
  if (gradients_.defined()) gradients_.zero_();
  gradients_stale_ = true;
}

}  // namespace hyperfit
