#include "binding/operator_call.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "binding/ivalue.h"
#include "binding/readers.h"
#include "engine/error.h"

namespace hyperfit::binding {
namespace {

struct Overload {
  c10::OperatorHandle handle;
  size_t positional_count;
  std::vector<std::string> outs;  // names of the tensors that an out= form writes
};
using Overloads = std::vector<Overload>;

Overload describe(const c10::OperatorHandle& handle) {
  Overload overload{handle, 0, {}};
  for (const c10::Argument& argument : handle.schema().arguments()) {
    if (argument.is_out()) overload.outs.push_back(argument.name());
    if (!argument.kwarg_only()) overload.positional_count += 1;
  }
  return overload;
}

// Named dimensions are strings in the schema, and an empty array would fit them as well as `int[] dim`.
bool takes_dimension_names(const c10::OperatorName& name) {
  return name.overload_name.find("names") != std::string::npos || name.overload_name.find("imname") != std::string::npos;
}

Overloads search_overloads(const std::string& base) {
  auto& dispatcher = c10::Dispatcher::singleton();
  Overloads found;
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    if (name.name != base || takes_dimension_names(name)) continue;
    if (auto handle = dispatcher.findSchema(name)) found.push_back(describe(*handle));
  }
  std::sort(found.begin(), found.end(), [](const Overload& left, const Overload& right) {
    return left.handle.operator_name().overload_name < right.handle.operator_name().overload_name;
  });
  return found;
}

Overloads search(const std::string& name) {
  size_t space = name.find("::");
  size_t dot = name.find('.', space == std::string::npos ? 0 : space);
  if (dot == std::string::npos) return search_overloads(name);
  auto handle = c10::Dispatcher::singleton().findSchema({name.substr(0, dot), name.substr(dot + 1)});
  return handle ? Overloads{describe(*handle)} : Overloads{};
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

torch::jit::Stack bind_positional(const Overload& overload, const Napi::Array& args, const TensorTable& tensors) {
  const c10::FunctionSchema& schema = overload.handle.schema();
  if (args.Length() > overload.positional_count) {
    throw Error("TypeError", schema.name() + "() expected at most " + std::to_string(overload.positional_count) +
                                 " positional arguments, got " + std::to_string(args.Length()));
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
torch::jit::Stack bind(const Overload& overload, const Napi::Array& args, const Napi::Object& kwargs, const TensorTable& tensors) {
  const c10::FunctionSchema& schema = overload.handle.schema();
  torch::jit::Stack stack = bind_positional(overload, args, tensors);
  auto named = bind_named(schema, kwargs, tensors);
  try {
    schema.checkAndNormalizeInputs(stack, named);
  } catch (const c10::Error& error) {
    throw Error("TypeError", error.what_without_backtrace());
  }
  return stack;
}

bool is_asked_for(const Overload& overload, const Napi::Object& kwargs) {
  return overload.outs.empty() || std::any_of(overload.outs.begin(), overload.outs.end(),
                                              [&](const std::string& out) { return kwargs.Has(out); });
}

// Exceptions cost microseconds; most overloads are told apart by the kinds of their positional arguments.
bool may_bind(const Overload& overload, const Napi::Array& args) {
  uint32_t count = args.Length();
  if (count > overload.positional_count) return false;
  for (uint32_t i = 0; i < count; ++i) {
    if (!may_convert(args.Get(i), overload.handle.schema().arguments()[i])) return false;
  }
  return true;
}

std::vector<const Overload*> candidates(const std::string& name, const Napi::Object& kwargs) {
  const Overloads& overloads = find_overloads(name);
  std::vector<const Overload*> chosen;
  for (const Overload& overload : overloads) {
    if (overloads.size() == 1 || is_asked_for(overload, kwargs)) chosen.push_back(&overload);
  }
  return chosen;
}

}  // namespace

std::vector<c10::IValue> call_operator(const std::string& name, const Napi::Array& args, const Napi::Object& kwargs,
                                       const TensorTable& tensors) {
  auto overloads = candidates(name, kwargs);
  std::stable_partition(overloads.begin(), overloads.end(), [&](const Overload* overload) { return may_bind(*overload, args); });
  std::string refusals;
  for (const Overload* overload : overloads) {
    torch::jit::Stack stack;
    try {
      stack = bind(*overload, args, kwargs, tensors);
    } catch (const Error& error) {
      if (error.code() != "TypeError" || overloads.size() == 1) throw;
      refusals += "\n  " + c10::toString(overload->handle.operator_name()) + ": " + error.what();
      continue;
    }
    overload->handle.callBoxed(stack);
    return stack;
  }
  throw Error("TypeError", "expected arguments that fit an overload of " + name + ", got some that fit none:" + refusals);
}

}  // namespace hyperfit::binding
