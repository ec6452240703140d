#include "binding/operator_call.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <tuple>
#include <unordered_map>

#include "binding/ivalue.h"
#include "binding/readers.h"
#include "engine/error.h"

namespace hyperfit::binding {
namespace {

using Overloads = std::vector<c10::OperatorHandle>;

bool writes_out(const c10::OperatorHandle& handle) {
  const auto& arguments = handle.schema().arguments();
  return std::any_of(arguments.begin(), arguments.end(), [](const c10::Argument& argument) { return argument.is_out(); });
}

// Named dimensions are strings in the schema; an empty array would fit them before it fits `int[] dim`.
bool takes_dimension_names(const c10::OperatorName& name) {
  return name.overload_name.find("names") != std::string::npos || name.overload_name.find("imname") != std::string::npos;
}

bool tried_before(const c10::OperatorHandle& left, const c10::OperatorHandle& right) {
  auto key = [](const c10::OperatorHandle& handle) {
    const c10::OperatorName& name = handle.operator_name();
    return std::make_tuple(writes_out(handle), takes_dimension_names(name), name.overload_name);
  };
  return key(left) < key(right);
}

Overloads search_overloads(const std::string& base) {
  auto& dispatcher = c10::Dispatcher::singleton();
  Overloads found;
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    if (name.name != base) continue;
    if (auto handle = dispatcher.findSchema(name)) found.push_back(*handle);
  }
  std::sort(found.begin(), found.end(), tried_before);
  return found;
}

Overloads search(const std::string& name) {
  size_t space = name.find("::");
  size_t dot = name.find('.', space == std::string::npos ? 0 : space);
  if (dot == std::string::npos) return search_overloads(name);
  auto handle = c10::Dispatcher::singleton().findSchema({name.substr(0, dot), name.substr(dot + 1)});
  return handle ? Overloads{*handle} : Overloads{};
}

// Operators belong to the process, like libtorch itself, so every JS environment shares what was found. An unknown name
// is looked for again each time: a library loaded later may bring it. Never destroyed, since a worker may outlive main.
const Overloads& find_overloads(const std::string& name) {
  static auto& mutex = *new std::shared_mutex();
  static auto& known = *new std::unordered_map<std::string, Overloads>();
  {
    std::shared_lock lock(mutex);
    if (auto entry = known.find(name); entry != known.end()) return entry->second;
  }
  Overloads found = search(name);
  if (found.empty()) {
    throw Error("ERR_TORCH", "expected the name of an operator, such as \"aten::add\" or \"aten::add.Tensor\", for `name`, got \"" +
                                 name + "\"; libtorch has no operator of that name");
  }
  std::unique_lock lock(mutex);
  return known.emplace(name, std::move(found)).first->second;  // references into an unordered_map stay valid
}

std::string full_name(const c10::OperatorHandle& handle) { return c10::toString(handle.operator_name()); }

size_t positional_count(const c10::FunctionSchema& schema) {
  const auto& arguments = schema.arguments();
  return std::count_if(arguments.begin(), arguments.end(), [](const c10::Argument& argument) { return !argument.kwarg_only(); });
}

torch::jit::Stack bind_positional(const c10::FunctionSchema& schema, const Napi::Array& args, const TensorTable& tensors) {
  size_t limit = positional_count(schema);
  if (args.Length() > limit) {
    throw Error("TypeError", schema.name() + "() expected at most " + std::to_string(limit) + " positional arguments, got " +
                                 std::to_string(args.Length()));
  }
  torch::jit::Stack stack;
  stack.reserve(schema.arguments().size());
  for (uint32_t i = 0; i < args.Length(); ++i) {
    stack.push_back(to_ivalue(args.Get(i), schema, schema.arguments()[i], tensors));
  }
  return stack;
}

std::unordered_map<std::string, c10::IValue> bind_named(const c10::FunctionSchema& schema, const Napi::Object& kwargs,
                                                        const TensorTable& tensors) {
  std::unordered_map<std::string, c10::IValue> bound;
  Napi::Array keys = kwargs.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    std::string key = keys.Get(i).ToString();
    Napi::Value value = kwargs.Get(key);
    if (value.IsUndefined()) continue;
    auto index = schema.argumentIndexWithName(key);
    if (!index) throw Error("TypeError", schema.name() + "() expected no argument named `" + key + "`, got one");
    bound.emplace(key, to_ivalue(value, schema, schema.arguments()[*index], tensors));
  }
  return bound;
}

// Arguments in schema order, defaults filled in. The last check is libtorch's own: a wrong tag behind its back ends in
// internal assertions.
torch::jit::Stack bind(const c10::OperatorHandle& handle, const Napi::Array& args, const Napi::Object& kwargs,
                       const TensorTable& tensors) {
  const c10::FunctionSchema& schema = handle.schema();
  torch::jit::Stack stack = bind_positional(schema, args, tensors);
  auto named = bind_named(schema, kwargs, tensors);
  try {
    schema.checkAndNormalizeInputs(stack, named);
  } catch (const c10::Error& error) {
    throw Error("TypeError", error.what_without_backtrace());
  }
  return stack;
}

}  // namespace

std::vector<c10::IValue> call_operator(const std::string& name, const Napi::Array& args, const Napi::Object& kwargs,
                                       const TensorTable& tensors) {
  const Overloads& overloads = find_overloads(name);
  std::string refusals;
  for (const c10::OperatorHandle& handle : overloads) {
    torch::jit::Stack stack;
    try {
      stack = bind(handle, args, kwargs, tensors);
    } catch (const Error& error) {
      if (error.code() != "TypeError" || overloads.size() == 1) throw;
      refusals += "\n  " + full_name(handle) + ": " + error.what();
      continue;
    }
    handle.callBoxed(stack);
    return stack;
  }
  throw Error("TypeError", "expected arguments that fit an overload of " + name + ", got some that fit none:" + refusals);
}

}  // namespace hyperfit::binding
