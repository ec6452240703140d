#pragma once
#include <napi.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "binding/tensor_table.h"
#include "engine/error.h"

namespace hyperfit::binding {

/// Readers of JavaScript arguments. Each names the argument it refuses; the failures become plain TypeErrors.
/// A missing argument reads as undefined, so arity needs no check of its own.

/// The largest integer that a JS number holds exactly.
constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

/// What a value is, in the words of a JavaScript programmer: "string", "null", "array", "Float32Array", "object".
std::string describe_value(const Napi::Value& value);

[[noreturn]] void refuse(const std::string& expected, const std::string& name, const std::string& got);
[[noreturn]] void refuse(const std::string& expected, const std::string& name, const Napi::Value& got);

bool read_boolean(const Napi::Value& value, const std::string& name);
double read_number(const Napi::Value& value, const std::string& name);
std::string read_string(const Napi::Value& value, const std::string& name);
Napi::Object read_object(const Napi::Value& value, const std::string& name);
Napi::Array read_array(const Napi::Value& value, const std::string& name);
Napi::Function read_function(const Napi::Value& value, const std::string& name);

/// A whole number between `min` and `max`, both included.
int64_t read_integer(const Napi::Value& value, const std::string& name, int64_t min = -kMaxSafeInteger,
                     int64_t max = kMaxSafeInteger);

/// The number of a native object. Whether it still lives is for its table to say.
Handle read_handle(const Napi::Value& value, const std::string& name);

/// Sizes of a tensor, each at least 0.
std::vector<int64_t> read_shape(const Napi::Value& value, const std::string& name);

/// The name of the JS class whose elements are T.
template <class T>
constexpr const char* array_class() {
  if constexpr (std::is_same_v<T, uint8_t>) return "Uint8Array";
  if constexpr (std::is_same_v<T, uint16_t>) return "Uint16Array";
  if constexpr (std::is_same_v<T, int32_t>) return "Int32Array";
  if constexpr (std::is_same_v<T, int64_t>) return "BigInt64Array";
  if constexpr (std::is_same_v<T, float>) return "Float32Array";
  if constexpr (std::is_same_v<T, double>) return "Float64Array";
}

template <class T>
constexpr napi_typedarray_type array_type() {
  if constexpr (std::is_same_v<T, uint8_t>) return napi_uint8_array;
  if constexpr (std::is_same_v<T, uint16_t>) return napi_uint16_array;
  if constexpr (std::is_same_v<T, int32_t>) return napi_int32_array;
  if constexpr (std::is_same_v<T, int64_t>) return napi_bigint64_array;
  if constexpr (std::is_same_v<T, float>) return napi_float32_array;
  if constexpr (std::is_same_v<T, double>) return napi_float64_array;
}

/// A typed array of any element type, as it lies in memory. Valid until control returns to JavaScript.
struct ArrayView {
  napi_typedarray_type type;
  void* data;
  int64_t length;
};
ArrayView read_any_typed_array(const Napi::Value& value, const std::string& name);

/// The elements of a typed array of exactly this element type, uncopied. Valid until control returns to JavaScript.
template <class T>
std::span<T> read_typed_array(const Napi::Value& value, const std::string& name) {
  if (!value.IsTypedArray()) refuse(std::string("a ") + array_class<T>(), name, value);
  ArrayView view = read_any_typed_array(value, name);
  if (view.type != array_type<T>()) refuse(std::string("a ") + array_class<T>(), name, value);
  return {static_cast<T*>(view.data), static_cast<size_t>(view.length)};
}

/// A copy of the elements, for work that outlives the call.
template <class T>
std::vector<T> copy_typed_array(const Napi::Value& value, const std::string& name) {
  std::span<T> elements = read_typed_array<T>(value, name);
  return {elements.begin(), elements.end()};
}

}  // namespace hyperfit::binding
