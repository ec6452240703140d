// The sources that NVRTC compiles for cards, compiled for the host.
#include <map>
#include <tuple>
#include <type_traits>

#include "registry.h"

#include "activation.cu"
#include "adamw.cu"
#include "adamw_8bit.cu"
#include "attend.cu"
#include "choose_tokens.cu"
#include "cross_entropy.cu"
#include "embedding_backward.cu"
#include "norm.cu"
#include "norm_backward.cu"
#include "rotate.cu"
#include "score_tokens.cu"
#include "skinny_gemm.cu"
#include "token_stats.cu"
#include "vector_norm.cu"
#include "weigh_tokens.cu"

namespace stand_in {
namespace {

using namespace hyperfit::cuda;

template <class T>
T argument(void* place, Translate translate) {
  T value = *static_cast<T*>(place);
  if constexpr (std::is_pointer_v<T>) {
    if (value != nullptr) value = static_cast<T>(translate(const_cast<void*>(static_cast<const void*>(value))));
  }
  return value;
}

template <class T>
void keep_address(std::vector<void*>& addresses, T value) {
  if constexpr (std::is_pointer_v<T>) addresses.push_back(const_cast<void*>(static_cast<const void*>(value)));
}

template <auto Kernel>
struct Run;

template <class... Parameters, void (*Kernel)(Parameters...)>
struct Run<Kernel> {
  static void blocks(const Blocks& blocks, void** arguments, Translate translate) {
    unpacked(blocks, arguments, translate, std::index_sequence_for<Parameters...>());
  }
  static KeptArguments keep(void** arguments) { return kept(arguments, std::index_sequence_for<Parameters...>()); }
  template <size_t... At>
  static KeptArguments kept(void** arguments, std::index_sequence<At...>) {
    auto values = std::make_shared<std::tuple<Parameters...>>(*static_cast<Parameters*>(arguments[At])...);
    KeptArguments made{values, {&std::get<At>(*values)...}, {}};
    (keep_address(made.addresses, std::get<At>(*values)), ...);
    return made;
  }
  template <size_t... At>
  static void unpacked(const Blocks& blocks, void** arguments, Translate translate, std::index_sequence<At...>) {
    const std::tuple<Parameters...> values(argument<Parameters>(arguments[At], translate)...);
    host_blocks = blocks.of;
    for (unsigned block = blocks.first; block < blocks.end; ++block) {
      host_block = block;
      Kernel(std::get<At>(values)...);
    }
  }
};

#define ENTRY(name)                                   \
  {                                                   \
    #name, { &Run<&name>::blocks, &Run<&name>::keep } \
  }
#define OF_TYPE(type)                                                                                                        \
  ENTRY(cross_entropy_##type), ENTRY(token_stats_##type), ENTRY(activate_##type), ENTRY(activate_backward_##type),           \
      ENTRY(activate_gated_##type), ENTRY(activate_gated_backward_##type), ENTRY(rotate_##type), ENTRY(rotate_token_##type), \
      ENTRY(add_norm_##type), ENTRY(attend_##type), ENTRY(attend_parts_##type)
#define BACKWARD(types) ENTRY(norm_backward_##types), ENTRY(norm_chunks_##types)

const std::map<std::string, HostKernel>& kernels() {
  static const std::map<std::string, HostKernel> kKernels = {
      OF_TYPE(float32),           OF_TYPE(bfloat16),           ENTRY(norm_float32_float32), ENTRY(norm_float32_bfloat16),
      ENTRY(norm_bfloat16_float32), ENTRY(norm_bfloat16_bfloat16), BACKWARD(float32_float32), BACKWARD(float32_bfloat16),
      BACKWARD(bfloat16_float32), BACKWARD(bfloat16_bfloat16),
      ENTRY(norm_gradients),     ENTRY(norm_backward_rounded), ENTRY(embedding_backward),
      ENTRY(adamw),               ENTRY(adamw_8bit),           ENTRY(vector_norm_parts),   ENTRY(vector_norm),
      ENTRY(skinny_gemm_1),       ENTRY(skinny_gemm_4),        ENTRY(skinny_gemm_8),
      ENTRY(skinny_gemm_conv1d_1), ENTRY(skinny_gemm_conv1d_4),
      ENTRY(score_tokens),         ENTRY(weigh_tokens),         ENTRY(choose_tokens)};
  return kKernels;
}

}  // namespace

HostKernel kernel_of(const std::string& name) {
  const auto found = kernels().find(name);
  return found == kernels().end() ? HostKernel{} : found->second;
}

}  // namespace stand_in
