#pragma once
#include "numbers.h"

namespace hyperfit::cuda {

/// Elements of a row that are handled together.
constexpr int kColumns = 4;

/// Of one row: its mean, 0 for the root mean square, and 1 / deviation.
struct RowNorm {
  float mean, rstd;
};

/// stats [2, rows].
HYPERFIT_FUNCTION RowNorm read_norm(const float* stats, bool layer, Index row, Index rows) {
  return {layer ? stats[rows + row] : 0.0f, stats[row]};
}

/// Sums of one or two numbers of every element.
struct Sums {
  float a, b;
};

HYPERFIT_FUNCTION Sums join(const Sums& a, const Sums& b) { return {a.a + b.a, a.b + b.b}; }

/// What term(first, Width) of every element of a row gives together.
template <class Term>
HYPERFIT_FUNCTION Sums sum_of_row(Index size, bool wide, Term term) {
  const auto part = [&](int thread) {
    Sums sums{0, 0};
    each_column<kColumns>(thread, size, wide, [&]<int N>(Index first, Width<N> width) { sums = join(sums, term(first, width)); });
    return sums;
  };
  return gather<Sums>(part, [](const Sums& a, const Sums& b) { return join(a, b); });
}

}  // namespace hyperfit::cuda
