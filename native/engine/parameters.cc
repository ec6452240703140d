#include "engine/parameters.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "engine/error.h"

namespace hyperfit {
namespace {

constexpr int64_t kAlignment = 16;  // float32 elements in 64 bytes

int64_t product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

int64_t padded(const std::vector<int64_t>& shape) { return (product(shape) + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

ParameterStore::ParameterStore(const std::vector<ParameterShape>& shapes, const Ops& ops, at::Device device, at::ScalarType compute_dtype) : ops_(ops) {
  int64_t offset = 0;
  for (const auto& [name, shape] : shapes) {
    by_name_[name] = parameters_.size();
    Parameter& parameter = parameters_.emplace_back();
    parameter.name = name;
    parameter.shape = shape;
    parameter.offset = offset;
    element_count_ += product(shape);
    offset += padded(shape);
  }
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(device);
  values_ = ops.zeros(offset, options);
  if (compute_dtype != at::kFloat) compute_ = ops.zeros(offset, options.dtype(compute_dtype));
  for (auto& parameter : parameters_) {
    parameter.value = view_of(values_, parameter);
    parameter.compute = compute_.defined() ? view_of(compute_, parameter) : parameter.value;
    parameter.forward = parameter.value;
  }
}

void ParameterStore::set_stored_forms(const std::unordered_map<std::string, StoredForm>& forms) {
  for (const auto& [name, form] : forms) require_storable(name, at(name).shape, form);
  forward_ = forms.empty() ? at::Tensor() : ops_.zeros(values_.numel(), values_.options());
  for (Parameter& parameter : parameters_) {
    const auto form = forms.find(parameter.name);
    parameter.stored = form == forms.end() ? std::nullopt : std::optional(form->second);
    parameter.forward = forward_.defined() ? view_of(forward_, parameter) : parameter.value;
    if (!compute_.defined()) parameter.compute = parameter.forward;
  }
  compute_version_ = -1;
}

at::Tensor ParameterStore::view_of(const at::Tensor& flat, const Parameter& parameter) const {
  return flat.narrow(0, parameter.offset, product(parameter.shape)).view(parameter.shape);
}

// Every write through a tensor counts as a new version of the buffer it is a view of.
void ParameterStore::refresh_compute() {
  if (!(compute_.defined() || is_stored_in_forms()) || compute_version_ == values_._version()) return;
  if (is_stored_in_forms()) refresh_forward();
  if (compute_.defined()) ops_.round(compute_, is_stored_in_forms() ? forward_ : values_);
  compute_version_ = values_._version();
}

void ParameterStore::refresh_forward() {
  for (Parameter& parameter : parameters_) {
    if (parameter.stored) {
      store_and_read(parameter.forward, parameter.value, *parameter.stored, parameter.name);
    } else {
      parameter.forward.copy_(parameter.value);
    }
  }
}

Parameter& ParameterStore::at(const std::string& name) {
  auto found = by_name_.find(name);
  if (found == by_name_.end()) throw Error("ERR_MODEL_FILES", "expected a parameter of this model, got `" + name + "`");
  return parameters_[found->second];
}

Parameter& ParameterStore::at(const std::string& name, at::IntArrayRef shape) {
  Parameter& parameter = at(name);
  if (at::IntArrayRef(parameter.shape) != shape) {
    throw Error("ERR_MODEL_FILES", "expected the shape of the config for `" + name + "`, got another; the file belongs to another model");
  }
  return parameter;
}

void ParameterStore::require_gradients() {
  if (gradients_.defined() && !gradients_in_turns_) return;
  gradients_in_turns_ = false;
  require_products();
  gradients_ = at::Tensor();
  gradients_ = (trains_all() ? ops_.zeros : ops_.zeros_in_parts)(values_.numel(), values_.options());
  for (auto& parameter : parameters_) parameter.gradient = view_of(gradients_, parameter);
}

void ParameterStore::require_gradients_in_turns(const std::vector<Parameter*>& held, const std::vector<std::vector<Parameter*>>& turns) {
  if (gradients_.defined() && gradients_in_turns_) return;
  gradients_in_turns_ = true;
  require_products();
  const auto end_of = [](const std::vector<Parameter*>& group, int64_t start) {
    for (const Parameter* parameter : group) start += padded(parameter->shape);
    return start;
  };
  const int64_t shared = end_of(held, 0);
  int64_t size = shared;
  for (const auto& group : turns) size = std::max(size, end_of(group, shared));
  for (auto& parameter : parameters_) parameter.gradient = at::Tensor();
  gradients_ = at::Tensor();
  gradients_ = ops_.zeros(size, values_.options());
  const auto place = [this](const std::vector<Parameter*>& group, int64_t start) {
    for (Parameter* parameter : group) {
      parameter->gradient = gradients_.narrow(0, start, product(parameter->shape)).view(parameter->shape);
      start += padded(parameter->shape);
    }
  };
  place(held, 0);
  for (const auto& group : turns) place(group, shared);
}

WritableParameter ParameterStore::writable(const Parameter& parameter) const {
  const int64_t count = padded(parameter.shape);
  const bool rounds = compute_.defined() && !is_stored_in_forms();
  return {parameter.offset, values_.narrow(0, parameter.offset, count), gradients_.narrow(0, parameter.gradient.storage_offset(), count),
          rounds ? compute_.narrow(0, parameter.offset, count) : at::Tensor()};
}

void ParameterStore::require_products() {
  if (product_.defined() || !compute_.defined() || ops_.sums_bfloat16_in_float32()) return;
  int64_t largest = 0;
  for (const auto& parameter : parameters_) {
    if (parameter.shape.size() == 2) largest = std::max(largest, product(parameter.shape));
  }
  product_ = ops_.empty(largest, compute_.options());
  for (auto& parameter : parameters_) {
    if (parameter.shape.size() == 2) parameter.product = product_.narrow(0, 0, product(parameter.shape)).view(parameter.shape);
  }
}

bool ParameterStore::trains_all() {
  std::lock_guard lock(trainers_mutex_);
  return optimizers_ == 0 || std::all_of(parameters_.begin(), parameters_.end(), [](const Parameter& parameter) { return parameter.trainers > 0; });
}

void ParameterStore::count_trainers(const std::vector<Parameter*>& parameters, int by) {
  std::lock_guard lock(trainers_mutex_);
  optimizers_ += by;
  for (Parameter* parameter : parameters) parameter->trainers += by;
}

// What begins to be trained while others' gradients are gathered has gathered nothing yet: memory holds what an earlier pass left there.
void ParameterStore::settle_trained() {
  std::lock_guard lock(trainers_mutex_);
  for (Parameter& parameter : parameters_) {
    const bool trained = optimizers_ == 0 || parameter.trainers > 0;
    if (trained && !parameter.trained && !gradients_stale_ && parameter.gradient.defined()) parameter.gradient.zero_();
    parameter.trained = trained;
  }
}

std::vector<Parameter> ParameterStore::trained() {
  std::lock_guard lock(trainers_mutex_);
  std::vector<Parameter> found;
  std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(found), [](const Parameter& parameter) { return parameter.trained; });
  return found;
}

int64_t ParameterStore::compute_bytes() const {
  auto bytes = [](const at::Tensor& t) { return t.defined() ? static_cast<int64_t>(t.nbytes()) : 0; };
  return bytes(forward_) + bytes(compute_) + bytes(product_);
}

void ParameterStore::zero_gradients() {
  if (gradients_.defined()) gradients_.zero_();
  gradients_stale_ = true;
}

}  // namespace hyperfit
