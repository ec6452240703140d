#pragma once
#include <cstdint>

#include "ops/cpu/adamw/adamw.h"

namespace hyperfit::kernels {

/// As AdamWStep, whose moments are null: they are codes of the dynamic maps here, `count` in whole blocks of 256, each with its largest
/// magnitude.
struct AdamW8BitStep {
  AdamWStep rest;
  uint8_t *exp_avg, *exp_avg_sq;                // [count]
  float *exp_avg_absmax, *exp_avg_sq_absmax;    // [count / 256]
};

void adamw_8bit_step(const AdamW8BitStep& call);

}  // namespace hyperfit::kernels
