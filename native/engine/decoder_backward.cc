// Passes with a backward: forward, loss, and down through all layers.
#include <algorithm>
#include <utility>

#include "engine/decoder.h"
#include "engine/error.h"

namespace hyperfit {
namespace {

// The whole costs no view.
at::Tensor rows_of(const at::Tensor& tensor, int64_t first, int64_t count) {
  return count == tensor.size(0) ? tensor : tensor.narrow(0, first, count);
}

int64_t address_of(const at::Tensor& tensor) { return reinterpret_cast<int64_t>(tensor.const_data_ptr()); }

/// What becomes of gradients: they forget what stood there, add to it, or are used up at once.
enum class Pass : int64_t { overwriting, adding, consumed };

WorkKey key_of(const TokenBatch& batch, const at::Tensor& targets, Pass pass) {
  return {batch.batch, batch.sequence, static_cast<int64_t>(pass), address_of(batch.tokens), address_of(targets)};
}

}  // namespace

// From here to the end of the backward it is settled whose gradients are computed, whatever optimizers come and go meanwhile.
void Decoder::begin_keeping(const TokenBatch& batch) {
  parameters_.settle_trained();
  parameters_.require_gradients();
  workspace_.shape_keeping(batch.batch, batch.sequence, first_trained_layer());
}

int64_t Decoder::first_trained_layer() const {
  if (embedding_.weight->trained || (positions_.weight && positions_.weight->trained)) return 0;
  const auto found = std::find_if(layers_.begin(), layers_.end(), [](const DecoderLayer& layer) { return layer.is_trained(); });
  return found - layers_.begin();
}

at::Tensor Decoder::forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop) {
  begin_keeping(batch);
  const double beta = parameters_.gradient_beta();
  const at::Tensor loss = passes_.queue(key_of(batch, targets, beta == 0 ? Pass::overwriting : Pass::adding), [&] {
    const Arena::Use use = use_arena(batch.batch * batch.sequence);
    run_layers(batch, stop, nullptr);
    const at::Tensor made = head_loss_backward(targets, beta, stop);
    layers_backward(batch, beta, stop);
    return made;
  });
  parameters_.mark_gradients_fresh();
  return loss;
}

at::Tensor Decoder::forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop,
                                     GradientConsumer& consumer) {
  if (!parameters_.gradients_are_stale()) {
    throw Error("ERR_CONFIG",
                "expected no gathered gradients before a step that updates within its backward, got some of an earlier forwardBackward; "
                "apply them with optimizer.step, or forget them with zeroGradients");
  }
  std::vector<std::vector<Parameter*>> layers;
  for (const DecoderLayer& layer : layers_) layers.push_back(layer.parameters());
  parameters_.settle_trained();
  parameters_.require_gradients_in_turns(outer_parameters(), layers);
  workspace_.shape_keeping(batch.batch, batch.sequence, first_trained_layer());
  WorkKey key = key_of(batch, targets, Pass::consumed);
  const WorkKey by = consumer.key();
  key.insert(key.end(), by.begin(), by.end());
  const at::Tensor loss = passes_.queue(key, [&] {
    const Arena::Use use = use_arena(batch.batch * batch.sequence);
    run_layers(batch, stop, nullptr);
    const at::Tensor made = head_loss_backward(targets, /*beta=*/0, stop);
    consumer.begin(made);
    layers_backward(batch, /*beta=*/0, /*stop=*/{}, &consumer);
    return made;
  });
  parameters_.mark_gradients_stale();
  return loss;
}

std::vector<Parameter*> Decoder::outer_parameters() {
  std::vector<Parameter*> outer{embedding_.weight, positions_.weight, final_norm_.weight, final_norm_.bias,
                                head_.weight == embedding_.weight ? nullptr : head_.weight};
  std::erase(outer, nullptr);
  return outer;
}

// As many logits at a time as the workspace gives room to.
at::Tensor Decoder::head_loss_backward(const at::Tensor& targets, double beta, const StopSignals& stop) {
  const at::Tensor normed = final_normed(workspace_.scratch().final_x);
  const int64_t rows = normed.size(0), part = workspace_.logit_rows(rows);
  const at::Tensor losses = losses_.view({2}, options_.dtype(at::kDouble));
  at::Tensor loss = losses.select(0, 0), part_loss = losses.select(0, 1);
  for (int64_t first = 0; first < rows; first += part) {
    const int64_t count = std::min(part, rows - first);
    at::Tensor logits = head_logits(rows_of(normed, first, count), /*keep=*/true);
    ops_.cross_entropy(logits, rows_of(targets, first, count), first == 0 ? loss : part_loss);
    if (first > 0) loss.add_(part_loss);
    stop.throw_if_cancelled();
    head_backward(logits, first, first == 0 ? beta : 1);
  }
  return loss;
}

at::Tensor Decoder::forward_keeping(const TokenBatch& batch, const StopSignals& stop) {
  begin_keeping(batch);
  const Arena::Use use = use_arena(batch.batch * batch.sequence);
  run_layers(batch, stop, nullptr);
  // Uploaded ids stand where the next upload will.
  const at::Tensor tokens = is_queued(options_.device()) ? batch.tokens.clone() : batch.tokens;
  kept_ = {{tokens, batch.batch, batch.sequence}, workspace_.passes(), parameters_.version()};
  return head_forward(workspace_.scratch().final_x, /*keep=*/true);
}

void Decoder::backward_from(int64_t pass, const at::Tensor& dlogits, const StopSignals& stop) {
  const bool kept = kept_.pass == pass && workspace_.passes() == pass && parameters_.version() == kept_.weights;
  if (!kept) {
    throw Error("ERR_CONFIG", "expected no other work of this model, and no change of its weights, while its loss is computed, got one; "
                              "compute what the loss needs of this model before, and wait for it");
  }
  const TokenBatch batch = std::exchange(kept_, {}).batch;
  const Arena::Use use = use_arena(batch.batch * batch.sequence);
  at::Tensor logits = workspace_.logits(batch.batch * batch.sequence);
  logits.copy_(dlogits);  // of another shape it throws
  const double beta = parameters_.gradient_beta();
  head_backward(logits, /*first_row=*/0, beta);
  layers_backward(batch, beta, stop);
  parameters_.mark_gradients_fresh();
}

// Logits' gradients, of rows from `first_row` on -> parameters of the head, and the gradient of what it read, b.dnormed.
void Decoder::head_backward(at::Tensor& dlogits, int64_t first_row, double beta) {
  const int64_t rows = dlogits.size(0);
  if (config_.final_softcap > 0) {
    at::Tensor ratios = workspace_.logit_ratios(rows);
    ops_.softcap_backward(dlogits, ratios);
  }
  head_.backward_parameters(dlogits, rows_of(workspace_.scratch().normed, first_row, rows), beta);
  at::Tensor dnormed = rows_of(workspace_.backward().dnormed, first_row, rows);
  head_.backward_input(dnormed, dlogits, /*accumulate=*/false);
}

// A cancelled backward leaves some gradients written and some not; they stay marked as they were, and the caller of a
// cancelled step throws them away (Model::forward_backward).
void Decoder::layers_backward(const TokenBatch& batch, double beta, const StopSignals& stop, GradientConsumer* consumer) {
  LayerScratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  const LayerRotations rotations = rotary_.range(0, batch.sequence);
  b.dx.zero_();
  final_norm_.backward(b.dx, b.dnormed, s.final_x, s.final_stats, s.hidden, beta);
  const int64_t first = first_trained_layer();
  for (int64_t index = config_.num_hidden_layers - 1; index >= first; --index) {
    stop.throw_if_cancelled();
    LayerActivations& a = workspace_.layer(index);
    // The last layer's are still there.
    if (activations_ == Activations::recomputed && index + 1 < config_.num_hidden_layers) recompute(layers_[index], a, batch, rotations);
    mlp_backward(layers_[index], a, beta);
    attention_backward(layers_[index], a, beta, batch, rotations);
    if (consumer) consumer->consume(layers_[index].parameters());
  }
  positions_.backward(b.dx, batch.sequence, beta);
  if (embedding_.weight->trained) {
    if (!config_.tie_word_embeddings && beta == 0) embedding_.weight->gradient.zero_();
    embedding_.backward(b.dx, batch.tokens);
  }
  if (consumer) consumer->consume(outer_parameters());
}

}  // namespace hyperfit
