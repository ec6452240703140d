#pragma once
#include <vector>

#include "decode/device/growing_rows.h"
#include "decode/device/token_chooser.h"
#include "engine/decoder.h"
#include "engine/generation_row.h"
#include "graph/repeated_work.h"

namespace hyperfit {

/// Rows that a device decodes and chooses the tokens of, as long as they stay the same rows of the same cache: the host draws the random numbers and
/// reads ids. A token, from the embedding to the id, is a graph where the device has such, one for each reach of attention.
class DeviceRows {
 public:
  /// Whether a device chooses: one that queues its work. The others have the scores on the host already.
  static bool serve(const Decoder& decoder) { return is_queued(decoder.options().device()); }
  /// Up to `most_steps` tokens a row between two readings.
  DeviceRows(Decoder& decoder, KVCache& cache, std::vector<GenerationRow*> rows, int64_t most_steps);

  int64_t most_steps() const { return chooser_.most_steps(); }
  /// Begins `steps` steps.
  void begin(int64_t steps);
  /// Queues a token of each row: of logits [B, V] that are there, or of the model, where no row stands at or beyond `positions`.
  void queue(const at::Tensor& logits) { chooser_.choose(logits, grown_); }
  void queue(int64_t positions);
  /// Waits for the steps that have been queued since `begin`.
  ChosenTokens read(int64_t steps) const { return chooser_.read(steps); }
  /// Ends the rows that the host has ended.
  void end_rows();

 private:
  Decoder& decoder_;
  KVCache& cache_;
  std::vector<GenerationRow*> rows_;
  GrowingRows grown_;
  TokenChooser chooser_;
  RepeatedWork token_;
};

}  // namespace hyperfit
