#include "ops/cpu/table.h"

#include "decode/session.h"
#include "ops/aten/table.h"

namespace hyperfit::cpu {
namespace {

// A part reads and writes the head's gradient and reads its weights twice: 16 bytes an element at most, for 6 operations a row. With so
// many rows these are 96 operations a byte, and processors of two to eight threads do 15 to 30 in the time of a byte.
constexpr int64_t kLossRows = 256;

Ops make() {
  Ops ops = aten::table();
  ops.name = "cpu";
  ops.empty = empty;
  ops.zeros = zeros;
  ops.round = round;
  ops.add = add;
  ops.accumulate = accumulate;
  ops.matmul = matmul;
  ops.sums_bfloat16_in_float32 = sums_bfloat16_in_float32;
  ops.linear = linear;
  ops.linear_residual = linear_residual;
  ops.linear_float32 = linear_float32;
  ops.norm = norm;
  ops.norm_again = norm_again;
  ops.norm_backward = norm_backward;
  ops.embedding_backward = embedding_backward;
  ops.rotate = rotate;
  ops.activate = activate;
  ops.activate_backward = activate_backward;
  ops.activate_gated = activate_gated;
  ops.activate_gated_backward = activate_gated_backward;
  ops.attention = attention;
  ops.attention_backward = attention_backward;
  ops.attention_bytes = attention_bytes;
  ops.attention_decode = attention_decode;
  ops.causal_softmax = causal_softmax;
  ops.causal_softmax_backward = causal_softmax_backward;
  ops.cross_entropy = cross_entropy;
  ops.loss_rows = kLossRows;
  ops.adamw = adamw;
  ops.adamw_8bit = adamw_8bit;
  ops.decode_session = decode_session;
  return ops;
}

}  // namespace

const Ops& table() {
  static const Ops kTable = make();
  return kTable;
}

}  // namespace hyperfit::cpu
