#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "engine/model_config.h"

namespace hyperfit {

/// One learned tensor, a view into the flat buffers of its ParameterStore.
struct Parameter {
  std::string name;  // as in Hugging Face weights
  std::vector<int64_t> shape;
  int64_t offset = 0;   // in elements, into the flat buffers
  at::Tensor value;     // float32 [shape]
  at::Tensor gradient;  // float32 [shape], undefined until gradients are asked for
  at::Tensor compute;   // the value in the type that products compute in; the value itself for float32
  at::Tensor product;   // bfloat16 [shape], memory shared by all: where a product of that type is made before it is added up; undefined where none is needed

  /// gradient = beta gradient + addend. beta 0 forgets whatever stood there, NaN included.
  void accumulate(const at::Tensor& addend, double beta);
  /// gradient = beta gradient + a b.
  void accumulate_product(const at::Tensor& a, const at::Tensor& b, double beta);
};

/// Hugging Face's names of what stands outside the layers, and what the names within layers begin with.
struct ParameterNames {
  std::string embedding, positions, layers, final_norm;
};
ParameterNames parameter_names(WeightLayout layout);

/// All parameters in one flat float32 buffer, so that the optimizer and the gradient norm are one pass over memory.
/// Each parameter starts on a 64-byte boundary; the padding stays zero.
class ParameterStore {
 public:
  ParameterStore(const ModelConfig& config, at::Device device, at::ScalarType compute_dtype);

  Parameter& at(const std::string& name);
  std::vector<Parameter>& all() { return parameters_; }
  const at::Tensor& flat_values() const { return values_; }        // [padded element count]
  const at::Tensor& flat_gradients() const { return gradients_; }  // the same, undefined until needed
  /// Rounds the values anew for the products, if anybody may have written to them. Cheap when nobody has.
  void refresh_compute();
  /// Where an optimizer that writes values leaves them rounded, so that no further pass is needed; undefined for float32.
  at::Tensor& compute_to_write();
  /// Allocates gradients on first use (decoding alone needs none).
  void require_gradients();
  /// The next backward overwrites instead of adding, which costs no pass over memory.
  void mark_gradients_stale() { gradients_stale_ = true; }
  void zero_gradients();
  /// What is kept of the old gradient by the first product written to it in a backward: 0 or 1.
  double gradient_beta() const { return gradients_stale_ ? 0.0 : 1.0; }
  void mark_gradients_fresh() { gradients_stale_ = false; }
  bool gradients_are_stale() const { return gradients_stale_; }
  /// Of the rounded weights and of the products' scratch; 0 for float32.
  int64_t compute_bytes() const;
  int64_t element_count() const { return element_count_; }

 private:
  at::Tensor view_of(const at::Tensor& flat, const Parameter& parameter) const;
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, size_t> by_name_;
  at::Tensor values_;
  at::Tensor compute_;      // bfloat16 [padded element count], or undefined
  at::Tensor product_;      // bfloat16 [elements of the largest matrix], or undefined
  int64_t compute_version_ = -1;  // of values_ when compute_ was rounded
  at::Tensor gradients_;
  bool gradients_stale_ = true;
  int64_t element_count_ = 0;
};

}  // namespace hyperfit
