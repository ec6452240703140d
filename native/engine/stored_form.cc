#include "engine/stored_form.h"

#include <ATen/ops/empty_like.h>

#include "engine/error.h"
#include "engine/quantize.h"

namespace hyperfit {

void require_storable(const std::string& name, const std::vector<int64_t>& shape, const StoredForm& form) {
  const BlockEncoder& encoder = block_encoder(form.type);
  if (form.transposed && shape.size() != 2)
    throw Error("ERR_SHAPE", "expected a matrix for `" + name + "` to store it transposed, got another shape");
  const int64_t columns = form.transposed ? shape.front() : shape.back();
  if (columns % encoder.elements == 0) return;
  throw Error("ERR_SHAPE", "expected rows of whole blocks of " + std::to_string(encoder.elements) + " for `" + name + "`, got rows of " +
                               std::to_string(columns) + "; choose another type");
}

void store_and_read(at::Tensor& out, const at::Tensor& values, const StoredForm& form, const std::string& name) {
  at::Tensor rows = (form.transposed ? values.t() : values).to(at::TensorOptions(at::kFloat).device(at::kCPU)).contiguous();
  if (form.add != 0) rows = rows.add(form.add);
  if (form.scale != 1) rows = rows.mul(form.scale);
  const bool is_in_place = out.is_cpu() && !form.transposed;
  at::Tensor read = is_in_place ? out : at::empty_like(rows);
  const BlockEncoder& encoder = block_encoder(form.type);
  if (!quantize_and_back(encoder, rows.const_data_ptr<float>(), rows.numel() / encoder.elements, read.mutable_data_ptr<float>())) {
    throw Error("ERR_NOT_FINITE", "expected finite weights within the range of " + form.type + " for `" + name +
                                      "`, got others; lower the learning rate, or go back to an earlier checkpoint");
  }
  if (form.scale != 1) read.div_(form.scale);
  if (form.add != 0) read.sub_(form.add);
  if (!is_in_place) out.copy_(form.transposed ? read.t() : read);
}

}  // namespace hyperfit
