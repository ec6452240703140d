#pragma once
#include <memory>
#include <vector>

#include "decode/device/choice_options.h"
#include "decode/device/growing_rows.h"
#include "decode/device/token_chooser.h"
#include "engine/decoder.h"
#include "engine/generation_row.h"
#include "graph/repeated_work.h"

namespace hyperfit {

/// Rows that a device decodes and chooses the tokens of, as long as they stay the same rows of the same cache: the host draws the random
/// numbers and reads ids. A token, from the embedding to the id, is a graph where the device has such, one for each reach of attention.
class DeviceRows {
 public:
  /// Whether a device chooses: one that queues its work. The others have the scores on the host already.
  static bool serve(const Decoder& decoder) { return is_queued(decoder.options().device()); }
  /// Up to `most_steps` tokens a row between two readings.
  DeviceRows(Decoder& decoder, KVCache& cache, std::vector<GenerationRow*> rows, int64_t most_steps);

  /// Whether other rows can take the place of these: as many, of the same options and the same cache.
  bool fit(const std::vector<GenerationRow*>& rows, int64_t most_steps) const;
  /// Others take the place: what was queued for these, graphs too, serves them.
  void take(std::vector<GenerationRow*> rows);

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
  std::vector<ChoiceOptions> options_;
  GrowingRows grown_;
  TokenChooser chooser_;
  RepeatedWork token_;
};

/// The rows of latest generations over one cache, kept with their graphs: a generation of as many rows with the same options goes on with
/// them.
class KeptRows {
 public:
  /// Of so many generations at most: what each holds beside its graphs grows with rows and vocabulary.
  KeptRows(Decoder& decoder, KVCache& cache, size_t most) : decoder_(decoder), cache_(cache), most_(most) {}
  /// In use until the next call.
  DeviceRows& take(std::vector<GenerationRow*> rows, int64_t most_steps);
  void forget() { kept_.clear(); }

 private:
  Decoder& decoder_;
  KVCache& cache_;
  size_t most_;
  std::vector<std::unique_ptr<DeviceRows>> kept_;  // the latest last
};

}  // namespace hyperfit
