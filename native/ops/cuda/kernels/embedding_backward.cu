// The gradient of an embedding: rows of one token are added up in their order, by the block of the first of them, so that two runs give the
// same bits.
#include "numbers.h"

namespace hyperfit::cuda {

/// What the rows order[first], order[first + 1], ... before `end` give together in one column.
HYPERFIT_FUNCTION float sum_of_rows(const float* dx, const Index* order, Index first, Index end, Index size, Index column) {
  float sum = 0;
#pragma unroll 4
  for (Index i = first; i < end; ++i) sum += dx[order[i] * size + column];
  return sum;
}

HYPERFIT_FUNCTION Index end_of_token(const Index* sorted, Index first, Index rows) {
  Index end = first + 1;
  while (end < rows && sorted[end] == sorted[first]) ++end;
  return end;
}

HYPERFIT_KERNEL(embedding_backward, float* gradient, const float* dx, const Index* sorted, const Index* order, float scale, Index padding,
                Index rows, Index size) {
  for (Index row = block_index(); row < rows; row += block_count()) {
    const Index token = sorted[row];
    if (token == padding || (row > 0 && sorted[row - 1] == token)) continue;
    const Index end = end_of_token(sorted, row, rows);
    each_thread([&](int thread) {
      for (Index column = thread; column < size; column += kThreads) {
        gradient[token * size + column] += scale * sum_of_rows(dx, order, row, end, size, column);
      }
    });
  }
}

}  // namespace hyperfit::cuda
