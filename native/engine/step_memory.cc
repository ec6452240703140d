#include "engine/step_memory.h"

#include "engine/workspace.h"
#include "graph/graph.h"
#include "ops/aten/table.h"
#include "ops/select.h"

namespace hyperfit {
StepMemory step_memory(const ModelConfig& config, at::Device device, at::ScalarType compute_dtype, const StepShape& shape) {
  // Tensors of the meta device have shapes and no memory.
  Workspace workspace(config, aten::table(), at::TensorOptions().dtype(at::kFloat).device(at::kMeta), compute_dtype, shape.activations);
  workspace.shape_keeping(shape.batch, shape.sequence, shape.first_trained);
  StepMemory memory;
  memory.activations = workspace.bytes();
  const int64_t rows = logit_rows(config, select_ops(device), shape.activations, shape.batch * shape.sequence);
  workspace.logits(rows);
  if (config.final_softcap > 0) workspace.logit_ratios(rows);
  memory.logits = workspace.bytes() - memory.activations;
  const AttentionShape queries{shape.batch, config.num_attention_heads, shape.sequence, config.head_dim, compute_dtype};
  const AttentionRule rule{config.query_scale, config.attention_softcap, 0};
  memory.attention = select_ops(device).attention_bytes(queries, rule);
  // The first run of a pass takes them from memory that others get afterwards, its graph from memory that nobody else gets.
  const bool gives_results = memory.attention != aten::attention_bytes(queries, rule);
  memory.graphs = gives_results && has_graphs(device) ? memory.attention : 0;
  memory.sums_in_float32 = compute_dtype == at::kFloat || select_ops(device).sums_bfloat16_in_float32();
  return memory;
}

}  // namespace hyperfit
