#include "engine/parameters.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "engine/parameter_layout.h"

namespace hyperfit {

ParameterStore::ParameterStore(const std::vector<ParameterShape>& shapes, const Ops& ops, at::Device device, at::ScalarType compute_dtype)
    : ops_(ops) {
  for (const auto& [name, shape, in_bfloat16] : shapes) {
    by_name_[name] = parameters_.size();
    Parameter& parameter = parameters_.emplace_back();
    parameter.name = name;
    parameter.shape = shape;
    element_count_ += product(shape);
  }
  const auto place = [&](bool in_bfloat16) {
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (shapes[i].in_bfloat16 != in_bfloat16) continue;
      parameters_[i].offset = size_;
      size_ += padded(shapes[i].shape);
    }
  };
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(device);
  place(/*in_bfloat16=*/false);
  values_ = ops.zeros(size_, options);
  place(/*in_bfloat16=*/true);
  if (compute_dtype != at::kFloat) compute_ = ops.zeros(size_, options.dtype(compute_dtype));
  for (size_t i = 0; i < shapes.size(); ++i) {
    Parameter& parameter = parameters_[i];
    if (!shapes[i].in_bfloat16) parameter.value = view_of(values_, parameter);
    parameter.compute = compute_.defined() ? view_of(compute_, parameter) : parameter.value;
    parameter.forward = shapes[i].in_bfloat16 ? parameter.compute : parameter.value;
  }
}

void ParameterStore::set_stored_forms(const std::unordered_map<std::string, StoredForm>& forms) {
  for (const auto& [name, form] : forms) require_storable(name, at(name).shape, form);
  begin_writing();
  note_memory_move();
  forward_ = forms.empty() ? at::Tensor() : ops_.zeros(size_, values_.options());
  for (Parameter& parameter : parameters_) {
    const auto form = forms.find(parameter.name);
    parameter.stored = form == forms.end() ? std::nullopt : std::optional(form->second);
    parameter.forward = forward_.defined() ? view_of(forward_, parameter) : parameter.value;
    if (!compute_.defined()) parameter.compute = parameter.forward;
  }
}

at::Tensor ParameterStore::view_of(const at::Tensor& flat, const Parameter& parameter) const {
  return flat.narrow(0, parameter.offset, product(parameter.shape)).view(parameter.shape);
}

at::Tensor ParameterStore::values_like() const { return at::zeros({1}, values_.options()).expand({size_}); }

// Every write through a tensor counts as a new version of the buffer it is a view of.
int64_t ParameterStore::version() {
  std::lock_guard lock(mutex_);
  return current_version();
}

int64_t ParameterStore::current_version() const {
  return versions_ + static_cast<int64_t>((all_values_.defined() ? all_values_ : values_)._version());
}

void ParameterStore::make_values() {
  if (all_values_.defined() || values_.numel() == size_) return;
  const int64_t before = current_version();
  at::Tensor all = ops_.zeros(size_, values_.options());
  all.narrow(0, 0, values_.numel()).copy_(values_);
  for (const Parameter& parameter : parameters_) {
    if (parameter.value.defined()) continue;
    at::Tensor value = view_of(all, parameter);
    if (parameter.sum) {
      parameter.sum->write(value);
    } else {
      value.copy_(parameter.compute);
    }
  }
  all_values_ = std::move(all);
  versions_ += before - current_version();
}

void ParameterStore::adopt_values() {
  if (!all_values_.defined()) return;
  values_ = std::exchange(all_values_, {});
  note_memory_move();
  for (Parameter& parameter : parameters_) {
    parameter.value = view_of(values_, parameter);
    parameter.forward = parameter.value;
    parameter.sum = nullptr;
  }
}

std::vector<Parameter> ParameterStore::with_values() {
  std::lock_guard lock(mutex_);
  make_values();
  std::vector<Parameter> all = parameters_;
  for (Parameter& parameter : all) parameter.value = view_of(all_values_.defined() ? all_values_ : values_, parameter);
  return all;
}

at::Tensor ParameterStore::held_now(const Parameter& parameter) const {
  if (all_values_.defined()) return view_of(all_values_, parameter);
  if (parameter.value.defined()) return parameter.value;
  if (!parameter.sum) return parameter.compute;
  at::Tensor whole = at::empty(parameter.shape, values_.options());
  parameter.sum->write(whole);
  return whole;
}

at::Tensor ParameterStore::held(const Parameter& parameter) {
  std::lock_guard lock(mutex_);
  return held_now(parameter);
}

at::Tensor ParameterStore::copy_held(const Parameter& parameter) {
  std::lock_guard lock(mutex_);
  if (parameter.sum) make_values();
  return held_now(parameter).clone();
}

void ParameterStore::begin_sums(const std::vector<Parameter*>& parameters) {
  std::lock_guard lock(mutex_);
  adopt_values();
  int64_t largest = 0;
  for (const Parameter* parameter : parameters) largest = std::max(largest, parameter->value.defined() ? 0 : product(parameter->shape));
  if (largest == 0 || (sum_.defined() && sum_.numel() >= largest)) return;
  sum_ = at::Tensor();
  sum_ = ops_.empty(largest, values_.options());
  note_memory_move();
}

void ParameterStore::queue_sum(const Parameter& parameter, const LowRankSum& sum) {
  if (parameter.value.defined()) {
    at::Tensor value = parameter.value;
    return sum.write(value);
  }
  at::Tensor whole = sum_.narrow(0, 0, product(parameter.shape)).view(parameter.shape), rounded = parameter.compute;
  sum.write(whole);
  ops_.round(rounded, whole);
}

void ParameterStore::end_sum(Parameter& parameter, const std::shared_ptr<const LowRankSum>& sum) {
  std::lock_guard lock(mutex_);
  if (parameter.value.defined()) return note_writing();
  const bool is_current = compute_version_ == current_version();
  parameter.sum = sum;
  ++versions_;
  if (is_current) compute_version_ = current_version();
}

void ParameterStore::require_values() {
  std::lock_guard lock(mutex_);
  make_values();
  adopt_values();
}

void ParameterStore::begin_writing() {
  require_values();
  compute_version_ = -1;  // should the writing throw
}

void ParameterStore::refresh_compute() {
  {
    std::lock_guard lock(mutex_);
    adopt_values();
  }
  if (!(compute_.defined() || is_stored_in_forms()) || compute_version_ == version()) return;
  if (is_stored_in_forms()) refresh_forward();
  if (compute_.defined()) {
    const at::Tensor& exact = is_stored_in_forms() ? forward_ : values_;
    at::Tensor rounded = exact.numel() == size_ ? compute_ : compute_.narrow(0, 0, exact.numel());
    ops_.round(rounded, exact);
  }
  compute_version_ = version();
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

WritableParameter ParameterStore::writable(const Parameter& parameter) const {
  const int64_t count = padded(parameter.shape);
  const bool rounds = compute_.defined() && !is_stored_in_forms();
  return {parameter.offset, values_.narrow(0, parameter.offset, count), gradients_.narrow(0, parameter.gradient.storage_offset(), count),
          rounds ? compute_.narrow(0, parameter.offset, count) : at::Tensor()};
}

int64_t ParameterStore::value_bytes() {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>((all_values_.defined() ? all_values_ : values_).nbytes());
}

int64_t ParameterStore::compute_bytes() const {
  auto bytes = [](const at::Tensor& t) { return t.defined() ? static_cast<int64_t>(t.nbytes()) : 0; };
  return bytes(forward_) + bytes(compute_) + bytes(product_) + bytes(sum_);
}

}  // namespace hyperfit
