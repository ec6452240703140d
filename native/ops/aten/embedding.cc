#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/segment_reduce.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {
namespace {

// gradient[token] += scale times the sum of its rows of dx. Rows are sorted by token and each token's are summed up in their order;
// what is then added has one row a token that is not zero, so that a device which adds in any order gives the same bits every time.
void add_sums_by_token(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale) {
  if (tokens.size(0) == 0) return;
  auto [sorted, order] = at::sort(tokens, /*stable=*/std::optional<bool>(true), /*dim=*/0, /*descending=*/false);
  const int64_t count = tokens.size(0);
  const at::Tensor is_new = sorted.narrow(0, 1, count - 1).ne(sorted.narrow(0, 0, count - 1));
  at::Tensor segment = at::zeros({count}, tokens.options());  // which token of the batch, counted from 0, a row belongs to
  segment.narrow(0, 1, count - 1).copy_(is_new.cumsum(0));
  // Segments that are not there are empty and begin behind the last row.
  const at::Tensor starts = at::searchsorted(segment, at::arange(count + 1, tokens.options()));
  const at::Tensor sums = at::segment_reduce(dx.index_select(0, order), "sum", /*lengths=*/{}, /*indices=*/{}, starts, /*axis=*/0, /*unsafe=*/true, 0);
  const at::Tensor owners = sorted.index_select(0, starts.narrow(0, 0, count).clamp_max(count - 1));
  gradient.index_add_(0, owners, sums, scale);
}

}  // namespace

void embedding(at::Tensor& x, const at::Tensor& weight, const at::Tensor& tokens, double scale) {
  if (weight.scalar_type() == x.scalar_type()) {
    at::index_select_out(x, weight, 0, tokens);
  } else {
    x.copy_(at::index_select(weight, 0, tokens));
  }
  if (scale != 1) x.mul_(scale);
}

void embedding_backward(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale, int64_t padding_index) {
  if (padding_index < 0) return add_sums_by_token(gradient, dx, tokens, scale);
  // Of a tied head that row keeps what its product wrote.
  const at::Tensor row = gradient.select(0, padding_index), kept = row.clone();
  add_sums_by_token(gradient, dx, tokens, scale);
  row.copy_(kept);
}

}  // namespace hyperfit::aten
