#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/low_rank_sum.h"
#include "engine/stored_form.h"
#include "ops/ops.h"

namespace hyperfit {

/// One learned tensor, a view into the flat buffers of its ParameterStore.
struct Parameter {
  std::string name;  // as in Hugging Face weights
  std::vector<int64_t> shape;
  int64_t offset = 0;   // in elements, into the flat buffers
  at::Tensor value;     // float32 [shape]: what is trained and saved; undefined where bfloat16 alone is held
  at::Tensor gradient;  // float32 [shape], undefined until it is asked for, and of matrices that nobody trains
  at::Tensor forward;   // [shape]: what passes read; the value itself unless weights are stored in a coarser form, `compute` where that
                        // alone is held
  at::Tensor compute;   // `forward` in the type that products compute in; itself for float32
  std::shared_ptr<const LowRankSum>
      sum;                           // what `compute` holds rounded and nothing holds exactly; null where `compute` or the value is exact
  std::optional<StoredForm> stored;  // the form that `forward` has been through
  at::Tensor product;   // bfloat16 [shape], memory shared by all: where a product of that type is made before it is added up; undefined
                        // where none is needed
  int trainers = 0;     // optimizers that train it
  bool trained = true;  // its gradient is computed by the pass that is running, and was by the last one
};

/// A parameter's name and shape: the caller's table (lib/model/parameters.ts) is the only one there is. A decoder looks up what it needs,
/// by name and shape, and says so where the two do not fit.
struct ParameterShape {
  std::string name;
  std::vector<int64_t> shape;
  bool in_bfloat16 = false;  // held in bfloat16 alone for as long as nobody wants its float32; only where products compute in that
};

/// One parameter as updates see it, flat and with the padding behind it, so that a vector of elements is cut where it is in a pass over
/// all.
struct WritableParameter {
  int64_t offset = 0;              // into the flat buffers
  at::Tensor values, gradients;    // float32 [padded elements]
  at::Tensor rounded;              // bfloat16 [padded elements]; undefined for float32, and where values are stored in other forms first
};

/// All parameters in one flat float32 buffer, so that the optimizer and the gradient norm are one pass over memory.
/// Each parameter starts at a multiple of kMomentBlock elements; the padding stays zero.
///
/// What bfloat16 holds exactly stands in that alone, behind the others, until somebody writes values or asks for them. Then all have
/// float32 values, and keep them. They may be asked for on any thread; what passes read changes on the compute thread only
/// (`adopt_values`).
class ParameterStore {
 public:
  ParameterStore(const std::vector<ParameterShape>& shapes, const Ops& ops, at::Device device, at::ScalarType compute_dtype);

  /// Throws ERR_MODEL_FILES where there is none of that name.
  Parameter& at(const std::string& name);
  /// The same, of that shape; throws ERR_MODEL_FILES for another.
  Parameter& at(const std::string& name, at::IntArrayRef shape);
  std::vector<Parameter>& all() { return parameters_; }
  /// [padded element count], or of those alone that have values.
  const at::Tensor& flat_values() const { return values_; }
  /// Size and type of the values of all, for what is to be laid out as they are; takes no memory.
  at::Tensor values_like() const;
  /// As the values, undefined until needed; of another size where they stand in turns, and where not every parameter is trained.
  const at::Tensor& flat_gradients() const { return gradients_; }
  /// Rises whenever anybody writes to a weight.
  int64_t version();
  /// From any thread: all parameters with their values, which are made where there are none.
  std::vector<Parameter> with_values();
  /// What a parameter is exactly: its value or bfloat16, sharing memory, or a new float32 tensor where it is a sum.
  at::Tensor held(const Parameter& parameter);
  /// A copy of that, from any thread. A sum gets a value first.
  at::Tensor copy_held(const Parameter& parameter);
  /// Makes a matrix that sum: its value, or, where it has none, rounded to what products read.
  void write_sum(Parameter& parameter, const std::shared_ptr<const LowRankSum>& sum) {
    begin_sums({&parameter});
    queue_sum(parameter, *sum);
    end_sum(parameter, sum);
  }
  // The same in three: takes the memory, queues the work, which may be a part of a graph, and says that it is done.
  void begin_sums(const std::vector<Parameter*>& parameters);
  void queue_sum(const Parameter& parameter, const LowRankSum& sum);
  void end_sum(Parameter& parameter, const std::shared_ptr<const LowRankSum>& sum);
  /// From now on passes read each value as it is read back after storing it in `forms[name]`, while the values themselves stay as they are:
  /// gradients of what was read go straight through to them. Values without a form are read as they are; without any forms all are. Source:
  /// the straight-through estimator, Bengio et al. 2013 (arXiv 1308.3432). Throws ERR_CONFIG for an unknown type, ERR_MODEL_FILES for a
  /// name that there is not, ERR_SHAPE for rows that are no whole blocks; nothing has changed then.
  void set_stored_forms(const std::unordered_map<std::string, StoredForm>& forms);
  bool is_stored_in_forms() const { return forward_.defined(); }
  /// Rounds the values anew for the passes, if anybody may have written to them. Cheap when nobody has. Throws ERR_NOT_FINITE for values
  /// that no form can hold.
  void refresh_compute();
  /// Runs `update`, which writes the values and leaves them rounded in its argument (undefined for float32, and where they are stored in
  /// other forms first), so that no further pass is needed.
  template <class Update>
  void write_values(const Update& update) {
    begin_writing();
    update(is_stored_in_forms() ? at::Tensor() : compute_);
    end_writing();
  }
  /// Every parameter has a value from now on, which passes read.
  void require_values();
  /// For single parameters: between the two, whoever writes values leaves them rounded too.
  void begin_writing();
  void end_writing() {
    if (!is_stored_in_forms()) compute_version_ = version();
  }
  /// Values have been written to by work whose operators nobody called: a graph.
  void note_writing() { values_.unsafeGetTensorImpl()->bump_version(); }
  WritableParameter writable(const Parameter& parameter) const;
  /// Allocates gradients on first use (decoding alone needs none): of what is trained, after settle_trained. What has been gathered stays.
  void require_gradients();
  /// The same, of a backward that ends with nothing gathered: those of `held` stand throughout, of `turns` one group at a time, all in one
  /// place.
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
  /// Of the float32 values.
  int64_t value_bytes();
  /// Of the rounded weights and of the products' scratch; 0 for float32 weights that are read as they are.
  int64_t compute_bytes() const;
  int64_t element_count() const { return element_count_; }
  const Ops& ops() const { return ops_; }

 private:
  const Ops& ops_;
  at::Tensor view_of(const at::Tensor& flat, const Parameter& parameter) const;
  void refresh_forward();
  void require_products();
  // Whoever calls one of these holds the mutex.
  void make_values();
  void adopt_values();
  int64_t current_version() const;
  at::Tensor held_now(const Parameter& parameter) const;
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, size_t> by_name_;
  int64_t size_ = 0;        // padded elements of all
  at::Tensor values_;
  at::Tensor all_values_;   // what values_ is to become, which another thread may have asked for
  at::Tensor forward_;      // float32 [padded element count], or undefined where passes read the values
  at::Tensor compute_;      // bfloat16 [padded element count], or undefined
  at::Tensor product_;      // bfloat16 [elements of the largest matrix that is trained], or undefined
  at::Tensor sum_;          // float32 [elements of the largest sum without a value], or undefined
  int64_t versions_ = 0;    // of what is no longer there, and of what is written past the values
  int64_t compute_version_ = -1;  // when forward_ and compute_ were made of the values
  at::Tensor gradients_;
  bool gradients_stale_ = true;
  bool gradients_in_turns_ = false;
  std::mutex mutex_;  // over who trains what, and over tensors that come and go while another thread may look
  int optimizers_ = 0;
  int64_t element_count_ = 0;
};

}  // namespace hyperfit
