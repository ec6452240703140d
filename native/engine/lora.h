#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/flat_adamw.h"
#include "engine/gradient_consumer.h"
#include "engine/low_rank_sum.h"
#include "engine/parameters.h"
#include "engine/trained_parameters.h"

namespace hyperfit {

struct LoraOptions {
  int64_t rank = 8;
  double alpha = 16;
  uint64_t seed = 0;
  std::vector<std::string> names;  // of the matrices that get an addition
  bool transposed = false;         // matrices are [in, out] (GPT-2's Conv1D)
};

/// Trains W = base + (alpha / rank) B A in place of W: AdamW on A and B alone, every other parameter stays. The sum is written into
/// the model's parameters after each step, so that whatever reads the model sees it merged. Only the gradients of these W are computed.
/// Where bfloat16 holds a W, it holds its base too, and the sum is rounded for the passes and made anew for whoever wants it exactly.
/// Source: Hu et al. 2021 (arXiv 2106.09685), section 4.1; initial values and names as in PEFT.
class Lora {
 public:
  /// A uniform within 1 / sqrt(in), B zero: the model computes as before. Throws ERR_MODEL_FILES for an unknown name.
  Lora(ParameterStore& parameters, AdamWOptions adamw, const LoraOptions& options);

  /// As AdamW::step; the norm is that of the gradients of A and B.
  StepResult step(const StepSettings& settings, const std::vector<at::Tensor>& losses = {});

  // As AdamW's.
  at::Tensor bits(const StepSettings& settings) const { return decision_.bits(settings, step_count() + 1); }
  void take(const at::Tensor& there, const at::Tensor& bits) { decision_.take(there, bits); }

  /// A step whose backward (`pass`, as AdamW::step_in_backward) leaves gradients of W a layer at a time: those of A and B are made of them
  /// as they come, and A and B move at the end. The bits are those of `step` without clipping. Throws ERR_NOT_FINITE, having changed
  /// nothing.
  StepResult step_in_backward(const StepSettings& settings, const std::function<at::Tensor(GradientConsumer&)>& pass);

  int64_t step_count() const { return adamw_->step_count(); }
  /// Goes on after update `step` with what was written into the state: sums it up anew.
  void resume(int64_t step);
  /// base.<name>, <module>.lora_A.weight, <module>.lora_B.weight, and exp_avg. and exp_avg_sq. of the latter two.
  std::vector<std::pair<std::string, at::Tensor>> state() const;

 private:
  /// One matrix. Each of the flat buffers holds A [rank, in] and then B [out, rank].
  struct Pair {
    Parameter* parameter;
    std::shared_ptr<LowRankSum> sum;
    int64_t rank, in, out, offset;
    at::Tensor a(const at::Tensor& flat) const;
    at::Tensor b(const at::Tensor& flat) const;
  };
  class InBackward;
  void gather_gradients(const Pair& pair);
  at::Tensor queue_norm();  // of the gradients of A and B, before the scaling by alpha / rank
  void queue_update();
  void begin_sums();
  void queue_sums();
  void end_sums();

  ParameterStore& parameters_;
  double scale_;
  bool transposed_;
  std::vector<Pair> pairs_;
  at::Tensor values_, gradients_;  // [elements of all A and B]
  std::optional<FlatAdamW> adamw_;
  Buffer norm_;
  StepDecision decision_;
  RepeatedWork updates_;
  int64_t number_ = unique_number();
  std::optional<TrainedParameters> trained_;
};

}  // namespace hyperfit
