#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decode/device/device_rows.h"
#include "decode/session.h"
#include "engine/decoder.h"
#include "engine/error.h"
#include "engine/generation.h"
#include "engine/generation_row.h"

namespace hyperfit {

/// One sequence of a running batch: its seat, which its caller knows it by, and how it grows.
struct Seat {
  Seat(int64_t number, std::vector<int32_t> prompt, GenerateOptions chosen)
      : number(number), options(std::move(chosen)), row(std::move(prompt), options, options.seeds.at(0)) {}
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  int64_t number;
  GenerateOptions options;  // `row` refers to them
  GenerationRow row;
  std::optional<Error> failure;
};

/// A sequence that has left the batch.
struct Departure {
  int64_t seat;
  Generation generation;
  std::optional<Error> failure;
};

/// ln p of each token of a prompt but the first, given those before it, and the most probable ids there.
struct PromptScores {
  std::vector<float> log_probabilities;  // [T - 1]
  std::vector<int32_t> top_ids;          // [T - 1, count]
  std::vector<float> top_log_probabilities;
};

struct Arrival {
  std::optional<PromptScores> prompt;
  std::optional<Departure> departure;  // of a sequence that its first token, or none, has ended
};

/// A token of the sequence at `seat`; with token_stats its log-probability, and the most probable ids with theirs.
struct SeatToken {
  int64_t seat;
  int32_t id;
  float log_probability;
  std::vector<int32_t> top_ids;
  std::vector<float> top_log_probabilities;
};
using SeatListener = std::function<void(SeatToken token)>;

/// A batch that sequences join and leave while it decodes. Prompts are read alone, and rows do not affect each other: a sequence's tokens
/// are those it would get alone. Decoder and config must outlive it; calls must not overlap.
class RunningBatch {
 public:
  RunningBatch(Decoder& decoder, int64_t seats);

  /// Reads the prompt and chooses its first token. `prompt_top` >= 0 asks for the prompt's scores with so many ids of each step.
  /// Throws ERR_CONFIG for a seat that is none or taken, ERR_NOT_FINITE, ERR_OUT_OF_MEMORY, ABORTED; the others are then as they were.
  Arrival join(int64_t seat, std::vector<int32_t> prompt, GenerateOptions options, int64_t prompt_top, const StopSignals& stop,
               const SeatListener& listener);
  /// Gives every sequence up to `steps` tokens; comes back as soon as one has left, or when the flag after those of the seats is raised.
  std::vector<Departure> advance(int64_t steps, const StopSignals& stop, const SeatListener& listener);

 private:
  void make_room(int64_t rows, int64_t positions);
  PromptScores score_prompt(const std::vector<int32_t>& prompt, int64_t count, const StopSignals& stop);
  void step(const SeatListener& listener);
  void choose_on_host(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions);
  void choose_on_device(int64_t positions);
  void rows_change();
  std::vector<Departure> take_ended();

  Decoder& decoder_;
  int64_t seat_count_;
  KVCache cache_;
  std::vector<std::unique_ptr<Seat>> seats_;  // a row of the cache each, in order
  // Of these rows, null once they have changed: one of the two, as the device has it.
  std::unique_ptr<DecodeSession> session_;
  DeviceRows* on_device_ = nullptr;
  KeptRows kept_rows_;
};

}  // namespace hyperfit
