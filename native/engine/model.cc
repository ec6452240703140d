#include "engine/model.h"

#include <ATen/ops/ne.h>
#include <ATen/ops/zeros.h>

#include "ops/select.h"

namespace hyperfit {
namespace {

void load_parameters(ParameterStore& parameters, const std::vector<TensorSource>& sources, const StopSignals& stop) {
  for (const TensorSource& source : sources) {
    stop.throw_if_cancelled();
    Parameter& parameter = parameters.at(source.name);
    (parameter.value.defined() ? parameter.value : parameter.compute).copy_(load_tensor(source));
  }
}

bool is_rounded(const TensorSource& source, WeightDtype dtype) { return dtype == WeightDtype::bfloat16 && source.shape.size() == 2; }

bool stands_in_bfloat16(const TensorSource& source, at::ScalarType compute_dtype, WeightDtype dtype) {
  if (compute_dtype == at::kFloat || source.shape.size() != 2) return false;
  return is_rounded(source, dtype) || (dtype == WeightDtype::automatic && is_exact_in_bfloat16(source));
}

std::vector<ParameterShape> shapes_of(const std::vector<TensorSource>& sources, at::ScalarType compute_dtype, WeightDtype dtype,
                                      const StopSignals& stop) {
  std::vector<ParameterShape> shapes;
  for (const TensorSource& source : sources) {
    stop.throw_if_cancelled();
    shapes.push_back({source.name, source.transposed ? std::vector<int64_t>(source.shape.rbegin(), source.shape.rend()) : source.shape,
                      stands_in_bfloat16(source, compute_dtype, dtype)});
  }
  return shapes;
}

}  // namespace

Model::Model(const ModelConfig& config, const std::vector<TensorSource>& sources, at::Device device, at::ScalarType compute_dtype,
             WeightDtype weight_dtype, Activations activations, const StopSignals& stop)
    : device_(numbered(device)),
      weight_dtype_(weight_dtype),
      decoder_(config, shapes_of(sources, compute_dtype, weight_dtype, stop), device_, compute_dtype, activations),
      cache_(config, decoder_.ops(), decoder_.compute_options()) {
  load_parameters(decoder_.parameters(), sources, stop);
}

at::Tensor Model::forward(const TokenBatch& batch, const StopSignals& stop, std::vector<at::Tensor>* hidden_states) {
  decoder_.refresh_weights();
  return decoder_.forward(batch, stop, hidden_states);
}

at::Tensor Model::last_hidden_state(const TokenBatch& batch, const StopSignals& stop) {
  decoder_.refresh_weights();
  return decoder_.last_hidden_state(batch, stop);
}

// What a cancelled or failed backward has half written is of no use to anyone.
at::Tensor Model::queue_forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop) {
  decoder_.refresh_weights();
  try {
    return decoder_.forward_backward(batch, targets, stop);
  } catch (...) {
    decoder_.parameters().mark_gradients_stale();
    throw;
  }
}

LossSum Model::forward_backward(const TokenBatch& batch, const at::Tensor& targets, int64_t token_count, const StopSignals& stop) {
  return {to_host(queue_forward_backward(batch, targets, stop)).item<double>(), token_count};
}

at::Tensor Model::forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop,
                                   GradientConsumer& consumer) {
  decoder_.refresh_weights();
  return decoder_.forward_backward(batch, targets, stop, consumer);
}

at::Tensor Model::forward_keeping(const TokenBatch& batch, const StopSignals& stop) {
  decoder_.refresh_weights();
  return decoder_.forward_keeping(batch, stop);
}

// A pass that is no longer kept is refused before anything is written; what a cancelled one has half written is of no use to anyone.
void Model::backward_from(int64_t pass, const at::Tensor& dlogits, const StopSignals& stop) {
  try {
    decoder_.backward_from(pass, dlogits, stop);
  } catch (const Error& error) {
    if (error.code() == "ABORTED") decoder_.parameters().mark_gradients_stale();
    throw;
  } catch (...) {
    decoder_.parameters().mark_gradients_stale();
    throw;
  }
}

TokenStats Model::token_stats(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop) {
  const TokenStats stats = decoder_.ops().token_stats(forward(batch, stop, nullptr), targets);
  Download download({stats.loss, stats.entropy, stats.top_mass, stats.top1_ids});
  const std::vector<at::Tensor>& columns = download.wait();
  return {columns[0], columns[1], columns[2], columns[3]};
}

std::vector<Generation> Model::generate(const std::vector<std::vector<int32_t>>& prompts, const GenerateOptions& options,
                                        const StopSignals& stop, const TokenListener& listener) {
  decoder_.refresh_weights();
  return hyperfit::generate(decoder_, cache_, kept_rows_, prompts, options, stop, listener);
}

double Model::changed_share(const std::vector<TensorSource>& sources) {
  at::Tensor changed = at::zeros({}, at::TensorOptions().dtype(at::kLong).device(device_));
  for (const TensorSource& source : sources) {
    const at::Tensor read = load_tensor(source).to(device_), before = is_rounded(source, weight_dtype_) ? read.to(at::kBFloat16) : read;
    ParameterStore& parameters = decoder_.parameters();
    changed.add_(parameters.held(parameters.at(source.name)).ne(before).sum());
  }
  return static_cast<double>(to_host(changed).item<int64_t>()) / static_cast<double>(decoder_.parameters().element_count());
}

}  // namespace hyperfit
