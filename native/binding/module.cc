#include <napi.h>

#include "binding/addon_data.h"
#include "binding/operators/operators.h"

namespace hyperfit::binding {

// The table of contents: each domain registers its own functions, named as in lib/addon-types.ts.
static Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData<AddonData>(new AddonData());
  init_library(env, exports);
  init_tensor(env, exports);
  init_files(env, exports);
  init_model(env, exports);
  register_operators();
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, init)

}  // namespace hyperfit::binding
