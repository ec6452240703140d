#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {
namespace {

HeadStrides strides_of_cache(const at::Tensor& cached) { return {cached.stride(0), cached.stride(1), cached.stride(2)}; }

bool takes(const at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span) {
  const at::Tensor& positions = span.positions;
  return may_launch_from("attend", q.device()) && is_plain(q) && out.is_contiguous() && out.scalar_type() == q.scalar_type() &&
         k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type() && k.stride(3) == 1 && v.stride(3) == 1 &&
         q.size(3) <= kMostHeadSize && positions.defined() && positions.device() == q.device() && positions.scalar_type() == at::kLong &&
         positions.is_contiguous();
}

}  // namespace

void attention_decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span,
                      const AttentionRule& rule, AttentionScratch& scratch) {
  if (!takes(out, q, k, v, span)) return libtorch_rows(q.device()).attention_decode(out, q, k, v, span, rule, scratch);
  const AttendSizes sizes{q.size(0), q.size(1), q.size(1) / k.size(1), q.size(3), (k.size(2) + kThreads - 1) / kThreads};
  const at::Tensor parts =
      scratch.scores.view({sizes.batch * sizes.heads * sizes.splits * (2 + sizes.size)}, q.options().dtype(at::kFloat));
  const bool done =
      HYPERFIT_LAUNCH_BY_TYPE("attend", attend, q, blocks_for(sizes.batch * sizes.heads * sizes.splits, 1), data_of(parts), data_of(q),
                              data_of(k), data_of(v), data_of(span.positions), rule.scale, rule.softcap, span.window, sizes,
                              strides_of_cache(k), strides_of_cache(v)) &&
      HYPERFIT_LAUNCH_BY_TYPE("attend", attend_parts, q, blocks_for(sizes.batch * sizes.heads, 1), data_of(out), data_of(parts), sizes);
  if (!done) libtorch_rows(q.device()).attention_decode(out, q, k, v, span, rule, scratch);
}

}  // namespace hyperfit::cuda::own
