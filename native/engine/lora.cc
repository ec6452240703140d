#include "engine/lora.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/error.h"
#include "engine/gradient_sum.h"
#include "engine/random.h"

namespace hyperfit {
namespace {

/// Drawn on the CPU one by one, so that a seed means the same numbers on every device.
at::Tensor uniform(std::vector<int64_t> shape, double bound, Random& random) {
  at::Tensor drawn = at::zeros(shape, at::kFloat);
  float* elements = drawn.data_ptr<float>();
  for (int64_t i = 0; i < drawn.numel(); ++i) elements[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
  return drawn;
}

/// `model.layers.0.mlp.up_proj.weight` as `model.layers.0.mlp.up_proj`.
std::string module_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

}  // namespace

at::Tensor Lora::Pair::a(const at::Tensor& flat) const { return flat.narrow(0, offset, rank * in).view({rank, in}); }
at::Tensor Lora::Pair::b(const at::Tensor& flat) const { return flat.narrow(0, offset + rank * in, out * rank).view({out, rank}); }

Lora::Lora(ParameterStore& parameters, AdamWOptions adamw, const LoraOptions& options)
    : parameters_(parameters),
      scale_(options.alpha / static_cast<double>(options.rank)),
      transposed_(options.transposed),
      norm_(parameters.ops()),
      decision_(parameters.ops(), parameters.flat_values().device(), scale_),
      updates_(parameters.flat_values().device(), "an update") {
  int64_t elements = 0;
  for (const std::string& name : options.names) {
    Parameter& parameter = parameters.at(name);
    if (parameter.shape.size() != 2) throw Error("ERR_MODEL_FILES", "expected a matrix for LoRA, got `" + name + "`");
    const int64_t in = parameter.shape[transposed_ ? 0 : 1], out = parameter.shape[transposed_ ? 1 : 0];
    auto sum = std::make_shared<LowRankSum>(LowRankSum{parameters.copy_held(parameter), {}, {}, scale_, transposed_});
    pairs_.push_back({&parameter, std::move(sum), options.rank, in, out, elements});
    elements += options.rank * (in + out);
  }
  values_ = at::zeros({elements}, parameters.values_like().options());
  gradients_ = at::zeros_like(values_);
  adamw_.emplace(parameters.ops(), values_, adamw);
  Random random(options.seed);
  for (const Pair& pair : pairs_) {
    pair.sum->a = pair.a(values_);
    pair.sum->b = pair.b(values_);
    pair.sum->a.copy_(uniform({pair.rank, pair.in}, 1 / std::sqrt(static_cast<double>(pair.in)), random));
  }
  std::vector<Parameter*> matrices;
  for (const Pair& pair : pairs_) matrices.push_back(pair.parameter);
  trained_.emplace(parameters, std::move(matrices));
}

/// With G the gradient of W [out, in]: that of B is s G A^T, that of A is s B^T G; s comes with the scaling of all.
void Lora::gather_gradients(const Pair& pair) {
  const at::Tensor gradient = transposed_ ? pair.parameter->gradient.t() : pair.parameter->gradient;
  at::Tensor grad_a = pair.a(gradients_), grad_b = pair.b(gradients_);
  at::mm_out(grad_b, gradient, pair.sum->a.t());
  at::mm_out(grad_a, pair.sum->b.t(), gradient);
}

void Lora::begin_sums() {
  std::vector<Parameter*> matrices;
  for (const Pair& pair : pairs_) matrices.push_back(pair.parameter);
  parameters_.begin_sums(matrices);
}

void Lora::queue_sums() {
  for (const Pair& pair : pairs_) parameters_.queue_sum(*pair.parameter, *pair.sum);
}

void Lora::end_sums() {
  for (const Pair& pair : pairs_) parameters_.end_sum(*pair.parameter, pair.sum);
}

void Lora::resume(int64_t step) {
  adamw_->set_step_count(step);
  begin_sums();
  queue_sums();
  end_sums();
}

at::Tensor Lora::queue_norm() {
  for (const Pair& pair : pairs_) gather_gradients(pair);
  sum(gradients_);
  return parameters_.ops().norm_of({gradients_}, norm_);
}

void Lora::queue_update() {
  begin_sums();
  adamw_->begin_update();
  updates_.queue({}, [this] {
    adamw_->update_part(0, values_, gradients_, /*rounded=*/{}, decision_.update());
    queue_sums();
    return at::Tensor();
  });
  end_sums();
}

StepResult Lora::step(const StepSettings& settings, const std::vector<at::Tensor>& losses) {
  trained_->require_fresh_gradients();
  decision_.queue([this] { return queue_norm(); }, losses, settings, step_count() + 1);
  return finish_step(decision_, *adamw_, parameters_, [this] { queue_update(); });
}

class Lora::InBackward : public GradientConsumer {
 public:
  explicit InBackward(Lora& owner) : owner_(owner) {}

  WorkKey key() const override { return {owner_.number_}; }

  void begin(const at::Tensor&) override {}

  void consume(const std::vector<Parameter*>& parameters) override {
    for (const Pair& pair : owner_.pairs_) {
      if (std::find(parameters.begin(), parameters.end(), pair.parameter) != parameters.end()) owner_.gather_gradients(pair);
    }
  }

 private:
  Lora& owner_;
};

StepResult Lora::step_in_backward(const StepSettings& settings, const std::function<at::Tensor(GradientConsumer&)>& pass) {
  constexpr int64_t kGathered = 1;  // the gradients of A and B are there
  decision_.require(settings, step_count() + 1);
  InBackward within(*this);
  const at::Tensor loss = pass(within);
  const auto norm = [this] {
    sum(gradients_);
    return parameters_.ops().norm_of({gradients_}, norm_);
  };
  decision_.queue(norm, {loss}, settings, step_count() + 1, kGathered);
  StepResult result = finish_step(decision_, *adamw_, parameters_, [this] { queue_update(); });
  require_finite_loss(result.losses.front());
  return result;
}

std::vector<std::pair<std::string, at::Tensor>> Lora::state() const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const Pair& pair : pairs_) {
    const std::string a = module_of(pair.parameter->name) + ".lora_A.weight", b = module_of(pair.parameter->name) + ".lora_B.weight";
    tensors.emplace_back("base." + pair.parameter->name, pair.sum->base);
    tensors.emplace_back(a, pair.sum->a);
    tensors.emplace_back(b, pair.sum->b);
    tensors.emplace_back("exp_avg." + a, pair.a(adamw_->exp_avg()));
    tensors.emplace_back("exp_avg." + b, pair.b(adamw_->exp_avg()));
    tensors.emplace_back("exp_avg_sq." + a, pair.a(adamw_->exp_avg_sq()));
    tensors.emplace_back("exp_avg_sq." + b, pair.b(adamw_->exp_avg_sq()));
  }
  return tensors;
}

}  // namespace hyperfit
