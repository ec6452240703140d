#pragma once

namespace hyperfit::binding {

/// Makes activations and norms of the engine operators of libtorch's dispatcher (`hyperfit::activate`, ...), so that they
/// can be called at any shape and type beside `aten::`, which is how their kernels are tested. They record no gradient.
void register_engine_operators();

}  // namespace hyperfit::binding
