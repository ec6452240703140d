#include "binding/readers.h"

namespace hyperfit::binding {
namespace {

const char* primitive_name(napi_valuetype type) {
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "boolean";
    case napi_number: return "number";
    case napi_string: return "string";
    case napi_symbol: return "symbol";
    case napi_function: return "function";
    case napi_bigint: return "bigint";
    default: return "object";
  }
}

// "Float32Array" and the like; any realm's, which `instanceof` would not see.
std::string class_name(const Napi::Value& value) {
  Napi::Value constructor = value.As<Napi::Object>().Get("constructor");
  if (!constructor.IsFunction()) return "object";
  Napi::Value name = constructor.As<Napi::Object>().Get("name");
  return name.IsString() && name.As<Napi::String>().Utf8Value() != "Object" ? name.As<Napi::String>().Utf8Value() : "object";
}

std::string render_number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

}  // namespace

std::string describe_value(const Napi::Value& value) {
  if (value.IsArray()) return "array";
  if (value.IsObject() && !value.IsFunction()) return class_name(value);
  return primitive_name(value.Type());
}

void refuse(const std::string& expected, const std::string& name, const std::string& got) {
  throw Error("TypeError", "expected " + expected + " for `" + name + "`, got " + got);
}

void refuse(const std::string& expected, const std::string& name, const Napi::Value& got) {
  refuse(expected, name, describe_value(got));
}

bool read_boolean(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) refuse("a boolean", name, value);
  return value.As<Napi::Boolean>().Value();
}

double read_number(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) refuse("a number", name, value);
  return value.As<Napi::Number>().DoubleValue();
}

std::string read_string(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) refuse("a string", name, value);
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object read_object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) refuse("an object", name, value);
  return value.As<Napi::Object>();
}

Napi::Array read_array(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) refuse("an array", name, value);
  return value.As<Napi::Array>();
}

Napi::Function read_function(const Napi::Value& value, const std::string& name) {
  if (!value.IsFunction()) refuse("a function", name, value);
  return value.As<Napi::Function>();
}

int64_t read_integer(const Napi::Value& value, const std::string& name, int64_t min, int64_t max) {
  if (!value.IsNumber()) refuse("an integer", name, value);
  double number = value.As<Napi::Number>().DoubleValue();
  bool whole = std::isfinite(number) && std::trunc(number) == number && std::fabs(number) <= kMaxSafeInteger;
  if (whole && number >= static_cast<double>(min) && number <= static_cast<double>(max)) return static_cast<int64_t>(number);
  bool bounded = min != -kMaxSafeInteger || max != kMaxSafeInteger;
  std::string range = bounded ? " from " + std::to_string(min) + " to " + std::to_string(max) : "";
  refuse("an integer" + range, name, render_number(number));
}

Handle read_handle(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) refuse("a native handle", name, value);
  return value.As<Napi::Number>().DoubleValue();
}

std::vector<int64_t> read_shape(const Napi::Value& value, const std::string& name) {
  Napi::Array array = read_array(value, name);
  std::vector<int64_t> shape(array.Length());
  for (uint32_t i = 0; i < shape.size(); ++i) {
    shape[i] = read_integer(array.Get(i), name + "[" + std::to_string(i) + "]", 0);
  }
  return shape;
}

ArrayView read_any_typed_array(const Napi::Value& value, const std::string& name) {
  if (!value.IsTypedArray()) refuse("a typed array", name, value);
  ArrayView view{};
  size_t length = 0;
  napi_status status = napi_get_typedarray_info(value.Env(), value, &view.type, &length, &view.data, nullptr, nullptr);
  if (status != napi_ok) refuse("a readable typed array", name, value);
  view.length = static_cast<int64_t>(length);
  return view;
}

}  // namespace hyperfit::binding
