#include "binding/ivalue.h"

#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>
#include <c10/core/Device.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <optional>

#include "binding/readers.h"
#include "engine/error.h"

namespace hyperfit::binding {
namespace {

struct Name {
  const char* name;
  int64_t number;
};

constexpr Name kScalarTypes[] = {
    {"uint8", 0}, {"int8", 1}, {"int16", 2}, {"int32", 3}, {"int64", 4}, {"float16", 5}, {"float32", 6}, {"float64", 7},
    {"complex64", 9}, {"complex128", 10}, {"bool", 11}, {"bfloat16", 15},
};
constexpr Name kLayouts[] = {
    {"strided", static_cast<int64_t>(c10::Layout::Strided)},
    {"sparse_coo", static_cast<int64_t>(c10::Layout::Sparse)},
    {"sparse_csr", static_cast<int64_t>(c10::Layout::SparseCsr)},
};
constexpr Name kMemoryFormats[] = {
    {"contiguous_format", static_cast<int64_t>(c10::MemoryFormat::Contiguous)},
    {"preserve_format", static_cast<int64_t>(c10::MemoryFormat::Preserve)},
    {"channels_last", static_cast<int64_t>(c10::MemoryFormat::ChannelsLast)},
};

// An operator, one of its arguments, and the table that handles point into.
struct Target {
  const c10::FunctionSchema& schema;
  const c10::Argument& argument;
  const TensorTable& tensors;

  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const {
    throw Error("TypeError", schema.name() + "() expected " + expected + " for `" + argument.name() + "`, got " + got);
  }
  [[noreturn]] void refuse(const std::string& expected, const Napi::Value& got) const {
    refuse(expected, got.IsNumber() ? got.ToString().Utf8Value() : describe_value(got));
  }
};

double number_of(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }

bool is_safe_integer(double number) {
  return std::isfinite(number) && std::trunc(number) == number && std::fabs(number) <= static_cast<double>(kMaxSafeInteger);
}

c10::IValue to_tensor(const Napi::Value& value, const Target& target) {
  if (!value.IsObject() || value.IsArray()) target.refuse("a Tensor", value);
  Napi::Value handle = value.As<Napi::Object>().Get("handle");
  if (!handle.IsNumber()) target.refuse("a Tensor", value);
  try {
    return target.tensors.get(number_of(handle));
  } catch (const Error& error) {
    throw Error(error.code(), target.schema.name() + "(), argument `" + target.argument.name() + "`: " + error.what());
  }
}

int64_t to_int(const Napi::Value& value, const Target& target) {
  if (!value.IsNumber() || !is_safe_integer(number_of(value))) target.refuse("an int", value);
  return static_cast<int64_t>(number_of(value));
}

// 2 and 2.0 are one number in JS: whole numbers are ints, so that integer tensors keep their dtype. Not -0.
c10::IValue to_scalar(const Napi::Value& value, const Target& target) {
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (!value.IsNumber()) target.refuse("a number", value);
  double number = number_of(value);
  if (is_safe_integer(number) && !(number == 0 && std::signbit(number))) return static_cast<int64_t>(number);
  return number;
}

template <size_t Count>
int64_t to_named(const Napi::Value& value, const Name (&names)[Count], const char* expected, const Target& target) {
  if (value.IsNumber()) return to_int(value, target);
  if (!value.IsString()) target.refuse(expected, value);
  std::string text = value.As<Napi::String>();
  std::string known;
  for (const Name& candidate : names) {
    if (text == candidate.name) return candidate.number;
    known += std::string(known.empty() ? "" : ", ") + candidate.name;
  }
  target.refuse(std::string(expected) + " (" + known + ")", "\"" + text + "\"");
}

int64_t to_scalar_type(const Napi::Value& value, const Target& target) {
  int64_t number = to_named(value, kScalarTypes, "a dtype", target);
  if (number < 0 || number >= static_cast<int64_t>(c10::ScalarType::Undefined)) target.refuse("a dtype", value);
  return number;
}

c10::IValue to_device(const Napi::Value& value, const Target& target) {
  if (!value.IsString()) target.refuse("a device such as \"cpu\" or \"cuda:0\"", value);
  std::string text = value.As<Napi::String>();
  try {
    return c10::Device(text);
  } catch (const c10::Error&) {
    throw Error("ERR_DEVICE", target.schema.name() + "() expected \"cpu\", \"cuda\" or \"cuda:<index>\" for `" +
                                  target.argument.name() + "`, got \"" + text + "\"");
  }
}

std::string phrase(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType: return "a Tensor";
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return "an int";
    default: return type.str();
  }
}

c10::IValue convert(const Napi::Value& value, const c10::Type& real, const c10::Type& stored, const Target& target);

// `int[2]` takes one number for both, as in PyTorch.
c10::IValue to_list(const Napi::Value& value, const c10::Type& real, const c10::Type& stored, const Target& target) {
  const c10::Type& real_element = *real.castRaw<c10::ListType>()->getElementType();
  c10::TypePtr stored_element = stored.castRaw<c10::ListType>()->getElementType();
  c10::impl::GenericList list(stored_element);
  if (value.IsArray()) {
    auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) {
      list.push_back(convert(array.Get(i), real_element, *stored_element, target));
    }
    return list;
  }
  std::optional<int32_t> repeat = target.argument.N();
  if (!repeat || !value.IsNumber()) target.refuse("an array (" + real.str() + ")", value);
  c10::IValue element = convert(value, real_element, *stored_element, target);
  for (int32_t i = 0; i < *repeat; ++i) list.push_back(element);
  return list;
}

// `real` is the type as declared (ScalarType?, SymInt[]), `stored` as an IValue holds it (int?, int[]).
c10::IValue convert(const Napi::Value& value, const c10::Type& real, const c10::Type& stored, const Target& target) {
  if (real.kind() == c10::TypeKind::OptionalType) {
    if (value.IsNull() || value.IsUndefined()) return {};
    const c10::Type& inner = *real.castRaw<c10::OptionalType>()->getElementType();
    const auto* stored_optional = stored.castRaw<c10::OptionalType>();
    return convert(value, inner, stored_optional ? *stored_optional->getElementType() : stored, target);
  }
  switch (real.kind()) {
    case c10::TypeKind::TensorType: return to_tensor(value, target);
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return to_int(value, target);
    case c10::TypeKind::NumberType: return to_scalar(value, target);
    case c10::TypeKind::ScalarTypeType: return to_scalar_type(value, target);
    case c10::TypeKind::LayoutType: return to_named(value, kLayouts, "a layout", target);
    case c10::TypeKind::MemoryFormatType: return to_named(value, kMemoryFormats, "a memory format", target);
    case c10::TypeKind::DeviceObjType: return to_device(value, target);
    case c10::TypeKind::ListType: return to_list(value, real, stored, target);
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType:
      if (!value.IsBoolean()) target.refuse("a boolean", value);
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType:
      if (!value.IsNumber()) target.refuse("a number", value);
      return number_of(value);
    case c10::TypeKind::StringType:
      if (!value.IsString()) target.refuse("a string", value);
      return value.As<Napi::String>().Utf8Value();
    case c10::TypeKind::GeneratorType: target.refuse("null (generators stay inside; use manualSeed)", value);
    default: target.refuse(phrase(real) + ", which JavaScript cannot give,", value);
  }
}

bool may_be(const Napi::Value& value, const c10::Type& real, bool repeats) {
  switch (real.kind()) {
    case c10::TypeKind::OptionalType:
      return value.IsNull() || value.IsUndefined() || may_be(value, *real.castRaw<c10::OptionalType>()->getElementType(), repeats);
    case c10::TypeKind::TensorType: return value.IsObject() && !value.IsArray();
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType: return value.IsNumber();
    case c10::TypeKind::NumberType: return value.IsNumber() || value.IsBoolean();
    case c10::TypeKind::BoolType: return value.IsBoolean();
    case c10::TypeKind::ListType: return value.IsArray() || (repeats && value.IsNumber());
    default: return true;
  }
}

Napi::Value to_number(Napi::Env env, int64_t number) {
  if (number > kMaxSafeInteger || number < -kMaxSafeInteger) {
    throw Error("ERR_TORCH", "expected an integer that a JavaScript number can hold for the result, got " + std::to_string(number) +
                                 "; keep it in a tensor and read it with toTypedArray()");
  }
  return Napi::Number::New(env, static_cast<double>(number));
}

template <class Elements>
Napi::Value to_array(Napi::Env env, const Elements& elements, TensorTable& tensors) {
  Napi::Array array = Napi::Array::New(env, elements.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    array.Set(static_cast<uint32_t>(i), to_native_result(env, c10::IValue(elements[i]), tensors));
  }
  return array;
}

}  // namespace

c10::IValue to_ivalue(const Napi::Value& value, const c10::FunctionSchema& schema, const c10::Argument& argument,
                      const TensorTable& tensors) {
  return convert(value, *argument.real_type(), *argument.type(), Target{schema, argument, tensors});
}

bool may_convert(const Napi::Value& value, const c10::Argument& argument) {
  return may_be(value, *argument.real_type(), argument.N().has_value());
}

Napi::Value to_tensor_object(Napi::Env env, const at::Tensor& tensor, TensorTable& tensors) {
  if (!tensor.defined()) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("handle", Napi::Number::New(env, tensors.put(tensor)));
  return object;
}

Napi::Value to_native_result(Napi::Env env, const c10::IValue& value, TensorTable& tensors) {
  if (value.isTensor()) return to_tensor_object(env, value.toTensor(), tensors);
  if (value.isNone()) return env.Null();
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isInt()) return to_number(env, value.toInt());
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isDevice()) return Napi::String::New(env, value.toDevice().str());
  if (value.isTuple()) return to_array(env, value.toTupleRef().elements(), tensors);
  if (value.isList()) return to_array(env, value.toList().vec(), tensors);
  throw Error("ERR_TORCH", "expected an operator whose result has a JavaScript counterpart, got one that returns a " + value.tagKind());
}

}  // namespace hyperfit::binding
