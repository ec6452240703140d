#pragma once
#include "engine/parameters.h"
#include "ops/ops.h"

namespace hyperfit {

/// Rows of the weight by token id, times `scale`.
struct Embedding {
  const Ops* ops = nullptr;
  Parameter* weight = nullptr;  // [vocabulary, hidden]
  double scale = 1;
  int64_t padding_index = -1;  // this row gets nothing from being read; -1 is none

  /// x [rows, hidden], tokens int64 [rows].
  void forward(at::Tensor& x, const at::Tensor& tokens) const { ops->embedding(x, weight->forward, tokens, scale); }
  /// dW[token] += scale dx, but for the row of padding. With a tied head its product has already written dW; otherwise the caller clears it
  /// first.
  void backward(const at::Tensor& dx, const at::Tensor& tokens) const {
    ops->embedding_backward(weight->gradient, dx, tokens, scale, padding_index);
  }
};

/// Rows of the weight by position, added to the tokens'; without a weight it does nothing.
struct PositionEmbedding {
  Parameter* weight = nullptr;  // [positions, hidden] or null

  /// x [B*T, hidden] of positions 0 .. T - 1.
  void forward(at::Tensor& x, int64_t sequence) const;
  /// x [rows, hidden] of one position a row, int64 [rows].
  void forward_at(at::Tensor& x, const at::Tensor& positions) const;
  void backward(const at::Tensor& dx, int64_t sequence, double beta) const;
};

}  // namespace hyperfit
