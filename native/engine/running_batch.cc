#include "engine/running_batch.h"

#include <ATen/Parallel.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <limits>

namespace hyperfit {
namespace {

constexpr int64_t kFirstPositions = 256;  // of a cache that grows by half
constexpr size_t kKeptBatches = 4;        // of other numbers of rows, whose graphs are kept
constexpr int64_t kScoredAtOnce = 256;    // positions of a prompt whose logits are in memory together
constexpr float kImpossible = -std::numeric_limits<float>::infinity();

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

void tell(const Seat& seat, const SeatListener& listener) {
  const Generation& result = seat.row.result();
  const auto count = static_cast<std::ptrdiff_t>(seat.options.token_stats ? seat.options.top_log_probabilities : 0);
  const auto top = std::min<std::ptrdiff_t>(count, static_cast<std::ptrdiff_t>(result.top_ids.size()));
  listener({seat.number, seat.row.last_token(), seat.row.last_log_probability(), {result.top_ids.end() - top, result.top_ids.end()},
            {result.top_log_probabilities.end() - top, result.top_log_probabilities.end()}});
}

// What one sequence meets, such as scores that are not finite, is its own affair.
template <class Choose>
void choose_token(Seat& seat, const Choose& choose) {
  try {
    choose(seat.row);
  } catch (const Error& error) {
    seat.failure = error;
    seat.row.end("cancelled");
  }
}

Departure departure_of(Seat& seat) { return {seat.number, std::move(seat.row.result()), std::move(seat.failure)}; }

}  // namespace

RunningBatch::RunningBatch(Decoder& decoder, int64_t seats)
    : decoder_(decoder),
      seat_count_(seats),
      cache_(decoder.config(), decoder.ops(), decoder.compute_options()),
      kept_rows_(decoder, cache_, kKeptBatches) {}

// The cache follows what is written, not what might be: a long limit that is never reached costs nothing.
void RunningBatch::make_room(int64_t rows, int64_t positions) {
  if (rows <= cache_.batch() && positions <= cache_.capacity()) return;
  rows_change();
  const int64_t most = decoder_.config().max_position_embeddings;
  int64_t capacity = std::max(std::min(most, kFirstPositions), cache_.capacity());
  while (capacity < positions) capacity = std::min(most, capacity + capacity / 2 + 1);
  const int64_t batch = rows <= cache_.batch() ? cache_.batch() : std::min(seat_count_, std::max(rows, 2 * cache_.batch()));
  kept_rows_.forget();
  cache_.grow(batch, capacity, std::min(static_cast<int64_t>(seats_.size()), cache_.batch()));
}

Arrival RunningBatch::join(int64_t number, std::vector<int32_t> prompt, GenerateOptions options, int64_t prompt_top,
                           const StopSignals& stop, const SeatListener& listener) {
  const bool taken = std::any_of(seats_.begin(), seats_.end(), [&](const auto& seat) { return seat->number == number; });
  if (taken || number < 0 || number >= seat_count_) {
    throw Error("ERR_CONFIG", "expected a free seat of the batch, got " + std::to_string(number) + "; take another");
  }
  Arrival arrival;
  auto seat = std::make_unique<Seat>(number, prompt, std::move(options));
  const auto row = static_cast<int64_t>(seats_.size()), length = static_cast<int64_t>(prompt.size());
  if (seat->row.active() || prompt_top >= 0) {
    decoder_.refresh_weights();
    rows_change();
    make_room(row + 1, length + 1);
    cache_.show_rows(row + 1);
    const std::vector<at::Tensor> ids =
        decoder_.upload({at::tensor(prompt, at::kLong), at::tensor(std::vector<int64_t>{length - 1}, at::kLong)});
    const TokenScores scores = TokenScores::read(decoder_.prefill({ids[0], 1, length}, ids[1], row, cache_, stop));
    if (seat->row.active()) seat->row.advance(scores, 0);
    if (prompt_top >= 0) arrival.prompt = score_prompt(prompt, prompt_top, stop);
    if (seat->row.length() > length) tell(*seat, listener);
  }
  if (seat->row.active()) {
    seats_.push_back(std::move(seat));
  } else {
    arrival.departure = departure_of(*seat);
  }
  return arrival;
}

PromptScores RunningBatch::score_prompt(const std::vector<int32_t>& prompt, int64_t count, const StopSignals& stop) {
  const auto total = static_cast<int64_t>(prompt.size()) - 1;
  PromptScores result;
  for (int64_t first = 0; first < total; first += kScoredAtOnce) {
    stop.throw_if_cancelled();
    const int64_t rows = std::min(kScoredAtOnce, total - first);
    const at::Tensor logits = to_host(decoder_.prompt_logits(first, rows));
    const int64_t vocabulary = logits.size(1);
    std::vector<PromptScores> parts(rows);
    at::parallel_for(0, rows, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) {
        const std::span<const float> scores(logits.data_ptr<float>() + index * vocabulary, vocabulary);
        const int32_t id = prompt[first + index + 1];
        // A start token that the head cannot predict has none.
        const float log_probability = id < vocabulary ? choice_stats(scores, id).log_probability : kImpossible;
        parts[index].log_probabilities.push_back(log_probability);
        append_top_choices(scores, count, parts[index].top_ids, parts[index].top_log_probabilities);
      }
    });
    for (const PromptScores& part : parts) {
      append(result.log_probabilities, part.log_probabilities);
      append(result.top_ids, part.top_ids);
      append(result.top_log_probabilities, part.top_log_probabilities);
    }
  }
  return result;
}

std::vector<Departure> RunningBatch::advance(int64_t steps, const StopSignals& stop, const SeatListener& listener) {
  decoder_.refresh_weights();
  for (int64_t done = 0; done < steps && !seats_.empty(); ++done) {
    stop.throw_if_cancelled();
    for (const auto& seat : seats_) {
      if (stop.row_ended(seat->number)) seat->row.end("cancelled");
    }
    std::vector<Departure> left = take_ended();
    if (!left.empty()) return left;
    step(listener);
    left = take_ended();
    if (!left.empty() || stop.row_ended(seat_count_)) return left;
  }
  return {};
}

void RunningBatch::step(const SeatListener& listener) {
  const auto count = static_cast<int64_t>(seats_.size());
  std::vector<int64_t> tokens, positions;
  for (const auto& seat : seats_) {
    tokens.push_back(seat->row.last_token());
    positions.push_back(seat->row.length() - 1);
  }
  make_room(count, *std::max_element(positions.begin(), positions.end()) + 1);
  if (DeviceRows::serve(decoder_)) {
    choose_on_device(*std::max_element(positions.begin(), positions.end()) + 1);
  } else {
    choose_on_host(tokens, positions);
  }
  for (int64_t index = 0; index < count; ++index) {
    if (seats_[index]->row.length() > positions[index] + 1) tell(*seats_[index], listener);
  }
}

void RunningBatch::choose_on_host(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) {
  const auto count = static_cast<int64_t>(seats_.size());
  if (!session_) {
    cache_.show_rows(count);
    session_ = decoder_.ops().decode_session(decoder_, cache_, count);
  }
  const TokenScores scores = session_->step(tokens, positions);
  at::parallel_for(0, count, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) choose_token(*seats_[index], [&](GenerationRow& row) { row.advance(scores, index); });
  });
}

void RunningBatch::choose_on_device(int64_t positions) {
  if (!on_device_) {
    std::vector<GenerationRow*> rows;
    for (const auto& seat : seats_) rows.push_back(&seat->row);
    cache_.show_rows(static_cast<int64_t>(rows.size()));
    on_device_ = &kept_rows_.take(std::move(rows), /*most_steps=*/1);
  }
  on_device_->begin(1);
  on_device_->queue(positions);
  const ChosenTokens chosen = on_device_->read(1);
  for (size_t index = 0; index < seats_.size(); ++index) {
    const auto at = static_cast<int64_t>(index);
    choose_token(*seats_[index], [&](GenerationRow& row) { chosen.hand_to(row, 0, at); });
    chosen.count_interventions(seats_[index]->row, at);
  }
}

void RunningBatch::rows_change() {
  session_.reset();
  on_device_ = nullptr;
}

// The last row of the cache takes the place of one that has left, so that the rows in use lie together.
std::vector<Departure> RunningBatch::take_ended() {
  std::vector<Departure> left;
  for (size_t index = 0; index < seats_.size();) {
    if (seats_[index]->row.active()) {
      ++index;
      continue;
    }
    left.push_back(departure_of(*seats_[index]));
    rows_change();
    const size_t last = seats_.size() - 1;
    if (index != last) {
      cache_.copy_row(static_cast<int64_t>(last), static_cast<int64_t>(index));
      seats_[index] = std::move(seats_[last]);
    }
    seats_.pop_back();
  }
  return left;
}

}  // namespace hyperfit
