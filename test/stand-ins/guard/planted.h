#pragma once
#include <ATen/core/Tensor.h>

// Faults such as the engine might have, planted to see them caught. Each says what it stands for.

namespace guard::planted {

/// Scores a row of logits by a plain pointer, as the sampler does, without fetching them first.
float touch_on_host(c10::Device device);
/// The same by a worker of at::parallel_for while this thread waits for it.
float touch_on_worker(c10::Device device);
/// Looks up rows of an embedding by ids that were left on the CPU.
at::Tensor leave_on_host(c10::Device device);
/// Uploads the ids of two steps through one pinned buffer and fills it again without a wait. Gives the sum of both, 12 where all is well.
int64_t reuse_staging(c10::Device device, bool with_wait);
/// Fetches a loss without blocking and reads it before it has come: not a number. With a wait it is 3.
double read_too_early(c10::Device device, bool with_wait);
/// Clips gradients by a norm of which it asks the value in the middle of a step.
at::Tensor hidden_read(c10::Device device);

}  // namespace guard::planted
