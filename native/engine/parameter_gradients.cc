// The gradients of a ParameterStore: whose there are, where they lie, and who asks for them.
#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/parameter_layout.h"
#include "engine/parameters.h"

namespace hyperfit {
namespace {

// Gradients of vectors are written whether anybody trains them or not: of a norm they come with that of its input.
bool has_gradient(const Parameter& parameter) { return parameter.trained || parameter.shape.size() != 2; }

bool lacks_gradient(const Parameter& parameter) { return has_gradient(parameter) && !parameter.gradient.defined(); }

}  // namespace

void ParameterStore::require_gradients() {
  std::lock_guard lock(mutex_);
  if (gradients_.defined() && !gradients_in_turns_ && std::none_of(parameters_.begin(), parameters_.end(), lacks_gradient)) return;
  require_products();
  if (gradients_stale_ || gradients_in_turns_) {
    for (Parameter& parameter : parameters_) parameter.gradient = at::Tensor();
    gradients_ = at::Tensor();
  }
  gradients_in_turns_ = false;
  // Of all they lie as the values do, which AdamW builds on.
  const bool all = std::all_of(parameters_.begin(), parameters_.end(), has_gradient);
  int64_t size = 0;
  std::vector<int64_t> offsets;
  for (const Parameter& parameter : parameters_) {
    offsets.push_back(all ? parameter.offset : size);
    if (has_gradient(parameter)) size += padded(parameter.shape);
  }
  gradients_ = ops_.zeros(size, values_.options());
  note_memory_move();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& parameter = parameters_[i];
    const at::Tensor gathered = std::exchange(parameter.gradient, {});
    if (!has_gradient(parameter)) continue;
    parameter.gradient = gradients_.narrow(0, offsets[i], product(parameter.shape)).view(parameter.shape);
    if (gathered.defined()) parameter.gradient.copy_(gathered);
  }
}

void ParameterStore::require_gradients_in_turns(const std::vector<Parameter*>& held, const std::vector<std::vector<Parameter*>>& turns) {
  std::lock_guard lock(mutex_);
  if (gradients_.defined() && gradients_in_turns_ && std::none_of(parameters_.begin(), parameters_.end(), lacks_gradient)) return;
  gradients_in_turns_ = true;
  require_products();
  const auto end_of = [](const std::vector<Parameter*>& group, int64_t start) {
    for (const Parameter* parameter : group) start += has_gradient(*parameter) ? padded(parameter->shape) : 0;
    return start;
  };
  const int64_t shared = end_of(held, 0);
  int64_t size = shared;
  for (const auto& group : turns) size = std::max(size, end_of(group, shared));
  for (auto& parameter : parameters_) parameter.gradient = at::Tensor();
  gradients_ = at::Tensor();
  gradients_ = ops_.zeros(size, values_.options());
  note_memory_move();
  const auto place = [this](const std::vector<Parameter*>& group, int64_t start) {
    for (Parameter* parameter : group) {
      if (!has_gradient(*parameter)) continue;
      parameter->gradient = gradients_.narrow(0, start, product(parameter->shape)).view(parameter->shape);
      start += padded(parameter->shape);
    }
  };
  place(held, 0);
  for (const auto& group : turns) place(group, shared);
}

void ParameterStore::require_products() {
  if (!compute_.defined() || ops_.sums_bfloat16_in_float32()) return;
  const auto needs_product = [](const Parameter& parameter) { return parameter.trained && parameter.shape.size() == 2; };
  int64_t largest = 0;
  for (const Parameter& parameter : parameters_) largest = std::max(largest, needs_product(parameter) ? product(parameter.shape) : 0);
  if (!product_.defined() || product_.numel() < largest) {
    for (Parameter& parameter : parameters_) parameter.product = at::Tensor();
    product_ = at::Tensor();
    product_ = ops_.empty(largest, compute_.options());
    note_memory_move();
  }
  for (Parameter& parameter : parameters_) {
    if (needs_product(parameter)) parameter.product = product_.narrow(0, 0, product(parameter.shape)).view(parameter.shape);
  }
}

void ParameterStore::count_trainers(const std::vector<Parameter*>& parameters, int by) {
  std::lock_guard lock(mutex_);
  optimizers_ += by;
  for (Parameter* parameter : parameters) parameter->trainers += by;
}

// What begins to be trained while others' gradients are gathered has gathered nothing yet: memory holds what an earlier pass left there.
void ParameterStore::settle_trained() {
  std::lock_guard lock(mutex_);
  for (Parameter& parameter : parameters_) {
    const bool trained = optimizers_ == 0 || parameter.trainers > 0;
    if (trained && !parameter.trained && !gradients_stale_ && parameter.gradient.defined()) parameter.gradient.zero_();
    if (trained != parameter.trained) note_memory_move();  // other work is queued from now on
    parameter.trained = trained;
  }
}

std::vector<Parameter> ParameterStore::trained() {
  std::lock_guard lock(mutex_);
  std::vector<Parameter> found;
  std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(found),
               [](const Parameter& parameter) { return parameter.trained; });
  return found;
}

void ParameterStore::zero_gradients() {
  if (gradients_.defined()) gradients_.zero_();
  gradients_stale_ = true;
}

}  // namespace hyperfit
