#pragma once
#include <ATen/core/Tensor.h>

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/stored_form.h"
#include "ops/ops.h"

namespace hyperfit {

/// One learned tensor, a view into the flat buffers of its ParameterStore.
struct Parameter {
  std::string name;  // as in Hugging Face weights
  std::vector<int64_t> shape;
  int64_t offset = 0;   // in elements, into the flat buffers
  at::Tensor value;     // float32 [shape]: what is trained and saved
  at::Tensor gradient;  // float32 [shape], undefined until gradients are asked for
  at::Tensor forward;   // float32 [shape]: what passes read; the value itself unless weights are stored in a coarser form
  at::Tensor compute;   // `forward` in the type that products compute in; itself for float32
  std::optional<StoredForm> stored;  // the form that `forward` has been through
  at::Tensor product;   // bfloat16 [shape], memory shared by all: where a product of that type is made before it is added up; undefined where none is needed
  int trainers = 0;     // optimizers that train it
  bool trained = true;  // its gradient is computed by the pass that is running, and was by the last one
};

/// A parameter's name and shape: the caller's table (lib/model/parameters.ts) is the only one there is. A decoder looks up what it needs,
/// by name and shape, and says so where the two do not fit.
struct ParameterShape {
  std::string name;
  std::vector<int64_t> shape;
};

/// One parameter as updates see it, flat and with the padding behind it, so that a vector of elements is cut where it is in a pass over all.
struct WritableParameter {
  int64_t offset = 0;              // into the flat buffers
  at::Tensor values, gradients;    // float32 [padded elements]
  at::Tensor rounded;              // bfloat16 [padded elements]; undefined for float32, and where values are stored in other forms first
};

/// All parameters in one flat float32 buffer, so that the optimizer and the gradient norm are one pass over memory.
/// Each parameter starts on a 64-byte boundary; the padding stays zero.
class ParameterStore {
 public:
  ParameterStore(const std::vector<ParameterShape>& shapes, const Ops& ops, at::Device device, at::ScalarType compute_dtype);

  /// Throws ERR_MODEL_FILES where there is none of that name.
  Parameter& at(const std::string& name);
  /// The same, of that shape; throws ERR_MODEL_FILES for another.
  Parameter& at(const std::string& name, at::IntArrayRef shape);
  std::vector<Parameter>& all() { return parameters_; }
  const at::Tensor& flat_values() const { return values_; }        // [padded element count]
  const at::Tensor& flat_gradients() const { return gradients_; }  // the same, undefined until needed; of another size where they stand in turns
  /// From now on passes read each value as it is read back after storing it in `forms[name]`, while the values themselves stay as they are: gradients
  /// of what was read go straight through to them. Values without a form are read as they are; without any forms all are.
  /// Source: the straight-through estimator, Bengio et al. 2013 (arXiv 1308.3432).
  /// Throws ERR_CONFIG for an unknown type, ERR_MODEL_FILES for a name that there is not, ERR_SHAPE for rows that are no whole blocks; nothing has changed then.
  void set_stored_forms(const std::unordered_map<std::string, StoredForm>& forms);
  bool is_stored_in_forms() const { return forward_.defined(); }
  /// Rounds the values anew for the passes, if anybody may have written to them. Cheap when nobody has. Throws ERR_NOT_FINITE for values that no
  /// form can hold.
  void refresh_compute();
  /// Runs `update`, which writes the values and leaves them rounded in its argument (undefined for float32, and where they are stored in other forms first),
  /// so that no further pass is needed.
  template <class Update>
  void write_values(const Update& update) {
    compute_version_ = -1;  // should it throw
    if (is_stored_in_forms()) return update(at::Tensor());
    update(compute_);
    compute_version_ = values_._version();
  }
  /// For single parameters: between the two, whoever writes values leaves them rounded too.
  void begin_writing() { compute_version_ = -1; }
  void end_writing() {
    if (!is_stored_in_forms()) compute_version_ = values_._version();
  }
  WritableParameter writable(const Parameter& parameter) const;
  /// Allocates gradients on first use (decoding alone needs none).
  void require_gradients();
  /// The same, of a backward that ends with nothing gathered: those of `held` stand throughout, of `turns` one group at a time, all in one place.
  void require_gradients_in_turns(const std::vector<Parameter*>& held, const std::vector<std::vector<Parameter*>>& turns);
  /// The next backward overwrites instead of adding, which costs no pass over memory.
  void mark_gradients_stale() { gradients_stale_ = true; }
  void zero_gradients();
  /// What is kept of the old gradient by the first product written to it in a backward: 0 or 1.
  double gradient_beta() const { return gradients_stale_ ? 0.0 : 1.0; }
  void mark_gradients_fresh() { gradients_stale_ = false; }
  bool gradients_are_stale() const { return gradients_stale_; }
  /// An optimizer of `parameters` has come (1) or gone (-1). From any thread: the next pass asks. See TrainedParameters.
  void count_trainers(const std::vector<Parameter*>& parameters, int by);
  /// Of the pass that begins: `trained` where an optimizer trains the parameter, everywhere where there is no optimizer.
  void settle_trained();
  /// The parameters whose gradients the last pass left, or the one that is running will leave.
  std::vector<Parameter> trained();
  /// Of the rounded weights and of the products' scratch; 0 for float32 weights that are read as they are.
  int64_t compute_bytes() const;
  int64_t element_count() const { return element_count_; }
  const Ops& ops() const { return ops_; }

 private:
  const Ops& ops_;
  at::Tensor view_of(const at::Tensor& flat, const Parameter& parameter) const;
  void refresh_forward();
  void require_products();
  bool trains_all();
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, size_t> by_name_;
  at::Tensor values_;
  at::Tensor forward_;      // float32 [padded element count], or undefined where passes read the values
  at::Tensor compute_;      // bfloat16 [padded element count], or undefined
  at::Tensor product_;      // bfloat16 [elements of the largest matrix], or undefined
  int64_t compute_version_ = -1;  // of values_ when forward_ and compute_ were made of it
  at::Tensor gradients_;
  bool gradients_stale_ = true;
  bool gradients_in_turns_ = false;
  std::mutex trainers_mutex_;
  int optimizers_ = 0;
  int64_t element_count_ = 0;
};

}  // namespace hyperfit
