#include "engine/step_numbers.h"

#include <ATen/ops/empty.h>

#include <bit>

namespace hyperfit {
namespace {

constexpr int64_t kScale = 0, kLearningRate = 1, kStep = 2;

std::vector<int64_t> values_of(const at::Tensor& bits) {
  return {bits.const_data_ptr<int64_t>(), bits.const_data_ptr<int64_t>() + StepNumbers::kCount};
}

}  // namespace

at::Tensor StepNumbers::bits(double scale, double learning_rate, int64_t step) {
  at::Tensor made = at::empty({kCount}, at::kLong);
  int64_t* const places = made.data_ptr<int64_t>();
  places[kScale] = std::bit_cast<int64_t>(scale);
  places[kLearningRate] = std::bit_cast<int64_t>(learning_rate);
  places[kStep] = std::bit_cast<int64_t>(static_cast<double>(step));
  return made;
}

void StepNumbers::take(const at::Tensor& there, const at::Tensor& bits) {
  at::Tensor exact = exact_.view({kCount}, there.options().dtype(at::kDouble)),
             single = single_.view({kCount}, there.options().dtype(at::kFloat));
  exact.copy_(there.view(at::kDouble));
  single.copy_(exact);
  scale_ = exact.select(0, kScale);
  learning_rate_ = single.select(0, kLearningRate);
  step_ = single.select(0, kStep);
  there_ = values_of(bits);
}

void StepNumbers::require(const at::Tensor& bits, at::Device device) {
  if (there_ != values_of(bits)) take(upload_({bits}, device).front(), bits);
}

}  // namespace hyperfit
