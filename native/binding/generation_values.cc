#include "binding/generation_values.h"

#include <algorithm>

namespace hyperfit::binding {

Napi::Int32Array int_array(Napi::Env env, const std::vector<int32_t>& values) {
  Napi::Int32Array array = Napi::Int32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Float32Array float_array(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Object generation_object(Napi::Env env, const Generation& generation, bool token_stats) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("ids", int_array(env, generation.ids));
  result.Set("finishReason", generation.finish_reason);
  result.Set("interventions", Napi::Number::New(env, static_cast<double>(generation.interventions)));
  if (token_stats) {
    result.Set("logProbs", float_array(env, generation.log_probabilities));
    result.Set("entropies", float_array(env, generation.entropies));
  }
  return result;
}

}  // namespace hyperfit::binding
