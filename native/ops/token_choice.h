#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "ops/buffer.h"

namespace hyperfit {

/// What a citation index forbids, laid out for kernels: X contexts under a hash that no two of them share, Y forbidden ids, N tokens of
/// data, a vocabulary of U ids, W tokens of the longest context.
struct CitationArrays {
  at::Tensor longs;  // int64: hashes [X], rising; where each context's forbidden ids begin, and the end [X + 1]; factors of tokens [U] and
                     // places [W]
  at::Tensor ints;   // int32: ends [X] in the data, lengths [X], forbidden ids [Y], the data [N] and the vocabulary [U] in canonical ids,
                     // word marks [U]
  int64_t contexts, longest, banned, corpus, vocabulary;
  int64_t units;     // of a context: tokens, or words
  bool words;
};

/// One step of choosing ids for B rows by logits of a vocabulary of V, and of appending them: the order and the meaning of every option are
/// those of GenerationRow::advance. Tensors that an option does not ask for are undefined; what is [1 or B, V] may be shared by all rows.
struct TokenChoice {
  at::Tensor logits;             // float32 [B, V], which stay as they are
  at::Tensor rules;              // int64 [B, 6]: prompt length, least new tokens, size of n-grams (0: any), where what they count begins,
                                 // which of the tables, where what it counts begins
  at::Tensor bias, penalties;    // float32 [1 or B, V], [B, 1]
  at::Tensor suppressed, stops;  // bool [1 or B, V]
  std::vector<const CitationArrays*> tables;
  at::Tensor draws, uniform;                   // float64 [B, 4]: temperature (0: the best), top-k, top-p, min-p; [steps, B] in [0, 1)

  // Where the rows stand, which moves on
  at::Tensor tokens, positions, active;        // int64 [B], [B], bool [B]
  at::Tensor history, seen;                    // int64 [B, positions], bool [B, V]

  // What comes of it
  at::Tensor ids, steps, interventions;        // int64 [steps, B], which of them is next [B], counts [B]
  bool ends_step;                              // whether `steps` moves on

  Buffer& scratch;
};

}  // namespace hyperfit
