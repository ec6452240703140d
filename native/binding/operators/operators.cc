#include "binding/operators/operators.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/tiles/split_gemm.h"
#include "ops/cpu/tiles/tiles.h"

namespace hyperfit::binding {
namespace {

/// What kernels that know how use from now on; gives what that is, which may be older where the machine is.
std::string limit_instruction_set(std::string newest) {
  static const std::vector<std::string> names = {"plain", "avx2", "avx512", "avx512_bf16", "amx"};  // in the order of InstructionSet
  const auto found = std::find(names.begin(), names.end(), newest);
  TORCH_CHECK(found != names.end(), "expected plain, avx2, avx512, avx512_bf16 or amx for `newest`, got ", newest);
  kernels::limit_instruction_set(static_cast<kernels::InstructionSet>(found - names.begin()));
  return names[static_cast<size_t>(kernels::instruction_set())];
}

// Never destroyed: a worker may outlive main.
torch::Library* define_operators() {
  auto* library = new torch::Library(torch::Library::FRAGMENT, "hyperfit", std::nullopt, __FILE__, __LINE__);
  library->def("limit_instruction_set(str newest) -> str", &limit_instruction_set);
  library->def("emulate_tiles(bool emulated) -> bool", &kernels::emulate_tiles);
  library->def("allow_split_float32(bool on) -> bool", &kernels::allow_split_float32);
  define_activations(*library);
  define_norms(*library);
  define_products(*library);
  define_precision(*library);
  define_attention(*library);
  define_embedding(*library);
  define_loss(*library);
  define_choice(*library);
  define_update(*library);
  return library;
}

}  // namespace

// Operators belong to the process, where a second copy of this addon may have made them already.
void register_operators() {
  if (c10::Dispatcher::singleton().findSchema({"hyperfit::limit_instruction_set", ""})) return;
  [[maybe_unused]] static torch::Library* const library = define_operators();
}

void check_computes(const at::Tensor& tensor, int64_t dimensions) {
  const bool computes = tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16;
  TORCH_CHECK(computes && tensor.is_contiguous() && tensor.dim() == dimensions, "expected ", dimensions,
              " dimensions of float32 or bfloat16, dense, got ", tensor.toString(), tensor.sizes());
}

void check_float32(const at::Tensor& tensor, at::IntArrayRef shape, const at::Tensor& other) {
  TORCH_CHECK(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.sizes() == shape && tensor.device() == other.device(),
              "expected float32 ", shape, ", dense, on ", other.device(), ", got ", tensor.toString(), tensor.sizes());
}

void check_alike(const at::Tensor& tensor, const at::Tensor& first) {
  TORCH_CHECK(tensor.sizes() == first.sizes() && tensor.scalar_type() == first.scalar_type() && tensor.device() == first.device() &&
                  tensor.is_contiguous(),
              "expected dense tensors of one shape, type and device, got ", first.toString(), first.sizes(), " and ", tensor.toString(),
              tensor.sizes());
}

void check_integers(const at::Tensor& tensor, int64_t count, int64_t lowest, int64_t limit, const at::Tensor& other) {
  TORCH_CHECK(tensor.scalar_type() == at::kLong && tensor.is_contiguous() && tensor.sizes() == at::IntArrayRef{count} &&
                  tensor.device() == other.device(),
              "expected int64 [", count, "] on ", other.device(), ", got ", tensor.toString(), tensor.sizes());
  const at::Tensor host = tensor.cpu();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t value = host.const_data_ptr<int64_t>()[i];
    TORCH_CHECK(value >= lowest && value < limit, "expected numbers from ", lowest, " to below ", limit, ", got ", value);
  }
}

}  // namespace hyperfit::binding
