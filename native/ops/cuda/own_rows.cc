#include "ops/cuda/own_rows.h"

#include "decode/session.h"
#include "ops/aten/table.h"
#include "ops/cuda/table.h"
#include "ops/select.h"

namespace hyperfit::cuda {
namespace {

Ops make_stand_in() {
  Ops ops = aten::table();
  ops.name = "cuda stand-in";
  use_kernels(ops);
  return ops;
}

}  // namespace

void use_kernels(Ops& ops) {
  ops.cross_entropy = own::cross_entropy;
  ops.token_stats = own::token_stats;
  ops.activate = own::activate;
  ops.activate_backward = own::activate_backward;
  ops.activate_gated = own::activate_gated;
  ops.activate_gated_backward = own::activate_gated_backward;
  ops.rotate = own::rotate;
  ops.rotate_token = own::rotate_token;
  ops.attention_decode = own::attention_decode;
  ops.embedding_backward = own::embedding_backward;
  ops.norm = own::norm;
  ops.norm_again = own::norm_again;
  ops.norm_backward = own::norm_backward;
  ops.linear = own::linear;
  ops.linear_residual = own::linear_residual;
  ops.linear_float32 = own::linear_float32;
  ops.linear_residual_norm = own::linear_residual_norm;
  ops.choose_tokens = own::choose_tokens;
  ops.norm_of = own::norm_of;
  ops.norms_whole_buffers = true;
  ops.adamw = own::adamw;
  ops.adamw_8bit = own::adamw_8bit;
}

const Ops& libtorch_rows(at::Device device) { return computes_as_a_card(device) ? libtorch_table() : aten::table(); }

const Ops& stand_in_table() {
  static const Ops kTable = make_stand_in();
  return kTable;
}

}  // namespace hyperfit::cuda
