#include "ops/cuda/table.h"

#include "decode/session.h"
#include "ops/aten/table.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda {
namespace {

Ops make() {
  Ops ops = aten::table();
  ops.name = "cuda";
  ops.matmul = matmul;
  ops.sums_bfloat16_in_float32 = sums_bfloat16_in_float32;
  ops.linear_float32 = linear_float32;
  ops.norm = norm;
  ops.norm_again = norm_again;
  ops.norm_backward = norm_backward;
  ops.attention = attention;
  ops.attention_backward = attention_backward;
  ops.attention_bytes = attention_bytes;
  ops.norm_of = norm_of;
  ops.norms_whole_buffers = true;
  return ops;
}

Ops make_with_kernels() {
  Ops ops = libtorch_table();
  use_kernels(ops);
  return ops;
}

}  // namespace

const Ops& libtorch_table() {
  static const Ops kTable = make();
  return kTable;
}

const Ops& table() {
  static const Ops kTable = make_with_kernels();
  return kTable;
}

}  // namespace hyperfit::cuda
