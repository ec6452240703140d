#include "ops/aten/table.h"

#include "decode/session.h"

namespace hyperfit::aten {

const Ops& table() {
  static const Ops kTable{
      .name = "aten",
      .empty = empty,
      .zeros = zeros,
      .round = round,
      .add = add,
      .accumulate = accumulate,
      .sum_rows = sum_rows,
      .matmul = matmul,
      .sums_bfloat16_in_float32 = sums_bfloat16_in_float32,
      .linear = linear,
      .linear_residual = linear_residual,
      .linear_float32 = linear_float32,
      .linear_residual_norm = nullptr,
      .norm = norm,
      .norm_again = norm,
      .norm_backward = norm_backward,
      .embedding = embedding,
      .embedding_backward = embedding_backward,
      .rotate = rotate,
      .rotate_token = rotate_token,
      .activate = activate,
      .activate_backward = activate_backward,
      .activate_gated = activate_gated,
      .activate_gated_backward = activate_gated_backward,
      .softcap = softcap,
      .softcap_backward = softcap_backward,
      .attention = attention,
      .attention_backward = attention_backward,
      .attention_bytes = attention_bytes,
      .attention_decode = attention_decode,
      .causal_softmax = causal_softmax,
      .causal_softmax_backward = causal_softmax_backward,
      .cross_entropy = cross_entropy,
      .loss_rows = 0,
      .token_stats = token_stats,
      .choose_tokens = nullptr,
      .norm_of = norm_of,
      .norms_whole_buffers = false,
      .adamw = adamw,
      .adamw_8bit = adamw_8bit,
      .decode_session = decode_session,
  };
  return kTable;
}

}  // namespace hyperfit::aten
