#include <ATen/ops/arange.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/segment_reduce.h>
#include <ATen/ops/sort.h>

#include "ops/arena.h"
#include "ops/aten/table.h"

namespace hyperfit::aten {
namespace {

// gradient[token] += scale times the sum of its rows of dx. Rows are sorted by token and each token's are summed up in their order;
// what is then added has one row a token that is not zero, so that a device which adds in any order gives the same bits every time.
void add_sums_by_token(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale) {
  if (tokens.size(0) == 0) return;
  const Temporaries temporaries;
  const int64_t count = tokens.size(0);
  const auto integers = [&](int64_t size) { return temporaries.empty({size}, tokens.options()); };
  at::Tensor sorted = integers(count), order = integers(count);
  at::sort_out(sorted, order, tokens, /*stable=*/std::optional<bool>(true), /*dim=*/0, /*descending=*/false);
  at::Tensor is_new = temporaries.empty({count - 1}, tokens.options().dtype(at::kBool));
  at::ne_out(is_new, sorted.narrow(0, 1, count - 1), sorted.narrow(0, 0, count - 1));
  at::Tensor segment = integers(count);  // which token of the batch, counted from 0, a row belongs to
  segment.narrow(0, 0, 1).zero_();
  at::Tensor later = segment.narrow(0, 1, count - 1);
  at::cumsum_out(later, is_new, 0, at::kLong);
  // Segments that are not there are empty and begin behind the last row.
  at::Tensor numbers = integers(count + 1), starts = integers(count + 1);
  at::arange_out(numbers, count + 1);
  at::searchsorted_out(starts, segment, numbers);
  at::Tensor rows = temporaries.like(dx);
  at::index_select_out(rows, dx, 0, order);
  const at::Tensor sums = at::segment_reduce(rows, "sum", /*lengths=*/{}, /*indices=*/{}, starts, /*axis=*/0, /*unsafe=*/true, 0);
  at::Tensor owners = integers(count);
  at::index_select_out(owners, sorted, 0, starts.narrow(0, 0, count).clamp_max_(count - 1));
  gradient.index_add_(0, owners, sums, scale);
}

}  // namespace

void embedding(at::Tensor& x, const at::Tensor& weight, const at::Tensor& tokens, double scale) {
  if (weight.scalar_type() == x.scalar_type()) {
    at::index_select_out(x, weight, 0, tokens);
  } else {
    const Temporaries temporaries;
    at::Tensor rows = temporaries.empty(x.sizes(), weight.options());
    at::index_select_out(rows, weight, 0, tokens);
    x.copy_(rows);
  }
  if (scale != 1) x.mul_(scale);
}

void embedding_backward(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale, int64_t padding_index) {
  if (padding_index < 0) return add_sums_by_token(gradient, dx, tokens, scale);
  // Of a tied head that row keeps what its product wrote.
  const Temporaries temporaries;
  at::Tensor row = gradient.select(0, padding_index), kept = temporaries.like(row);
  kept.copy_(row);
  add_sums_by_token(gradient, dx, tokens, scale);
  row.copy_(kept);
}

}  // namespace hyperfit::aten
