#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "engine/stored_form.h"

namespace hyperfit {

/// Writes rows `begin` to `end` of what is stored of `tensor` [rows, columns] (a vector is one row) at byte `offset` of the file
/// `path`, which must exist. Throws ERR_NOT_FINITE for numbers that are none, and where a type's range is too small for them;
/// ERR_SHAPE where rows are no whole blocks or do not lie in the tensor; ERR_CHECKPOINT when the file cannot be written.
void write_stored_rows(const std::string& path, int64_t offset, const std::string& name, const at::Tensor& tensor, const StoredForm& form,
                       int64_t begin, int64_t end);

}  // namespace hyperfit
