#pragma once
#include <vector>

#include "decode/device/device_rows.h"
#include "engine/prompts.h"

namespace hyperfit {

/// Continues prompts on a device that chooses the tokens. The host reads ids once a token where somebody listens, otherwise once every 32
/// tokens; what another thread flags meanwhile takes effect at the next reading.
class DeviceGeneration {
 public:
  /// Whether tokens are chosen there: a hook on logits has its say on the host.
  static bool serves(const Decoder& decoder, const GenerateOptions& options) { return DeviceRows::serve(decoder) && !options.logits_hook; }
  /// The cache has been reset for the prompts and what is to come.
  DeviceGeneration(Decoder& decoder, KVCache& cache, KeptRows& kept, const Prompts& prompts, std::vector<GenerationRow>& rows);
  void run(const StopSignals& stop, const TokenListener& listener);

 private:
  static constexpr int64_t kTokensARead = 32;
  at::Tensor read_prompts(const StopSignals& stop);
  void queue_token(const StopSignals& stop);
  void hand_out(const ChosenTokens& chosen, const TokenListener& listener);

  Decoder& decoder_;
  KVCache& cache_;
  const Prompts& prompts_;
  std::vector<GenerationRow>& rows_;
  DeviceRows& there_;
  int64_t done_ = 0;  // tokens queued, of each row
};

}  // namespace hyperfit
