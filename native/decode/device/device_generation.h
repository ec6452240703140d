#pragma once
#include <vector>

#include "decode/device/growing_rows.h"
#include "decode/device/token_chooser.h"
#include "engine/generation_row.h"
#include "engine/prompts.h"

namespace hyperfit {

/// Continues prompts on a device that queues its work: tokens are chosen there, and the host reads ids. Once a token where somebody listens,
/// otherwise once every ChoiceRecord::kSteps tokens; what another thread flags meanwhile takes effect at the next reading.
class DeviceGeneration {
 public:
  /// Whether tokens are chosen there: a hook on logits has its say on the host, where the likeliest ids are found too.
  static bool serves(const Decoder& decoder, const GenerateOptions& options);
  /// The cache has been reset for the prompts and what is to come.
  DeviceGeneration(Decoder& decoder, KVCache& cache, const Prompts& prompts, const GenerateOptions& options);
  void run(std::vector<GenerationRow>& rows, const StopSignals& stop, const TokenListener& listener);

 private:
  at::Tensor read_prompts(const StopSignals& stop);
  void queue_steps(int64_t count, std::vector<GenerationRow>& rows, const StopSignals& stop);
  at::Tensor next_logits(const StopSignals& stop);
  void hand_out(const ChosenTokens& chosen, std::vector<GenerationRow>& rows, const TokenListener& listener) const;

  Decoder& decoder_;
  KVCache& cache_;
  const Prompts& prompts_;
  const GenerateOptions& options_;
  GrowingRows grown_;
  TokenChooser chooser_;
  int64_t done_ = 0;  // tokens queued, of each row
};

}  // namespace hyperfit
