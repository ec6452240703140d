#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// One AdamW step over `count` elements in one pass: m, v and w are updated from g, which is multiplied by `grad_scale` on
/// its way (memory keeps the unscaled g). `rounded`, unless null, gets the new weights in bfloat16.
struct AdamWStep {
  float* weights;
  float* exp_avg;
  float* exp_avg_sq;
  const float* gradients;
  c10::BFloat16* rounded;
  int64_t count;
  float beta1, beta2, eps;
  float decay;           // 1 - learning rate times weight decay
  float step_size;       // learning rate / (1 - beta1^t)
  float root_correction; // sqrt(1 - beta2^t)
  float grad_scale;
};

void adamw_step(const AdamWStep& call);

}  // namespace hyperfit::kernels
