#include "binding/operators/operators.h"
#include "decode/device/token_chooser.h"

namespace hyperfit::binding {
namespace {

std::vector<std::vector<int32_t>> rows_of(const at::Tensor& ids) {
  const at::Tensor host = ids.to(at::kCPU).contiguous();
  std::vector<std::vector<int32_t>> rows;
  for (int64_t row = 0; row < host.size(0); ++row) {
    const int64_t* const first = host.const_data_ptr<int64_t>() + row * host.size(1);
    rows.emplace_back(first, first + host.size(1));
  }
  return rows;
}

std::vector<double> values_of(const at::Tensor& numbers) {
  const at::Tensor host = numbers.to(at::kCPU).contiguous();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

// Of a step alone: what rows hold before is their prompt.
at::Tensor choose_tokens(const at::Tensor& logits, const at::Tensor& ids, const at::Tensor& uniform, double repetition_penalty,
                         int64_t no_repeat_ngram_size, at::IntArrayRef suppress_ids, double temperature, int64_t top_k, double top_p,
                         double min_p) {
  check_computes(logits, 2);
  check_float32(logits, logits.sizes(), logits);
  const bool has_ids = logits.numel() > 0 && ids.dim() == 2 && ids.size(0) == logits.size(0) && ids.size(1) > 0;
  TORCH_CHECK(has_ids, "expected logits [rows, vocabulary] and ids [rows, length], got ", logits.sizes(), " and ", ids.sizes());
  check_integers(ids.reshape({-1}), ids.numel(), 0, logits.size(1), logits);
  const bool has_numbers = uniform.scalar_type() == at::kDouble && uniform.sizes() == at::IntArrayRef{logits.size(0)};
  TORCH_CHECK(has_numbers, "expected `uniform` float64 [rows], got ", uniform.toString(), uniform.sizes());
  const auto is_share = [](double number) { return number >= 0 && number <= 1; };
  TORCH_CHECK(repetition_penalty > 0 && temperature >= 0 && is_share(top_p) && is_share(min_p),
              "expected a penalty above 0, a temperature of 0 or more, and shares of 1, got ", repetition_penalty, ", ", temperature, ", ",
              top_p, " and ", min_p);
  GenerateOptions options;
  options.max_new_tokens = 1;
  options.sampling = {temperature, top_k, top_p, min_p};
  options.repetition_penalty = repetition_penalty;
  options.no_repeat_ngram_size = no_repeat_ngram_size;
  options.suppress_ids.assign(suppress_ids.begin(), suppress_ids.end());
  const std::vector<std::vector<int32_t>> prompts = rows_of(ids);
  std::vector<RowStart> starts;
  for (const std::vector<int32_t>& prompt : prompts) starts.push_back({prompt, ids.size(1), &options});
  const Ops& ops = select_ops(logits.device());
  GrowingRows rows(starts, ids.size(1) + 1, logits.size(1), ops, logits.device());
  TokenChooser chooser(rows, 1);
  chooser.begin(rows.any_draws() ? values_of(uniform) : std::vector<double>());
  chooser.choose(logits.clone(), rows);
  return chooser.read(1).ids.select(0, 0).clone();
}

}  // namespace

void define_choice(torch::Library& library) {
  library.def(
      "choose_tokens(Tensor logits, Tensor ids, Tensor uniform, float repetition_penalty, int no_repeat_ngram_size, int[] suppress_ids, "
      "float temperature, int top_k, float top_p, float min_p) -> Tensor",
      &choose_tokens);
}

}  // namespace hyperfit::binding
