#include "decode/device/growing_rows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace hyperfit {
namespace {

bool reads_history(const GenerateOptions& options) { return options.no_repeat_ngram_size > 0 || options.citation_index; }
bool marks_seen(const GenerateOptions& options) { return options.repetition_penalty != 1; }

}  // namespace

GrowingRows::GrowingRows(const std::vector<RowStart>& starts, int64_t capacity, int64_t vocabulary, const Ops& ops, at::Device device)
    : ops_(ops), capacity_(capacity), vocabulary_(vocabulary), upload_(ops) {
  const auto count = static_cast<int64_t>(starts.size());
  for (const RowStart& start : starts) options_.push_back(start.options);
  places_ = at::empty({3, count}, at::TensorOptions().dtype(at::kLong).device(device));
  tokens_ = places_.select(0, 0);
  positions_ = places_.select(0, 1);
  prompt_lengths_ = places_.select(0, 2);
  active_ = at::empty({count}, tensor_options(at::kBool));
  if (any(reads_history)) history_ = at::empty({count, capacity_ + 1}, tensor_options(at::kLong));
  if (any(marks_seen)) seen_ = at::empty({count, vocabulary_ + 1}, tensor_options(at::kBool));
  take(starts);
  stop_mask_ = mask_of(&GenerateOptions::stop_ids);
}

void GrowingRows::begin(const std::vector<RowStart>& starts) {
  for (size_t row = 0; row < starts.size(); ++row) options_[row] = starts[row].options;
  take(starts);
  for (const Beginnings& beginnings : beginnings_) write(beginnings);
}

// Behind a row stands an id that no head predicts, as do the ids of a prompt that the head does not know.
void GrowingRows::take(const std::vector<RowStart>& starts) {
  const auto count = static_cast<int64_t>(starts.size());
  const bool history = history_.defined(), seen = seen_.defined();
  int64_t longest = 0;
  for (const RowStart& start : starts) longest = std::max(longest, history || seen ? static_cast<int64_t>(start.ids.size()) : 0);
  at::Tensor ids = at::full({count, longest}, vocabulary_, at::kLong), places = at::zeros({3, count}, at::kLong),
             active = at::full({count}, 1, at::kLong);
  for (int64_t row = 0; row < count; ++row) {
    const RowStart& start = starts[row];
    if (longest > 0) std::copy(start.ids.begin(), start.ids.end(), ids.data_ptr<int64_t>() + row * longest);
    int64_t* const place = places.data_ptr<int64_t>() + row;
    place[0] = start.ids.back();
    place[count] = static_cast<int64_t>(start.ids.size()) - 1;
    place[2 * count] = start.prompt_length;
  }
  const std::vector<at::Tensor> there = upload_({places, active, ids}, active_.device());
  places_.copy_(there[0]);  // the next upload takes the place
  active_.copy_(there[1]);
  if (history) history_.zero_().narrow(1, 0, longest).copy_(there[2]);
  if (seen) seen_.zero_().scatter_(1, there[2].clamp_max(vocabulary_), true);
}

at::Tensor GrowingRows::column(at::ScalarType type, const std::function<double(const GenerateOptions&)>& of) const {
  std::vector<double> values;
  for (const GenerateOptions* options : options_) values.push_back(of(*options));
  if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end())
    return at::full({count(), 1}, values[0], tensor_options(type));
  return at::tensor(values, at::kDouble).to(type).unsqueeze(1).to(tokens_.device());
}

bool GrowingRows::any(const std::function<bool(const GenerateOptions&)>& has) const {
  return std::any_of(options_.begin(), options_.end(), [&](const GenerateOptions* options) { return has(*options); });
}

bool GrowingRows::any_draws() const {
  return any([](const GenerateOptions& options) { return options.sampling.temperature != 0; });
}

at::Tensor GrowingRows::penalties() const {
  if (!any(marks_seen)) return {};
  return column(at::kFloat, [](const GenerateOptions& options) { return options.repetition_penalty; });
}

at::Tensor GrowingRows::bias() const {
  if (!any([](const GenerateOptions& options) { return !options.logit_bias.empty(); })) return {};
  const bool alike = !any([&](const GenerateOptions& options) { return options.logit_bias != options_[0]->logit_bias; });
  at::Tensor bias = at::zeros({alike ? 1 : count(), vocabulary_}, at::kFloat);
  for (int64_t row = 0; row < bias.size(0); ++row) {
    for (const auto& [id, value] : options_[row]->logit_bias) {
      if (id >= 0 && id < vocabulary_) bias.data_ptr<float>()[row * vocabulary_ + id] += value;
    }
  }
  return bias.to(tokens_.device());
}

at::Tensor GrowingRows::mask_of(std::vector<int32_t> GenerateOptions::* ids) const {
  if (!any([&](const GenerateOptions& options) { return !(options.*ids).empty(); })) return {};
  const bool alike = !any([&](const GenerateOptions& options) { return options.*ids != options_[0]->*ids; });
  at::Tensor mask = at::zeros({alike ? 1 : count(), vocabulary_}, at::kBool);
  for (int64_t row = 0; row < mask.size(0); ++row) {
    for (int32_t id : options_[row]->*ids) {
      if (id >= 0 && id < vocabulary_) mask.data_ptr<bool>()[row * vocabulary_ + id] = true;
    }
  }
  return mask.to(tokens_.device());
}

at::Tensor GrowingRows::beginnings(const std::function<Counted(const GenerateOptions&)>& of) const {
  const auto is = [&](Counted counted) {
    return column(at::kBool, [&](const GenerateOptions& options) { return of(options) == counted; });
  };
  beginnings_.push_back({is(Counted::output), is(Counted::nothing), at::empty({count(), 1}, tensor_options(at::kLong))});
  write(beginnings_.back());
  return beginnings_.back().there;
}

void GrowingRows::write(const Beginnings& beginnings) const {
  at::Tensor there = beginnings.there;
  there.copy_(at::where(beginnings.is_nothing, capacity_, at::where(beginnings.is_output, prompt_lengths_.unsqueeze(1), 0)));
}

at::Tensor GrowingRows::append(const at::Tensor& ids, const at::Tensor& may) {
  const at::Tensor grows = active_.logical_and(may), which = ids.unsqueeze(1);
  positions_.add_(grows);
  tokens_.copy_(at::where(grows, ids, tokens_));
  if (history_.defined()) history_.scatter_(1, at::where(grows, positions_, capacity_).unsqueeze(1), which);
  if (seen_.defined()) seen_.scatter_(1, at::where(grows, ids, vocabulary_).unsqueeze(1), true);
  active_.copy_(stop_mask_.defined() ? grows.logical_and(stop_mask_.expand({count(), -1}).gather(1, which).squeeze(1).logical_not_())
                                     : grows);
  return grows;
}

void GrowingRows::keep(const std::vector<bool>& flags) {
  const at::Tensor numbers = at::tensor(std::vector<int64_t>(flags.begin(), flags.end()), at::kLong);
  active_.logical_and_(upload_({numbers}, tokens_.device()).front());
}

}  // namespace hyperfit
